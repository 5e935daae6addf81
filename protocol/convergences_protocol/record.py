# SPDX-License-Identifier: AGPL-3.0-or-later
"""Records: a small signed header that enters the log (`header.py`), and a body that can be erased.

A body is a deterministic CBOR map: a random 16-byte `salt`, so that an erased body cannot be guessed back from its
digest, and the kind's fields. The header holds its digest and length.

`author_…` and `read_…` are the two sides of the strict door. What does not pass is `Unreadable`: kept, proved and
relayed all the same, projected by a program that can read it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from . import cbor
from .element import ElementId
from .errors import Fault, LocalError, Refused, Unreadable
from .header import (
    BODY_BYTES_MAX,
    DIGEST_BYTES,
    EXTERNAL_AAD,
    HEADER_BYTES_MAX,
    TIME_MAX,
    Content,
    Header,
    read_header,
    signature_valid,
    write_header,
)
from .keys import SigningKey
from .kinds import KINDS, check, known_fields

__all__ = [
    "BODY_BYTES_MAX",
    "DIGEST_BYTES",
    "EXTERNAL_AAD",
    "HEADER_BYTES_MAX",
    "SALT",
    "SALT_BYTES",
    "TIME_MAX",
    "Content",
    "Header",
    "Record",
    "author_control",
    "author_record",
    "author_withdrawal",
    "encode_body",
    "read_body",
    "read_header",
    "signature_valid",
]

SALT = "salt"
SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Record:
    """What an author has just made: the header's bytes, and the body's unless it is a withdrawal."""

    header: bytes
    body: bytes | None


def author_record(
    key: SigningKey,
    element: ElementId,
    kind: str,
    fields: Mapping[str, object],
    *,
    salt: bytes,
    previous: bytes | None,
    time: int,
) -> Record:
    """A signed statement that `element` is as `fields` say. `salt` is 16 random bytes, never used twice.

    Raises `Refused` with all that is wrong in `fields`, `LocalError` for the caller's own mistakes.
    """
    body = encode_body(kind, fields, salt)
    return Record(write_header(key, kind, time, element=element, previous=previous, body=body), body)


def author_withdrawal(key: SigningKey, element: ElementId, kind: str, *, previous: bytes, time: int) -> Record:
    """A signed statement that `element` is no more. Its history stays; to be forgotten is another thing (erasure)."""
    return Record(write_header(key, kind, time, element=element, previous=previous), None)


def author_control(key: SigningKey, kind: str, content: Content, time: int) -> bytes:
    """The header of a control record: a log's opening, a line of the charter, an erasure."""
    return write_header(key, kind, time, content=content)


def encode_body(kind: str, fields: Mapping[str, object], salt: bytes) -> bytes:
    """The bytes of a body, checked as an author's. Raises `Refused` with every fault, `LocalError` for a bad salt."""
    if kind not in KINDS or KINDS[kind].control:
        raise LocalError(f"{kind!r:.60} is not a kind of record")
    if len(salt) != SALT_BYTES:
        raise LocalError(f"a salt is {SALT_BYTES} bytes, this one is {len(salt)}")
    if faults := check(KINDS[kind], fields):
        raise Refused(faults)
    body = cbor.encode({**fields, SALT: salt})
    if len(body) > BODY_BYTES_MAX:
        raise Refused([Fault("", "body_too_long", {"bytes": len(body), "bytes_max": BODY_BYTES_MAX})])
    return body


def read_body(header: Header, body: bytes) -> dict[str, object]:
    """The fields of a statement's body, without the salt. Raises `Unreadable` for whatever does not pass the door.

    A field that this version does not know is passed over, so that a newer town stays visible to an older one.
    """
    if header.body_digest is None:
        raise LocalError(f"{header.kind} record {header.digest.hex()[:8]}… has no body to read")
    if len(body) != header.body_bytes or sha256(body).digest() != header.body_digest:
        raise Unreadable("body is not the one that the header names")
    kind = KINDS.get(header.kind)
    if kind is None or kind.control:
        raise Unreadable("unknown kind")
    fields = known_fields(kind, _unsalted(body))
    if faults := check(kind, fields):
        raise Unreadable("; ".join(str(fault) for fault in faults[:3]))
    return fields


def _unsalted(body: bytes) -> dict[str, object]:
    """The map that a body is, with its salt looked at and taken out."""
    value = cbor.decode(body)
    if type(value) is not dict:
        raise Unreadable("body is not a map")
    salt = value.pop(SALT, None)
    if type(salt) is not bytes or len(salt) != SALT_BYTES:
        raise Unreadable("body without its salt")
    return value
