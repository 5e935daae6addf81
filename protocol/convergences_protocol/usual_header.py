# SPDX-License-Identifier: AGPL-3.0-or-later
"""The header that nearly every record has, read by one pattern over its bytes.

A backlog's headers are statements, each written in the one way that deterministic encoding allows (RFC 8949 section
4.2.1), so that their bytes differ only in what they say. Where the whole of a header matches, its members are slices
of it, and decoding and encoding it again would find the same: a third of the time that the strict door takes.
Nothing is refused here. Whatever does not match (a control record, a withdrawal, an odd length, a fault) is `None`,
and the strict door (`header.py`) says what it is; that both say the same of all that matches is tested.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeAlias

from .codes import is_territory
from .kinds.kind import is_kind_name

Members: TypeAlias = tuple[bytes, str, bytes, str, bytes | None, int, bytes, int]
"""author, territory, uuid, kind, previous, time, digest of the body, length of the body"""

_TEXT = rb"[\x61-\x77][0-9A-Za-z_-]{1,23}"
"""A short text: its length is in its first byte, and is checked beside, for a pattern cannot count."""
_USUAL = re.compile(
    rb"\xd2\x84\x58\x26\xa2\x01\x32\x04\x58\x20(?P<author>.{32})\xa0\x58(?P<length>.)"
    rb"(?P<keys>[\xa5\xa6])"
    rb"\x01\x82(?P<territory>" + _TEXT + rb")\x50(?P<uuid>.{6}[\x70-\x7f].[\x80-\xbf].{7})"
    rb"\x02(?P<kind>" + _TEXT + rb")"
    rb"(?:\x03\x58\x20(?P<previous>.{32}))?"
    rb"\x04\x1a(?P<time>.{4})"
    rb"\x05\x58\x20(?P<digest>.{32})"
    rb"\x06(?:\x18(?P<bytes_1>.)|\x19(?P<bytes_2>..))"
    rb"\x58\x40.{64}",
    re.DOTALL,
)
_PAYLOAD_START, _TAIL_BYTES = 45, 66
_TIME_MIN, _BYTES_1_MIN, _BYTES_2_MIN = 1 << 16, 24, 1 << 8
"""Smaller numbers have a shorter encoding, and this one is not theirs."""


def read_usual(raw: bytes) -> Members | None:
    """The members of a usual statement's header; None for every other header."""
    match = _USUAL.fullmatch(raw)
    if match is None:
        return None
    author, length, keys, code, uuid, name, previous, moment, digest, short, long = match.groups()
    territory, kind = _territory(code), _kind(name)
    time = int.from_bytes(moment, "big")
    body_bytes = short[0] if short is not None else int.from_bytes(long, "big")
    shortest = body_bytes >= (_BYTES_2_MIN if short is None else _BYTES_1_MIN) and time >= _TIME_MIN
    framed = length[0] == len(raw) - _PAYLOAD_START - _TAIL_BYTES and (keys == b"\xa6") == (previous is not None)
    if territory is None or kind is None or not shortest or not framed:
        return None
    return author, territory, uuid, kind, previous, time, digest, body_bytes


@lru_cache(maxsize=4_096)
def _territory(text: bytes) -> str | None:
    return code if is_territory(code := text[1:].decode()) and text[0] == 0x60 + len(code) else None


@lru_cache(maxsize=256)
def _kind(text: bytes) -> str | None:
    return name if is_kind_name(name := text[1:].decode()) and text[0] == 0x60 + len(name) else None
