# SPDX-License-Identifier: AGPL-3.0-or-later
"""The header of a record: signed, small, and all of a record that enters the log.

A header is a COSE_Sign1 message (RFC 9052 section 4.2, tag 18) of which everything but the payload is fixed:

    18([ << {1: -19, 4: author's key} >>, {}, << payload >>, signature ])    external_aad "convergences/record/1"

so a header is read by comparing a prefix, not by negotiating. The payload is a deterministic map with integer keys:

    1 element id   2 kind   3 digest of the element's previous header   4 author's time, seconds since 1970
    5 SHA-256 of the body   6 length of the body   7 content of a control record

in one of the shapes of `_SHAPES`: a statement, a withdrawal (no 5 and 6), or a control record (2, 4 and 7 alone).
A digest is over the whole header as logged, so a header is kept as received and never written anew.

`signature_valid` is apart from `read_header` because the signature costs ten times the rest and is checked elsewhere
(`framing.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple, TypeAlias

from . import cbor, cose
from .element import ElementId
from .errors import LocalError, Unreadable
from .framing import EXTERNAL_AAD, HEADER_BYTES_MAX, KEY_END, KEY_START, payload_of, signature_valid
from .keys import SigningKey
from .kinds.kind import is_kind_name
from .usual_header import read_usual

__all__ = [
    "BODY_BYTES_MAX",
    "DIGEST_BYTES",
    "EXTERNAL_AAD",
    "HEADER_BYTES_MAX",
    "TIME_MAX",
    "Content",
    "Header",
    "read_header",
    "signature_valid",
    "write_header",
]

BODY_BYTES_MAX = 65_536
"""A long article in full, or a town's outline; larger things are media, outside the records."""
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


class Header(NamedTuple):
    """A header whose shape has been checked; its signature and its kind have not.

    A named tuple because one is made for every record that arrives: a frozen dataclass takes four times as long.
    """

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


def read_header(raw: bytes) -> Header:
    """The header that `raw` is. Raises `Unreadable` unless its shape is exactly the one above; checks no signature."""
    if (usual := read_usual(raw)) is not None:
        author, territory, uuid, kind, previous, time, digest, length = usual
        return Header(raw, author, ElementId(territory, uuid), kind, previous, time, digest, length, None)
    return _read_strictly(raw)


def _read_strictly(raw: bytes) -> Header:
    """`read_header` of any header, usual or not: the strict door."""
    payload = _payload_map(raw)
    keys = tuple(payload)
    if keys not in _SHAPES:
        raise Unreadable(f"payload with keys {keys!r:.80}")
    kind, time = payload[_KIND], payload[_TIME]
    if not is_kind_name(kind):
        raise Unreadable("kind is not a name")
    if type(time) is not int or not 0 <= time <= TIME_MAX:
        raise Unreadable("time is not seconds since 1970")
    author = raw[KEY_START:KEY_END]
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


def write_header(
    key: SigningKey,
    kind: str,
    time: int,
    *,
    element: ElementId | None = None,
    previous: bytes | None = None,
    body: bytes | None = None,
    content: Content | None = None,
) -> bytes:
    """The signed header with these members. Raises `LocalError` for members that `read_header` would not read back."""
    payload: dict[int, object] = {_KIND: kind, _TIME: time}
    if element is not None:
        payload[_ELEMENT] = element.to_cbor()
    if previous is not None:
        payload[_PREVIOUS] = previous
    if body is not None:
        payload[_BODY_DIGEST], payload[_BODY_BYTES] = sha256(body).digest(), len(body)
    if content is not None:
        payload[_CONTENT] = dict(content)
    header = _signed(key, cbor.encode(payload))
    try:
        read_header(header)
    except Unreadable as error:
        raise LocalError(f"header cannot be written: {error.reason}") from error
    return header


def _signed(key: SigningKey, payload: bytes) -> bytes:
    protected = cose.protected_header(key.public)
    return cose.sign1(protected, payload, key.sign(cose.signed_bytes(protected, EXTERNAL_AAD, payload)))


def _payload_map(raw: bytes) -> dict[int, Any]:
    """The payload, through the strict door."""
    if len(raw) > HEADER_BYTES_MAX:
        raise Unreadable(f"header of {len(raw)} bytes, at most {HEADER_BYTES_MAX} are allowed")
    data = payload_of(raw)
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
