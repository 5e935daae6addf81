# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which logs say what an element of one's own is: those written here, and those that they continue.

A town that was made again under a new key continues a log that it never wrote in: it was copied from peers, and the
recovery key ended it in favour of ours. What stands there is as much the current state as what stands in ours.
"""

from __future__ import annotations

from convergences_protocol.errors import Unreadable
from convergences_protocol.opening import read_opening
from convergences_protocol.origin import territory_of
from convergences_protocol.record import read_header

from .reader import ArchiveReader

CONTINUED_MAX = 1_000
"""Epochs that one log continues, one after the other: a node that began so many has another trouble."""


def lineage(reader: ArchiveReader) -> list[str]:
    """The origins of one's own logs, each after the log that it continues; oldest first."""
    found: dict[str, None] = {}
    for state in reader.logs():
        if state.own and state.status != "aside":
            found |= dict.fromkeys([*_continued(reader, state.origin), state.origin])
    return list(found)


def _continued(reader: ArchiveReader, origin: str) -> list[str]:
    """The logs that this one goes on from, as far as they are here, oldest first."""
    found: list[str] = []
    territory = territory_of(origin)
    while len(found) < CONTINUED_MAX and (before := _previous(reader, origin)) is not None:
        state = reader.log(before)
        if state is None or state.status == "aside" or state.territory != territory or before in found:
            break
        found.append(before)
        origin = before
    return found[::-1]


def _previous(reader: ArchiveReader, origin: str) -> str | None:
    first = reader.entry(origin, 0)
    try:
        opening = read_opening(read_header(first.header)) if first is not None else None
    except Unreadable:
        return None
    return opening.previous.origin if opening is not None and opening.previous is not None else None
