# SPDX-License-Identifier: AGPL-3.0-or-later
"""What changed between two texts, word by word, for a person to read.

What stays is shortened to a few words around each change. Comparing costs the product of two lengths, so what both
texts begin and end with is set apart first, and texts that still differ over too many words are compared line by line;
if even that is too much, the one is shown replaced by the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

SAME, REMOVED, ADDED = "same", "del", "ins"
PARTS_MAX = 800
"""Words (or lines) of each text that are compared: a second of a Pi's time for the two of them together."""
CONTEXT = 12
"""Words left around a change; fewer do not say where it is."""
SHOWN_CHARACTERS_MAX = 3_000
"""Of one removed or added piece; the whole of it is in the archive."""
_WORDS = re.compile(r"\s+|\w+|[^\w\s]")
_LINES = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True, slots=True)
class Piece:
    """Words that stay, that are gone, or that are new."""

    way: str
    text: str


def differences(before: str, after: str) -> tuple[Piece, ...]:
    """The second text, with what is gone of the first."""
    head = _common(before, after)
    tail = _common(before[head:][::-1], after[head:][::-1])
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    middle = list(_compared(old, new))
    pieces = [Piece(SAME, after[:head]), *middle, Piece(SAME, after[len(after) - tail :])]
    joined = [piece for piece in _joined(pieces) if piece.text]
    return tuple(_shortened(piece, number == 0, number == len(joined) - 1) for number, piece in enumerate(joined))


def _common(first: str, second: str) -> int:
    """How much two texts begin alike, in whole words."""
    most = min(len(first), len(second))
    least = next((place for place in range(most) if first[place] != second[place]), most)
    if least == most and len(first) == len(second):
        return least
    while least and not (first[least - 1].isspace() and second[least - 1].isspace()):
        least -= 1
    return least


def _compared(old: str, new: str) -> Iterator[Piece]:
    for pattern in (_WORDS, _LINES):
        first, second = pattern.findall(old), pattern.findall(new)
        if max(len(first), len(second)) <= PARTS_MAX:
            return _matched(first, second)
    return iter((Piece(REMOVED, old), Piece(ADDED, new)))


def _matched(first: Sequence[str], second: Sequence[str]) -> Iterator[Piece]:
    matcher = SequenceMatcher(a=first, b=second, autojunk=False)
    for way, a, b, c, d in matcher.get_opcodes():
        if way == "equal":
            yield Piece(SAME, "".join(second[c:d]))
        else:
            yield Piece(REMOVED, "".join(first[a:b]))
            yield Piece(ADDED, "".join(second[c:d]))


def _joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """A space alone between two changes belongs to them: whole phrases are read more easily than a word each."""
    removed = added = ""
    for piece in pieces:
        if piece.way == REMOVED:
            removed += piece.text
        elif piece.way == ADDED:
            added += piece.text
        elif piece.text.isspace() and (removed or added):
            removed, added = removed + piece.text, added + piece.text
        else:
            yield from _told(removed, added)
            removed = added = ""
            yield piece
    yield from _told(removed, added)


def _told(removed: str, added: str) -> Iterator[Piece]:
    if removed.strip():
        yield Piece(REMOVED, removed)
    yield Piece(ADDED if added.strip() else SAME, added)


def _shortened(piece: Piece, is_first: bool, is_last: bool) -> Piece:
    if piece.way != SAME:
        text = piece.text
        return piece if len(text) <= SHOWN_CHARACTERS_MAX else Piece(piece.way, text[:SHOWN_CHARACTERS_MAX] + " …")
    words = piece.text.split(" ")
    if len(words) <= 2 * CONTEXT:
        return piece
    begin = "" if is_first else " ".join(words[:CONTEXT])
    end = "" if is_last else " ".join(words[-CONTEXT:])
    return Piece(SAME, f"{begin} … {end}")
