# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the vectors of records are put together from: a key, ids, and headers over whatever payload.

Invalid records are put together by hand, part by part, since the functions that author records refuse to.
"""

from __future__ import annotations

from hashlib import sha256

import cbor2
from convergences_protocol import cbor, cose
from convergences_protocol.element import ElementId
from convergences_protocol.keys import SigningKey
from convergences_protocol.record import EXTERNAL_AAD, Record, author_record, read_header, signature_valid

from tests.vectors.writing import Vector

KEY = SigningKey.from_seed(bytes(range(32)))
TIME = 1_780_000_000
SALT = bytes(range(16))
TOWN = "FR-93066"
ELEMENT = ElementId.new(TOWN, 1_780_000_000_000, bytes(range(10)))
OTHER = ElementId.new("FR-93001", 1_780_000_000_001, bytes(range(10)))
THEME = ElementId.new("FR-200057867", 1_780_000_000_002, bytes(range(10)))
PREVIOUS = sha256(b"previous header").digest()


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
GOOD_PAYLOAD = cbor.encode(members())
GOOD_PROTECTED = cose.protected_header(KEY.public)
GOOD_SIGNATURE = GOOD[-64:]
