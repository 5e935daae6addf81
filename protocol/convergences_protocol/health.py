# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a town says of its machine to its agglomeration: which signs ask for a person, and how gravely. No more.

A sign is a code and a level, never a sentence, a figure or a name: nothing is told of who lives there or what was
written. The key of the town's log signs, so nobody speaks for another town, and a word that is older than one that was
heard says nothing. A code that a reader does not know is a sign all the same, of a newer program.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import cbor
from .errors import RemoteError, Unreadable
from .header import TIME_MAX
from .keys import SigningKey
from .origin import Origin
from .signature import SIGNATURE_BYTES, verify

HEALTH = b"convergences/health/1\n"
"""What the word begins with, which is signed with it."""
WORD_BYTES_MAX = 1024
SIGNS_MAX = 16
"""A node looks at about as many things; the gravest come first."""
CODE_CHARS_MAX = 40
CARE, BAD = 1, 2
"""Look at it within days; do something now. What is well is not said."""
_CODE = re.compile(rf"[a-z][a-z0-9_.]{{0,{CODE_CHARS_MAX - 1}}}")


@dataclass(frozen=True, slots=True)
class Health:
    """What asks for a person in one town; nothing, where all is well."""

    origin: str
    """The log of the town, whose key signs."""
    said_at: int
    """By the town's clock: which of two words is the later one."""
    signs: Sequence[tuple[str, int]]
    """Codes, such as `card.read_only`, each with `CARE` or `BAD`."""

    def encode(self, key: SigningKey) -> bytes:
        """As it travels, signed."""
        content = self._content()
        return HEALTH + cbor.encode([*content, key.sign(HEALTH + cbor.encode(content))])

    def _content(self) -> list[Any]:
        return [self.origin, self.said_at, [list(each) for each in self.signs]]


@dataclass(frozen=True, slots=True)
class SignedHealth:
    """A word as it came; whose key it must be is the charter's to say."""

    health: Health
    signature: bytes

    def signed_by(self, key: bytes) -> bool:
        """Whether the log's key has signed it."""
        return verify(key, HEALTH + cbor.encode(self.health._content()), self.signature)


def read_health(data: bytes) -> SignedHealth:
    """The word in these bytes; RemoteError if they are none."""
    match _content(data):
        case [str(origin), int(said_at), list(signs), bytes(signature)] if (
            0 <= said_at <= TIME_MAX and len(signs) <= SIGNS_MAX and len(signature) == SIGNATURE_BYTES
        ):
            _check_origin(origin)
            return SignedHealth(Health(origin, said_at, tuple(_sign(each) for each in signs)), signature)
    raise RemoteError("a word about a town's machine that cannot be read")


def _sign(value: Any) -> tuple[str, int]:
    match value:
        case [str(code), int(level)] if _CODE.fullmatch(code) and level in (CARE, BAD) and level is not True:
            return code, level
    raise RemoteError("a sign of a town's machine that cannot be read")


def _content(data: bytes) -> Any:
    if not data.startswith(HEALTH) or len(data) > WORD_BYTES_MAX:
        return None
    try:
        return cbor.decode(data[len(HEALTH) :])
    except Unreadable as error:
        raise RemoteError(f"a word about a town's machine that cannot be read: {error.reason}") from error


def _check_origin(text: str) -> None:
    try:
        Origin.parse(text)
    except ValueError as error:
        raise RemoteError(f"a word about the machine of no log: {error}") from error
