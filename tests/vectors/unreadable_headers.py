# SPDX-License-Identifier: AGPL-3.0-or-later
"""Headers that no reader takes for one, each for one reason; and sound ones that nobody signed."""

from __future__ import annotations

from collections.abc import Iterator

import cbor2
from convergences_protocol import cbor, cose
from convergences_protocol.keys import SigningKey
from convergences_protocol.record import BODY_BYTES_MAX

from tests.vectors.record_parts import (
    ELEMENT,
    GOOD,
    GOOD_PAYLOAD,
    GOOD_PROTECTED,
    GOOD_SIGNATURE,
    KEY,
    PREVIOUS,
    TIME,
    TOWN,
    members,
    nested,
    raw,
    sealed,
    sized_payload,
    without,
)


def unreadable_headers() -> Iterator[tuple[str, str, bytes]]:
    yield "empty", "no bytes", b""
    yield "truncated", "the last byte is missing", GOOD[:-1]
    yield "trailing", "a byte after the end", GOOD + b"\x00"
    yield "untagged", "COSE_Sign1 without tag 18", GOOD[1:]
    yield "tag-17", "tag of COSE_Mac0", b"\xd1" + GOOD[1:]
    yield "tag-long", "tag 18 in two bytes", b"\xd8\x12" + GOOD[1:]
    yield "array-indefinite", "array of indefinite length", b"\xd2\x9f" + GOOD[2:] + b"\xff"
    yield "alg-eddsa", "algorithm -8, EdDSA of any curve", sealed(GOOD_PAYLOAD, cbor.encode({1: -8, 4: KEY.public}))
    yield "alg-es256", "another algorithm", sealed(GOOD_PAYLOAD, cbor.encode({1: -7, 4: KEY.public}))
    yield "no-alg", "no algorithm", sealed(GOOD_PAYLOAD, cbor.encode({4: KEY.public}))
    yield "no-kid", "no key", sealed(GOOD_PAYLOAD, cbor.encode({1: -19}))
    yield "short-kid", "key of 31 bytes", sealed(GOOD_PAYLOAD, cbor.encode({1: -19, 4: KEY.public[:31]}))
    yield "text-kid", "key as text", sealed(GOOD_PAYLOAD, cbor.encode({1: -19, 4: "a" * 32}))
    crit = cbor.encode({1: -19, 4: KEY.public, 10: 0})
    yield "protected-more", "a protected member more", sealed(GOOD_PAYLOAD, crit)
    yield (
        "protected-disorder",
        "protected members in the other order",
        sealed(GOOD_PAYLOAD, cbor2.dumps({4: KEY.public, 1: -19})),
    )
    yield (
        "unprotected",
        "something in the unprotected header",
        b"\xd2" + cbor.encode([GOOD_PROTECTED, {4: b"11"}, GOOD_PAYLOAD, GOOD_SIGNATURE]),
    )
    yield "detached", "no payload inside", b"\xd2" + cbor2.dumps([GOOD_PROTECTED, {}, None, GOOD_SIGNATURE])
    yield (
        "payload-long-head",
        "payload's length in two bytes where one does",
        GOOD.replace(b"\xa0\x58", b"\xa0\x59\x00", 1),
    )
    yield "payload-indefinite", "payload in chunks", GOOD[:43] + b"\x5f" + GOOD[43:-66] + b"\xff" + GOOD[-66:]
    yield (
        "signature-63",
        "signature of 63 bytes",
        b"\xd2" + cbor.encode([GOOD_PROTECTED, {}, GOOD_PAYLOAD, GOOD_SIGNATURE[:63]]),
    )
    yield "too-large", "4097 bytes", sealed(sized_payload(4097))
    yield "payload-not-cbor", "payload is a break", sealed(b"\xff")
    yield "payload-empty", "payload of no bytes", sealed(b"")
    yield "payload-array", "payload is an array", raw([1, 2, 3])
    yield "payload-trailing", "a byte after the payload's map", sealed(GOOD_PAYLOAD + b"\x00")
    yield "payload-tagged", "payload under tag 55799", sealed(b"\xd9\xd9\xf7" + GOOD_PAYLOAD)
    yield "keys-disorder", "keys out of order", raw({2: "actor", **without(2)})
    yield "keys-twice", "the kind twice", sealed(b"\xa6" + GOOD_PAYLOAD[1:] + b"\x06\x04")
    yield "keys-true", "true where key 1 should be", sealed(GOOD_PAYLOAD.replace(b"\xa5\x01", b"\xa5\xf5", 1))
    yield "keys-long", "key 1 in two bytes", sealed(GOOD_PAYLOAD.replace(b"\xa5\x01", b"\xa5\x18\x01", 1))
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


def bad_signatures() -> Iterator[tuple[str, str, bytes]]:
    order = 2**252 + 27742317777372353535851937790883648493
    s_part = int.from_bytes(GOOD_SIGNATURE[32:], "little")
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
        cose.sign1(cose.protected_header(other.public), GOOD_PAYLOAD, GOOD_SIGNATURE),
    )
    yield (
        "other-payload",
        "the payload of another record",
        sealed(cbor.encode(members() | {4: TIME + 1}))[:-64] + GOOD_SIGNATURE,
    )
    yield "no-aad", "signed without external_aad", sealed(GOOD_PAYLOAD, aad=b"")
    yield "other-aad", "signed for another version", sealed(GOOD_PAYLOAD, aad=b"convergences/record/2")
    identity = b"\x01" + bytes(31)
    small = cose.sign1(cose.protected_header(identity), GOOD_PAYLOAD, identity + bytes(32))
    yield "small-order", "the identity as key, for which the equation holds whatever is signed", small
    off_curve = b"\x02" + bytes(31)
    yield (
        "no-point",
        "a key that is no point of the curve",
        cose.sign1(cose.protected_header(off_curve), GOOD_PAYLOAD, GOOD_SIGNATURE),
    )
