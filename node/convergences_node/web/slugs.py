# SPDX-License-Identifier: AGPL-3.0-or-later
"""Addresses that can be read aloud and still last: `atelier-velo-du-canal-00c9k3v5xt`.

The words are the name as it is today; the tail is the moment of the element's birth, from its id, in Crockford's base
32, which has no letters that are mistaken for one another. The tail finds the element whatever it is called, so an
address outlives every change of name; without it, the words alone find whoever bears the name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from convergences_protocol.element import ElementId

from convergences_node.index.normalise import SORT_KEY_CHARS_MAX, sort_key
from convergences_node.index.row import birth_of

SPACES = "/acteurs"
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
_BITS = 5
TAIL_CHARS = 10
"""A birth has 47 bits."""
SLUG_CHARS_MAX = SORT_KEY_CHARS_MAX + 1 + TAIL_CHARS
_TAIL = re.compile(rf"(?:(.*)-)?([{_DIGITS}]{{{TAIL_CHARS}}})")


@dataclass(frozen=True, slots=True)
class Slug:
    """What an address says: words, and a birth if its end can be one."""

    words: str
    birth: int | None


def slug_of(name: str, element: str) -> str:
    """The address's part for an element of this name."""
    words = "-".join(sort_key(name).split())
    tail = _written(birth_of(ElementId.parse(element).uuid))
    return f"{words}-{tail}" if words else tail


def space_path(name: str, element: str) -> str:
    """Where the space of an actor of this name is."""
    return f"{SPACES}/{quote(slug_of(name, element))}"


def read_slug(text: str) -> Slug:
    """Read one, as it was made or as a person typed it."""
    match = _TAIL.fullmatch(text)
    if match is None:
        return Slug(text.replace("-", " "), None)
    return Slug(text.replace("-", " "), _read(match[2]))


def _written(number: int) -> str:
    return "".join(_DIGITS[number >> shift & 31] for shift in range((TAIL_CHARS - 1) * _BITS, -1, -_BITS))


def _read(digits: str) -> int:
    number = 0
    for digit in digits:
        number = number << _BITS | _DIGITS.index(digit)
    return number
