# SPDX-License-Identifier: AGPL-3.0-or-later
"""The name of a log: `convergences/<territory>/<epoch>`, as it stands in the first line of each of its heads.

An epoch is 8 random bytes. A town that had to begin again (a restored backup, a cloned card, a new key) has several;
they carry no order of their own: the charter says which follows which.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from .codes import is_territory

EPOCH_BYTES = 8
ORIGINS_REMEMBERED = 4096  # a charter asks for the same few at every turn

_ORIGIN = re.compile(r"convergences/([0-9A-Z-]{4,12})/([0-9a-f]{16})")


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """One log: one key, one history. `str(origin)` is the text that is signed, stored and shown."""

    territory: str
    epoch: bytes

    def __post_init__(self) -> None:
        if not is_territory(self.territory) or len(self.epoch) != EPOCH_BYTES:
            raise ValueError(f"not the origin of a log: {str(self)[:80]!r}")

    def __str__(self) -> str:
        return f"convergences/{self.territory}/{self.epoch.hex()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The inverse of `str`; ValueError for any other text."""
        found = _ORIGIN.fullmatch(text)
        if found is None:
            raise ValueError(f"not the origin of a log: {text[:80]!r}")
        return cls(found[1], bytes.fromhex(found[2]))


@dataclass(frozen=True, slots=True)
class LogIdentity:
    """What is pinned of a log before any of it is believed: its name, its key, and the key that may end it."""

    origin: str
    key: bytes
    recovery_key: bytes

    @property
    def territory(self) -> str:
        """The territory whose log it is."""
        return territory_of(self.origin)


@lru_cache(maxsize=ORIGINS_REMEMBERED)
def territory_of(origin: str) -> str:
    """The territory in the text of an origin; ValueError if it is none."""
    return Origin.parse(origin).territory
