# SPDX-License-Identifier: AGPL-3.0-or-later
"""Element ids: the territory where the element was born and a UUID of version 7 (RFC 9562), for life.

In text `FR-93066:0193a1b2-…`, in CBOR an array of the code and the 16 bytes. Ids order by territory, then by birth.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .codes import check_territory, is_territory

UUID_BYTES = 16
RANDOM_BYTES = 10
"""How many random bytes `ElementId.new` takes; 74 of their 80 bits are kept."""

_TEXT = re.compile(r"([^:]{1,12}):([0-9a-f]{8})-([0-9a-f]{4})-(7[0-9a-f]{3})-([89ab][0-9a-f]{3})-([0-9a-f]{12})")


@dataclass(frozen=True, slots=True, order=True)
class ElementId:
    """The id of one element. Made by `new`, `parse` or `from_cbor`, which check; past them nobody doubts it."""

    territory: str
    uuid: bytes

    @classmethod
    def new(cls, territory: str, now_ms: int, random_bytes: bytes) -> ElementId:
        """A fresh id for `territory`, from milliseconds since 1970 and `RANDOM_BYTES` random bytes (RFC 9562 5.7)."""
        if not 0 <= now_ms < 1 << 48:
            raise ValueError(f"{now_ms} ms do not fit the 48 bits of a uuid of version 7")
        if len(random_bytes) < RANDOM_BYTES:
            raise ValueError(f"an id takes {RANDOM_BYTES} random bytes, {len(random_bytes)} were given")
        tail = bytearray(random_bytes[:RANDOM_BYTES])
        tail[0] = 0x70 | tail[0] & 0x0F
        tail[2] = 0x80 | tail[2] & 0x3F
        return cls(check_territory(territory), now_ms.to_bytes(6, "big") + bytes(tail))

    @classmethod
    def parse(cls, text: str) -> ElementId:
        """The id written as `text`. Raises `ValueError` for anything but the one way to write one."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r:.60} is not an element id such as FR-93066:0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b")
        territory, *groups = match.groups()
        return cls(check_territory(territory), bytes.fromhex("".join(groups)))

    @classmethod
    def from_cbor(cls, value: object) -> ElementId:
        """The id that `[territory, uuid]` names. Raises `ValueError` for another value."""
        if type(value) is not list or len(value) != 2:
            raise ValueError("an element id is an array of a territory code and a uuid")
        territory, uuid = value
        if not is_territory(territory):
            raise ValueError("element id without a territory code")
        if type(uuid) is not bytes or len(uuid) != UUID_BYTES or uuid[6] >> 4 != 7 or uuid[8] >> 6 != 2:
            raise ValueError("element id without a uuid of version 7")
        return cls(territory, uuid)

    def to_cbor(self) -> list[str | bytes]:
        return [self.territory, self.uuid]

    def __str__(self) -> str:
        digits = self.uuid.hex()
        return f"{self.territory}:{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def is_element_text(text: object) -> bool:
    """Whether `text` is an element id as bodies hold them."""
    if type(text) is not str:
        return False
    match = _TEXT.fullmatch(text)
    return match is not None and is_territory(match[1])
