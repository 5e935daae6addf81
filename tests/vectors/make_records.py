# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes the golden vectors of records: `python tests/vectors/make_records.py` (`--check` only compares).

Keys, salts and times are fixed, and Ed25519 signs the same bytes the same way, so the files never change unless the
format does; a change here is a change of protocol. Invalid records are put together by hand, part by part, since the
functions that author records refuse to. `records/README.md` says how another implementation would use the files.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import cbor2
from convergences_protocol import cbor, cose
from convergences_protocol.element import ElementId
from convergences_protocol.keys import SigningKey
from convergences_protocol.record import (
    BODY_BYTES_MAX,
    EXTERNAL_AAD,
    Record,
    author_control,
    author_record,
    author_withdrawal,
    read_header,
    signature_valid,
)

FOLDER = Path(__file__).resolve().parent / "records"

Vector = dict[str, Any]

KEY = SigningKey.from_seed(bytes(range(32)))
TIME = 1_780_000_000
SALT = bytes(range(16))
TOWN = "FR-93066"
ELEMENT = ElementId.new(TOWN, 1_780_000_000_000, bytes(range(10)))
OTHER = ElementId.new("FR-93001", 1_780_000_000_001, bytes(range(10)))
THEME = ElementId.new("FR-200057867", 1_780_000_000_002, bytes(range(10)))
PREVIOUS = sha256(b"previous header").digest()

FULL_FIELDS: dict[str, dict[str, object]] = {
    "actor": {
        "name": "Le 6b",
        "type": "collective",
        "other_names": ["6B", "Association le 6b"],
        "summary": "Lieu de création et de diffusion",
        "description": "Ateliers d’artistes au bord du canal.\n\n- musique\n- gravure",
        "themes": [str(THEME)],
        "address": "6-10 quai de Seine",
        "postcode": "93200",
        "locality": "Saint-Denis",
        "town": TOWN,
        "location": [489_300_000, 23_450_000],
        "website": "https://www.le6b.fr/",
        "email": "contact@le6b.fr",
        "phone": "+33 1 23 45 67 89",
        "opening_hours": "Mo-Fr 10:00-18:00",
        "founded": "2010",
        "dissolved": "2030-12-31",
        "source": "exemple",
        "source_id": "6b",
        "licence": "etalab-2.0",
        "fetched": "2026-05-14T10:00:00Z",
        "language": "fr",
    },
    "action": {
        "name": "Fête des communs",
        "type": "event",
        "status": "confirmed",
        "start": "2026-05-14T18:30+02:00",
        "end": "2026-05-14T23:00+02:00",
        "recurrence": "FREQ=WEEKLY;BYDAY=TH;COUNT=10",
        "exceptions": ["2026-05-21"],
        "timezone": "Europe/Paris",
        "audience": "tout public",
    },
    "place": {"name": "Parc de la Légion d’honneur", "type": "park", "accessibility": "chemins plats", "began": "1809"},
    "resource": {"name": "Soudure", "type": "skill", "summary": "À l’arc et au chalumeau", "themes": [str(THEME)]},
    "theme": {"name": "Musique", "broader": str(THEME), "colour": "#8e44ad"},
    "relation": {
        "subject": str(ELEMENT),
        "predicate": "organises",
        "object": str(OTHER),
        "from": "2020-09",
        "to": "2025",
        "role": "coordination",
    },
    "content": {
        "name": "Le jardin rouvre",
        "type": "announcement",
        "text": "Samedi, à **10 h**.",
        "about": [str(ELEMENT)],
        "published": "2026-05-14",
        "media": [
            {
                "digest": sha256(b"photo").hexdigest(),
                "type": "image/webp",
                "bytes": 5,
                "alt": "Le portail du jardin, ouvert",
                "width": 1600,
                "height": 1200,
                "credit": "Zoé Martin",
                "licence": "https://creativecommons.org/licenses/by/4.0/",
                "sizes": [{"digest": sha256(b"small").hexdigest(), "bytes": 5, "width": 400, "height": 300}],
            },
            {
                "digest": sha256(b"plan").hexdigest(),
                "type": "application/pdf",
                "bytes": 4,
                "alt": "Plan des parcelles",
            },
        ],
    },
    "territory": {
        "name": "Saint-Denis",
        "code": TOWN,
        "type": "commune",
        "within": ["FR-200057867", "FR-93"],
        "postcodes": ["93200", "93210", "93380"],
        "population": 150_000,
        "siren": "219300662",
        "former_names": ["Pierrefitte-sur-Seine"],
        "former_codes": ["FR-93059"],
        "centre": [489_356_000, 23_539_000],
        "outline": [[[489_000_000, 23_000_000, 489_000_000, 24_000_000, 490_000_000, 23_500_000]]],
    },
}


# -- valid records


def statement(kind: str, fields: dict[str, object], previous: bytes | None = None) -> Record:
    return author_record(KEY, ELEMENT, kind, fields, salt=SALT, previous=previous, time=TIME)


def body_vector(name: str, note: str, record: Record, fields: dict[str, object] | None) -> Vector:
    """A record whose header is readable and signed; `fields` is None when there is no body or its kind is unknown."""
    header = read_header(record.header)
    assert signature_valid(record.header)
    return {
        "name": name,
        "note": note,
        "header": record.header.hex(),
        "body": record.body.hex() if record.body is not None else None,
        "digest": header.digest.hex(),
        "author": header.author.hex(),
        "element": str(header.element) if header.element else None,
        "kind": header.kind,
        "previous": header.previous.hex() if header.previous else None,
        "time": header.time,
        "fields": fields,
    }


def with_body(body: bytes, kind: str = "actor") -> Record:
    """A well-signed header over any body, even one that no author would write."""
    payload = cbor.encode(members() | {2: kind, 5: sha256(body).digest(), 6: len(body)})
    return Record(sealed(payload), body)


def valid() -> Iterator[Vector]:
    for kind, fields in FULL_FIELDS.items():
        yield body_vector(f"{kind}", "a first statement", statement(kind, fields), fields)
    short: dict[str, object] = {"name": "Amicale", "type": "association"}
    yield body_vector(
        "edit", "a later statement names the header before it", statement("actor", short, PREVIOUS), short
    )
    own: dict[str, object] = {"name": "Repair café", "type": "x-repair-cafe"}
    yield body_vector("own-term", "a territory's own term", statement("action", own), own)
    named: dict[str, object] = {"name": "Repair café", "type": str(THEME)}
    yield body_vector("element-as-term", "an element as a term", statement("action", named), named)
    withdrawal = author_withdrawal(KEY, ELEMENT, "actor", previous=PREVIOUS, time=TIME)
    yield body_vector("withdrawal", "no body, and always a previous header", Record(withdrawal.header, None), None)
    control = author_control(KEY, "erasure", {"why": "droit à l’oubli", "of": [1, 2, None, True, b"\x00"]}, TIME)
    yield body_vector("control", "content in the header, no element", Record(control, None), None)
    yield body_vector("time-0", "the author's clock may be wrong", Record(author_control(KEY, "a", {}, 0), None), None)
    last = author_control(KEY, "a", {}, 253_402_300_799)
    yield body_vector("time-last", "the last second of 9999", Record(last, None), None)
    yield body_vector("largest-header", "4096 bytes", Record(sealed(sized_payload(4096)), None), None)
    newer = cbor.encode({"name": "Amicale", "type": "association", "salt": SALT, "seen_from_space": True})
    yield body_vector("unknown-field", "a field of a newer version is passed over", with_body(newer), short)
    unknown = cbor.encode({"name": "Pain", "salt": SALT})
    yield body_vector("unknown-kind", "kept, and read by a newer version", with_body(unknown, "offer"), None)


# -- headers put together by hand


def members() -> dict[int, object]:
    """The payload of a sound first statement."""
    return {1: ELEMENT.to_cbor(), 2: "actor", 4: TIME, 5: sha256(b"body").digest(), 6: 4}


def without(*keys: int) -> dict[int, object]:
    return {key: value for key, value in members().items() if key not in keys}


def sealed(payload: bytes, protected: bytes | None = None, aad: bytes = EXTERNAL_AAD) -> bytes:
    """A header over any payload, signed as it should be unless told otherwise."""
    protected = cose.protected_header(KEY.public) if protected is None else protected
    return cose.sign1(protected, payload, KEY.sign(cose.signed_bytes(protected, aad, payload)))


def raw(payload: object) -> bytes:
    """A header over a payload that our own encoder refuses."""
    return sealed(cbor2.dumps(payload))


def sized_payload(header_bytes: int) -> bytes:
    """A control record's payload that makes a header of exactly so many bytes."""
    spare = header_bytes - len(sealed(cbor.encode({2: "a", 4: TIME, 7: {"x": bytes(1000)}}))) + 1000
    return cbor.encode({2: "a", 4: TIME, 7: {"x": bytes(spare)}})


def nested(levels: int) -> object:
    value: object = 0
    for _ in range(levels):
        value = [value]
    return value


GOOD = sealed(cbor.encode(members()))
_PAYLOAD = cbor.encode(members())
_PROTECTED = cose.protected_header(KEY.public)
_SIGNATURE = GOOD[-64:]


def unreadable_headers() -> Iterator[tuple[str, str, bytes]]:
    yield "empty", "no bytes", b""
    yield "truncated", "the last byte is missing", GOOD[:-1]
    yield "trailing", "a byte after the end", GOOD + b"\x00"
    yield "untagged", "COSE_Sign1 without tag 18", GOOD[1:]
    yield "tag-17", "tag of COSE_Mac0", b"\xd1" + GOOD[1:]
    yield "tag-long", "tag 18 in two bytes", b"\xd8\x12" + GOOD[1:]
    yield "array-indefinite", "array of indefinite length", b"\xd2\x9f" + GOOD[2:] + b"\xff"
    yield "alg-eddsa", "algorithm -8, EdDSA of any curve", sealed(_PAYLOAD, cbor.encode({1: -8, 4: KEY.public}))
    yield "alg-es256", "another algorithm", sealed(_PAYLOAD, cbor.encode({1: -7, 4: KEY.public}))
    yield "no-alg", "no algorithm", sealed(_PAYLOAD, cbor.encode({4: KEY.public}))
    yield "no-kid", "no key", sealed(_PAYLOAD, cbor.encode({1: -19}))
    yield "short-kid", "key of 31 bytes", sealed(_PAYLOAD, cbor.encode({1: -19, 4: KEY.public[:31]}))
    yield "text-kid", "key as text", sealed(_PAYLOAD, cbor.encode({1: -19, 4: "a" * 32}))
    crit = cbor.encode({1: -19, 4: KEY.public, 10: 0})
    yield "protected-more", "a protected member more", sealed(_PAYLOAD, crit)
    yield (
        "protected-disorder",
        "protected members in the other order",
        sealed(_PAYLOAD, cbor2.dumps({4: KEY.public, 1: -19})),
    )
    yield (
        "unprotected",
        "something in the unprotected header",
        b"\xd2" + cbor.encode([_PROTECTED, {4: b"11"}, _PAYLOAD, _SIGNATURE]),
    )
    yield "detached", "no payload inside", b"\xd2" + cbor2.dumps([_PROTECTED, {}, None, _SIGNATURE])
    yield (
        "payload-long-head",
        "payload's length in two bytes where one does",
        GOOD.replace(b"\xa0\x58", b"\xa0\x59\x00", 1),
    )
    yield "payload-indefinite", "payload in chunks", GOOD[:43] + b"\x5f" + GOOD[43:-66] + b"\xff" + GOOD[-66:]
    yield "signature-63", "signature of 63 bytes", b"\xd2" + cbor.encode([_PROTECTED, {}, _PAYLOAD, _SIGNATURE[:63]])
    yield "too-large", "4097 bytes", sealed(sized_payload(4097))
    yield "payload-not-cbor", "payload is a break", sealed(b"\xff")
    yield "payload-empty", "payload of no bytes", sealed(b"")
    yield "payload-array", "payload is an array", raw([1, 2, 3])
    yield "payload-trailing", "a byte after the payload's map", sealed(_PAYLOAD + b"\x00")
    yield "payload-tagged", "payload under tag 55799", sealed(b"\xd9\xd9\xf7" + _PAYLOAD)
    yield "keys-disorder", "keys out of order", raw({2: "actor", **without(2)})
    yield "keys-twice", "the kind twice", sealed(b"\xa6" + _PAYLOAD[1:] + b"\x06\x04")
    yield "keys-true", "true where key 1 should be", sealed(_PAYLOAD.replace(b"\xa5\x01", b"\xa5\xf5", 1))
    yield "keys-long", "key 1 in two bytes", sealed(_PAYLOAD.replace(b"\xa5\x01", b"\xa5\x18\x01", 1))
    yield "keys-text", "keys as text", raw({str(key): value for key, value in members().items()})
    yield "key-8", "a member that the format has not", raw(members() | {8: 0})
    yield "no-kind", "no kind", raw(without(2))
    yield "no-time", "no time", raw(without(4))
    yield "no-length", "digest without length", raw(without(6))
    yield "no-digest", "length without digest", raw(without(5))
    yield "no-element", "a statement about nothing", raw(without(1))
    yield "withdrawal-first", "a withdrawal of what never was", raw(without(5, 6))
    yield "control-with-element", "a control record about an element", raw(without(5, 6) | {7: {}})
    yield "control-with-body", "a control record with a body", raw(without(1) | {7: {}})
    yield from (
        (name, note, raw(dict(sorted((members() | changes).items())))) for name, note, changes in _bad_members()
    )
    yield "digest-beside", "previous header of 31 bytes", raw(dict(sorted((members() | {3: PREVIOUS[:31]}).items())))
    for name, note, content in _bad_contents():
        yield f"content-{name}", note, raw({2: "erasure", 4: TIME, 7: content})
    disorder = sealed(
        cbor2.dumps({2: "erasure", 4: TIME}).replace(b"\xa2", b"\xa3", 1) + bytes.fromhex("07a2616200616100")
    )
    yield "content-disorder", "keys of the content out of order", disorder
    length_first = sealed(
        cbor2.dumps({2: "erasure", 4: TIME}).replace(b"\xa2", b"\xa3", 1) + bytes.fromhex("07a2200019010000")
    )
    yield "content-length-first", "content in the key order of RFC 7049", length_first


def _bad_members() -> Iterator[tuple[str, str, dict[int, object]]]:
    uuid = ELEMENT.uuid
    yield "element-text", "element id as text", {1: str(ELEMENT)}
    yield "element-alone", "element id without a uuid", {1: [TOWN]}
    yield "element-more", "element id with a third part", {1: [TOWN, uuid, 0]}
    yield "element-lower-case", "territory code in lower case", {1: ["fr-93066", uuid]}
    yield "element-no-territory", "not a territory code", {1: ["93066", uuid]}
    yield "element-newline", "territory code with a newline after it", {1: [TOWN + "\n", uuid]}
    yield "element-digits", "territory code in Arabic-Indic digits", {1: ["FR-٩٣٠٦٦", uuid]}
    yield "element-short", "uuid of 15 bytes", {1: [TOWN, uuid[:15]]}
    yield "element-uuid-4", "uuid of version 4", {1: [TOWN, uuid[:6] + b"\x40" + uuid[7:]]}
    yield "element-variant", "uuid of another variant", {1: [TOWN, uuid[:8] + b"\xc0" + uuid[9:]]}
    yield "kind-capital", "kind with a capital", {2: "Actor"}
    yield "kind-empty", "kind of no letters", {2: ""}
    yield "kind-long", "kind of 33 letters", {2: "a" * 33}
    yield "kind-bytes", "kind as bytes", {2: b"actor"}
    yield "time-negative", "before 1970", {4: -1}
    yield "time-far", "the year 10000", {4: 253_402_300_800}
    yield "time-float", "time as a float", {4: 1.5}
    yield "time-true", "time as true", {4: True}
    yield "time-text", "time as text", {4: "2026-05-14"}
    yield "digest-short", "digest of 31 bytes", {5: PREVIOUS[:31]}
    yield "digest-text", "digest as text", {5: PREVIOUS.hex()}
    yield "length-0", "a body of no bytes", {6: 0}
    yield "length-far", "a body above 64 KiB", {6: BODY_BYTES_MAX + 1}
    yield "length-true", "length as true", {6: True}


def _bad_contents() -> Iterator[tuple[str, str, object]]:
    yield "array", "content is an array", []
    yield "float", "a float", {"x": 1.5}
    yield "undefined", "the simple value undefined", {"x": cbor2.undefined}
    yield "bignum", "an integer beyond 64 bits", {"x": 2**64}
    yield "negative-bignum", "an integer below -2**63", {"x": -(2**63) - 1}
    yield "tag", "a tag", {"x": cbor2.CBORTag(0, "2026-05-14T00:00:00Z")}
    yield "shared", "a shared reference", {"x": cbor2.CBORTag(28, [])}
    yield "nfd", "text in form NFD", {"x": "e\u0301"}
    yield "nfd-key", "a key in form NFD", {"e\u0301": 0}
    yield "bytes-key", "a key of bytes", {b"x": 0}
    yield "null-key", "null as a key", {None: 0}
    yield "deep", "nested deeper than 16 levels", {"x": nested(17)}


# -- signatures that are not valid, over headers that read well


def bad_signatures() -> Iterator[tuple[str, str, bytes]]:
    order = 2**252 + 27742317777372353535851937790883648493
    s_part = int.from_bytes(_SIGNATURE[32:], "little")
    yield "flipped-r", "a bit of R flipped", GOOD[:-64] + bytes([GOOD[-64] ^ 1]) + GOOD[-63:]
    yield "flipped-s", "a bit of S flipped", GOOD[:-32] + bytes([GOOD[-32] ^ 1]) + GOOD[-31:]
    yield "zero", "a signature of zeros", GOOD[:-64] + bytes(64)
    yield (
        "s-plus-order",
        "S not reduced, which some libraries accept",
        GOOD[:-32] + (s_part + order).to_bytes(32, "little"),
    )
    other = SigningKey.from_seed(bytes(32))
    yield (
        "other-key",
        "the key of another author",
        cose.sign1(cose.protected_header(other.public), _PAYLOAD, _SIGNATURE),
    )
    yield (
        "other-payload",
        "the payload of another record",
        sealed(cbor.encode(members() | {4: TIME + 1}))[:-64] + _SIGNATURE,
    )
    yield "no-aad", "signed without external_aad", sealed(_PAYLOAD, aad=b"")
    yield "other-aad", "signed for another version", sealed(_PAYLOAD, aad=b"convergences/record/2")
    identity = b"\x01" + bytes(31)
    small = cose.sign1(cose.protected_header(identity), _PAYLOAD, identity + bytes(32))
    yield "small-order", "the identity as key, for which the equation holds whatever is signed", small
    off_curve = b"\x02" + bytes(31)
    yield (
        "no-point",
        "a key that is no point of the curve",
        cose.sign1(cose.protected_header(off_curve), _PAYLOAD, _SIGNATURE),
    )


# -- bodies that are not readable, under sound headers


def unreadable_bodies() -> Iterator[tuple[str, str, Record]]:
    good = statement("actor", {"name": "Amicale", "type": "association"})
    assert good.body is not None
    base: dict[str, object] = {"name": "Amicale", "type": "association", "salt": SALT}

    def changed(**changes: object) -> Record:
        return with_body(cbor.encode(base | changes))

    def unencoded(body: object) -> Record:
        return with_body(cbor2.dumps(body))

    yield "other-body", "a body that the header does not name", Record(good.header, good.body[:-1] + b"\x00")
    yield "trailing", "a byte after the body that the header names", Record(good.header, good.body + b"\x00")
    yield "empty-map", "a map of nothing", unencoded({})
    yield "array", "not a map", unencoded([])
    yield "no-salt", "no salt", unencoded({"name": "Amicale", "type": "association"})
    yield "short-salt", "salt of 15 bytes", changed(salt=SALT[:15])
    yield "text-salt", "salt as text", changed(salt="0" * 16)
    yield "disorder", "keys out of order", unencoded({"type": "association", "name": "Amicale", "salt": SALT})
    yield "indefinite", "map of indefinite length", with_body(b"\xbf" + good.body[1:] + b"\xff")
    yield "float", "coordinates as floats", with_body(cbor2.dumps(base | {"location": [48.9, 2.3]}, canonical=True))
    yield "nfd", "a name in form NFD", unencoded({"name": "Cafe\u0301", "salt": SALT, "type": "association"})
    yield "no-name", "a required field is missing", unencoded({"salt": SALT, "type": "association"})
    yield "empty-name", "empty text", changed(name="")
    yield "blank-name", "text of spaces", changed(name=" \u00a0")
    yield "control-character", "a null character", changed(name="Ami\x00cale")
    yield "two-lines", "two lines where one is meant", changed(name="Ami\ncale")
    yield "name-bytes", "a name as bytes", changed(name=b"Amicale")
    yield "name-null", "null where a field should be absent", changed(name=None)
    yield "name-long", "a name of 301 characters", changed(name="a" * 301)
    yield "unknown-term", "a type that no list has", changed(type="guild")
    yield "capital-term", "an own term with a capital", changed(type="x-Guild")
    yield "empty-list", "a list of nothing", changed(themes=[])
    yield "list-alone", "a value where a list is meant", changed(themes=str(THEME))
    yield "long-list", "201 items", changed(other_names=["a"] * 201)
    yield "bad-element", "not an element id", changed(themes=["musique"])
    yield "upper-case-element", "an element id in upper case", changed(themes=[str(THEME).upper()])
    yield "bad-date", "the 30th of February", changed(founded="2026-02-30")
    yield "local-time", "a time of day without an offset", changed(founded="2026-05-14T10:00")
    yield "dates-disorder", "dissolved before founded", changed(founded="2020", dissolved="2019-12-31")
    yield "bad-territory", "not a territory code", changed(town="93066")
    yield "javascript", "an address that is a program", changed(website="javascript:alert(1)")
    yield "bad-email", "not an address", changed(email="amicale")
    yield "latitude", "beyond the pole", changed(location=[900_000_001, 0])
    yield "point-of-three", "a point with a height", changed(location=[0, 0, 0])
    yield (
        "bad-recurrence",
        "a rule by the hour",
        with_body(
            cbor.encode({"name": "a", "type": "event", "start": "2026", "recurrence": "FREQ=HOURLY", "salt": SALT}),
            "action",
        ),
    )
    yield (
        "relation-to-itself",
        "a relation with itself",
        with_body(
            cbor.encode({"subject": str(ELEMENT), "predicate": "about", "object": str(ELEMENT), "salt": SALT}),
            "relation",
        ),
    )


# -- files


def files() -> dict[str, list[Vector]]:
    """Every file's content, by name."""
    return {
        "valid.json": list(valid()),
        "unreadable-headers.json": [
            {"name": name, "note": note, "header": header.hex()} for name, note, header in unreadable_headers()
        ],
        "bad-signatures.json": [
            {"name": name, "note": note, "header": header.hex()} for name, note, header in bad_signatures()
        ],
        "unreadable-bodies.json": [
            {"name": name, "note": note, "header": record.header.hex(), "body": (record.body or b"").hex()}
            for name, note, record in unreadable_bodies()
        ],
    }


def text_of(vectors: list[Vector]) -> str:
    return json.dumps(vectors, ensure_ascii=False, indent=1) + "\n"


def main() -> int:
    changed = 0
    for name, vectors in files().items():
        path, text = FOLDER / name, text_of(vectors)
        if not path.exists() or path.read_text("utf-8") != text:
            changed += 1
            print(f"{'differs' if '--check' in sys.argv else 'written'}: {name}, {len(vectors)} vectors")
            if "--check" not in sys.argv:
                path.write_text(text, "utf-8")
    return 1 if changed and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
