# SPDX-License-Identifier: AGPL-3.0-or-later
"""Records: a small signed header that enters the log, and a body that can be erased.

A header is a COSE_Sign1 message (RFC 9052 section 4.2, tag 18) of which everything but the payload is fixed:

    18([ << {1: -19, 4: author's key} >>, {}, << payload >>, signature ])    external_aad "convergences/record/1"

so a header is read by comparing a prefix, not by negotiating. The payload is a deterministic map with integer keys:

    1 element id   2 kind   3 digest of the element's previous header   4 author's time, seconds since 1970
    5 SHA-256 of the body   6 length of the body   7 content of a control record

in one of the shapes of `_SHAPES`: a statement, a withdrawal (no 5 and 6), or a control record (2, 4 and 7 alone).
A digest is over the whole header as logged. A body is a map of a 16-byte `salt` and the kind's fields.

`author_…` and `read_…` are the two sides of the strict door. What does not pass is `Unreadable`: kept, never projected.
`signature_valid` is apart from `read_header` because the signature costs ten times the rest and runs in other threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeAlias

import cbor2

from . import cbor
from .element import ElementId
from .errors import Fault, LocalError, Refused, Unreadable
from .keys import SigningKey, verify
from .kinds import KINDS, check, known_fields
from .kinds.kind import is_kind_name

HEADER_BYTES_MAX = 4096
"""A statement takes about 225 bytes; the rest is for control records, whose content is in the header."""
BODY_BYTES_MAX = 65_536
"""A long article in full, or a town's outline; larger things are media, outside the records."""
EXTERNAL_AAD = b"convergences/record/1"
SALT = "salt"
SALT_BYTES = 16
DIGEST_BYTES = 32
TIME_MAX = 253_402_300_799
"""The last second of the year 9999. The time is the author's word and orders nothing; it only has to be writable."""

Content: TypeAlias = Mapping[str, Any] | Mapping[int, Any]
"""What a control record says; its kind's own module knows the shape."""

_ELEMENT, _KIND, _PREVIOUS, _TIME, _BODY_DIGEST, _BODY_BYTES, _CONTENT = range(1, 8)
_FIRST_STATEMENT = (_ELEMENT, _KIND, _TIME, _BODY_DIGEST, _BODY_BYTES)
_STATEMENT = (_ELEMENT, _KIND, _PREVIOUS, _TIME, _BODY_DIGEST, _BODY_BYTES)
_WITHDRAWAL = (_ELEMENT, _KIND, _PREVIOUS, _TIME)
_CONTROL = (_KIND, _TIME, _CONTENT)
_SHAPES = frozenset({_FIRST_STATEMENT, _STATEMENT, _WITHDRAWAL, _CONTROL})
"""The keys a payload may have, in order. A withdrawal always has a previous: there must be something to withdraw."""

# Tag 18, array of 4, byte string of 38 bytes: {1: -19, 4: byte string of 32} -- then the key.
_PREFIX = bytes.fromhex("d2845826a20132045820")
_KEY_START, _KEY_END = len(_PREFIX), len(_PREFIX) + 32
_PROTECTED_START = 2
_PAYLOAD_START = _KEY_END + 1
_UNPROTECTED = b"\xa0"
_SIGNATURE_HEAD = b"\x58\x40"
_SIGNATURE_BYTES = 64
_TAIL_BYTES = len(_SIGNATURE_HEAD) + _SIGNATURE_BYTES
# Sig_structure (RFC 9052 section 4.4): an array of 4 whose first and third members never change.
_SIGNED_CONTEXT = b"\x84\x6aSignature1"
_SIGNED_AAD = bytes([0x40 + len(EXTERNAL_AAD)]) + EXTERNAL_AAD


@dataclass(frozen=True, slots=True)
class Header:
    """A header whose shape has been checked; its signature and its kind have not."""

    raw: bytes
    author: bytes
    element: ElementId | None
    kind: str
    previous: bytes | None
    time: int
    body_digest: bytes | None
    body_bytes: int | None
    content: Content | None

    @property
    def digest(self) -> bytes:
        """SHA-256 of the whole logged bytes: what `previous` and an erasure name."""
        return sha256(self.raw).digest()

    @property
    def is_withdrawal(self) -> bool:
        return self.element is not None and self.body_digest is None

    @property
    def is_control(self) -> bool:
        return self.element is None


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
    payload = _payload(element, kind, previous, time)
    payload[_BODY_DIGEST], payload[_BODY_BYTES] = sha256(body).digest(), len(body)
    return Record(_sign(key, payload), body)


def author_withdrawal(key: SigningKey, element: ElementId, kind: str, *, previous: bytes, time: int) -> Record:
    """A signed statement that `element` is no more. Its history stays; to be forgotten is another thing (erasure)."""
    return Record(_sign(key, _payload(element, kind, previous, time)), None)


def author_control(key: SigningKey, kind: str, content: Content, time: int) -> bytes:
    """The header of a control record: a log's opening, a line of the charter, an erasure."""
    if not is_kind_name(kind):
        raise LocalError(f"{kind!r} is not a kind's name")
    return _sign(key, {_KIND: kind, _TIME: _checked_time(time), _CONTENT: dict(content)})


def encode_body(kind: str, fields: Mapping[str, object], salt: bytes) -> bytes:
    """The bytes of a body, checked as an author's. Raises `Refused` with every fault, `LocalError` for a bad salt."""
    if kind not in KINDS:
        raise LocalError(f"{kind!r} is not a kind of record")
    if len(salt) != SALT_BYTES:
        raise LocalError(f"a salt is {SALT_BYTES} bytes, this one is {len(salt)}")
    if faults := check(KINDS[kind], fields):
        raise Refused(faults)
    body = cbor.encode({**fields, SALT: salt})
    if len(body) > BODY_BYTES_MAX:
        raise Refused([Fault("", "body_too_long", {"bytes": len(body), "bytes_max": BODY_BYTES_MAX})])
    return body


def read_header(raw: bytes) -> Header:
    """The header that `raw` is. Raises `Unreadable` unless its shape is exactly the one above; checks no signature."""
    payload = _payload_map(raw)
    keys = tuple(payload)
    if keys not in _SHAPES:
        raise Unreadable(f"payload with keys {keys!r:.80}")
    kind, time = payload[_KIND], payload[_TIME]
    if not is_kind_name(kind):
        raise Unreadable("kind is not a name")
    if type(time) is not int or not 0 <= time <= TIME_MAX:
        raise Unreadable("time is not seconds since 1970")
    author = raw[_KEY_START:_KEY_END]
    if keys == _CONTROL:
        return Header(raw, author, None, kind, None, time, None, None, _content(payload[_CONTENT]))
    try:
        element = ElementId.from_cbor(payload[_ELEMENT])
    except ValueError as error:
        raise Unreadable(str(error)) from error
    previous, body_digest, body_bytes = payload.get(_PREVIOUS), payload.get(_BODY_DIGEST), payload.get(_BODY_BYTES)
    _check_digest(previous)
    _check_digest(body_digest)
    if body_bytes is not None and (type(body_bytes) is not int or not 0 < body_bytes <= BODY_BYTES_MAX):
        raise Unreadable(f"length of body is {body_bytes!r:.40}, not 1 to {BODY_BYTES_MAX}")
    return Header(raw, author, element, kind, previous, time, body_digest, body_bytes, None)


def signature_valid(raw: bytes) -> bool:
    """Whether `raw` is shaped as a header and its author's key signed it. Never raises; releases the interpreter."""
    if _payload_of(raw) is None:
        return False
    return verify(raw[_KEY_START:_KEY_END], _to_be_signed(raw), raw[-_SIGNATURE_BYTES:])


def read_body(header: Header, body: bytes) -> dict[str, object]:
    """The fields of a statement's body, without the salt. Raises `Unreadable` for whatever does not pass the door.

    A field that this version does not know is passed over, so that a newer town stays visible to an older one.
    """
    if header.body_digest is None:
        raise LocalError(f"{header.kind} record {header.digest.hex()[:8]}… has no body to read")
    if len(body) != header.body_bytes or sha256(body).digest() != header.body_digest:
        raise Unreadable("body is not the one that the header names")
    kind = KINDS.get(header.kind)
    if kind is None:
        raise Unreadable("unknown kind")
    value = cbor.decode(body)
    if type(value) is not dict:
        raise Unreadable("body is not a map")
    salt = value.pop(SALT, None)
    if type(salt) is not bytes or len(salt) != SALT_BYTES:
        raise Unreadable("body without its salt")
    fields = known_fields(kind, value)
    if faults := check(kind, fields):
        raise Unreadable("; ".join(str(fault) for fault in faults[:3]))
    return fields


def _payload(element: ElementId, kind: str, previous: bytes | None, time: int) -> dict[int, object]:
    """The members that statements and withdrawals share, in key order."""
    if not is_kind_name(kind):
        raise LocalError(f"{kind!r} is not a kind's name")
    payload: dict[int, object] = {_ELEMENT: element.to_cbor(), _KIND: kind}
    if previous is not None:
        if len(previous) != DIGEST_BYTES:
            raise LocalError(f"previous is {len(previous)} bytes, a digest has {DIGEST_BYTES}")
        payload[_PREVIOUS] = previous
    payload[_TIME] = _checked_time(time)
    return payload


def _checked_time(time: int) -> int:
    if not 0 <= time <= TIME_MAX:
        raise LocalError(f"time {time} is not seconds since 1970")
    return time


def _sign(key: SigningKey, payload: dict[int, object]) -> bytes:
    wrapped = cbor2.dumps(cbor.encode(payload))
    unsigned = _PREFIX + key.public + _UNPROTECTED + wrapped + _SIGNATURE_HEAD + bytes(_SIGNATURE_BYTES)
    if len(unsigned) > HEADER_BYTES_MAX:
        raise LocalError(f"header of {len(unsigned)} bytes, at most {HEADER_BYTES_MAX} are allowed")
    return unsigned[:-_SIGNATURE_BYTES] + key.sign(_to_be_signed(unsigned))


def _to_be_signed(raw: bytes) -> bytes:
    """Sig_structure of a framed header: its members are slices of the header, already encoded as they must be."""
    return _SIGNED_CONTEXT + raw[_PROTECTED_START:_KEY_END] + _SIGNED_AAD + raw[_PAYLOAD_START:-_TAIL_BYTES]


def _payload_map(raw: bytes) -> dict[int, Any]:
    """The payload, through the strict door."""
    data = _payload_of(raw)
    if data is None:
        raise Unreadable("not framed as a header")
    payload = cbor.decode(data)
    if type(payload) is not dict:
        raise Unreadable("payload is not a map")
    return payload


def _check_digest(value: object) -> None:
    if value is not None and (type(value) is not bytes or len(value) != DIGEST_BYTES):
        raise Unreadable("digest is not 32 bytes")


def _content(value: object) -> Content:
    if type(value) is not dict:
        raise Unreadable("content of a control record is not a map")
    return value


def _payload_of(raw: bytes) -> bytes | None:
    """The payload's bytes when the fixed parts are in their places and the payload fills the rest, or None."""
    end = len(raw) - _TAIL_BYTES
    if end <= _PAYLOAD_START or len(raw) > HEADER_BYTES_MAX or not raw.startswith(_PREFIX):
        return None
    if not raw.startswith(_UNPROTECTED, _KEY_END) or not raw.startswith(_SIGNATURE_HEAD, end):
        return None
    # The byte string's head: 0x58 and a byte, 0x59 and two, or the length itself below 24; the shortest that does.
    first = raw[_PAYLOAD_START]
    if first == 0x58:
        start, shortest = _PAYLOAD_START + 2, 24
    elif first == 0x59:
        start, shortest = _PAYLOAD_START + 3, 256
    else:
        start, shortest = _PAYLOAD_START + 1, 0
    length = int.from_bytes(raw[_PAYLOAD_START + 1 : start], "big") if shortest else first - 0x40
    return raw[start:end] if length >= shortest and start + length == end else None
