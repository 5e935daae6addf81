# SPDX-License-Identifier: AGPL-3.0-or-later
"""The fixed parts of a header, and whether its author's key signed it (RFC 9052 section 4.4).

All that checking a signature takes is here, and it takes little: a header is a COSE_Sign1 message of which everything
but the payload is fixed, so what was signed is put together from slices of it. What the payload says is `header.py`'s.
Apart from it because a process that checks the signatures of a backlog needs nothing else of this floor, and is there
in a third of the time.
"""

from __future__ import annotations

from .signature import verify

HEADER_BYTES_MAX = 4096
"""A statement takes about 225 bytes; the rest is for control records, whose content is in the header."""
EXTERNAL_AAD = b"convergences/record/1"

# Tag 18, array of 4, byte string of 38 bytes: {1: -19, 4: byte string of 32} -- then the key.
_PREFIX = bytes.fromhex("d2845826a20132045820")
KEY_START, KEY_END = len(_PREFIX), len(_PREFIX) + 32
_PROTECTED_START = 2
_PAYLOAD_START = KEY_END + 1
_UNPROTECTED = b"\xa0"
_SIGNATURE_HEAD = b"\x58\x40"
_SIGNATURE_BYTES = 64
_TAIL_BYTES = len(_SIGNATURE_HEAD) + _SIGNATURE_BYTES
# Sig_structure (RFC 9052 section 4.4): an array of 4 whose first and third members never change.
_SIGNED_CONTEXT = b"\x84\x6aSignature1"
_SIGNED_AAD = bytes([0x40 + len(EXTERNAL_AAD)]) + EXTERNAL_AAD


def signature_valid(raw: bytes) -> bool:
    """Whether `raw` is shaped as a header and its author's key signed it. Never raises."""
    if payload_of(raw) is None:
        return False
    return verify(raw[KEY_START:KEY_END], to_be_signed(raw), raw[-_SIGNATURE_BYTES:])


def to_be_signed(raw: bytes) -> bytes:
    """`cose.signed_bytes` of a framed header: its members are slices of the header, already encoded as they must be."""
    return _SIGNED_CONTEXT + raw[_PROTECTED_START:KEY_END] + _SIGNED_AAD + raw[_PAYLOAD_START:-_TAIL_BYTES]


def payload_of(raw: bytes) -> bytes | None:
    """The payload's bytes when the fixed parts are in their places and the payload fills the rest, or None."""
    end = len(raw) - _TAIL_BYTES
    if end <= _PAYLOAD_START or len(raw) > HEADER_BYTES_MAX or not raw.startswith(_PREFIX):
        return None
    if not raw.startswith(_UNPROTECTED, KEY_END) or not raw.startswith(_SIGNATURE_HEAD, end):
        return None
    for head_bytes in (2, 3, 1):
        start = _PAYLOAD_START + head_bytes
        head = _byte_string_head(end - start)
        if len(head) == head_bytes and raw.startswith(head, _PAYLOAD_START):
            return raw[start:end]
    return None


def header_end(data: bytes) -> int | None:
    """Where the header that `data` begins with ends, by its payload's length; None if it does not begin with one."""
    first = data[_PAYLOAD_START] if len(data) > _PAYLOAD_START else 0
    head_bytes = {0x58: 2, 0x59: 3}.get(first, 1)
    start = _PAYLOAD_START + head_bytes
    length = int.from_bytes(data[_PAYLOAD_START + 1 : start], "big") if head_bytes > 1 else first - 0x40
    end = start + length + _TAIL_BYTES
    return end if length >= 0 and data.startswith(_SIGNATURE_HEAD, start + length) and end <= len(data) else None


def _byte_string_head(length: int) -> bytes:
    """The shortest head of a byte string (RFC 8949 section 4.2.1); no payload needs more than two bytes of length."""
    if length < 24:
        return bytes([0x40 + max(length, 0)])
    return b"\x58" + length.to_bytes() if length < 256 else b"\x59" + length.to_bytes(2, "big")
