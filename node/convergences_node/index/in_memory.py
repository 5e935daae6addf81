# SPDX-License-Identifier: AGPL-3.0-or-later
"""An index in memory, for a card that takes no write and has none that serves, or one that is behind the archive.

What is on the card is copied and followed on from there; where that is none for this program, it is made from the
archive. Either takes memory for as long as the node runs, so it is bounded: where a copy has no room, the card's own
serves as it is, and what is made anew stops where the room ends, one's own log first. How far behind the archive that
is, pages say in words (`web/freshness.py`).
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from convergences_protocol.errors import LocalError

from convergences_node.index import store
from convergences_node.index.keeper import can_serve
from convergences_node.index.projection import progress_of
from convergences_node.read_only import memory_bytes, passing_places, roomy_folder

log = logging.getLogger(__name__)

BYTES_MAX = 160 << 20
"""Of some 60,000 records. A node that a crowd asks has 200 MiB beside it, of the 400 that it is to stay under."""
PART_OF_MEMORY = 6
"""Of the machine's: 158 MiB where there is 1 GB, 80 where there is half of that."""
PART_OF_ROOM = 2
"""What else needs the room where it lies: the log of what is being written, sorting, other programs."""
ENTRY_BYTES = 2_700
"""What one more record takes."""
COPY_NAME = "index.copy.db"
COPY_PAGES = 1_024


@dataclass(frozen=True, slots=True)
class Place:
    """Where an index is: as it is, where `read_only` says why nothing can be written there."""

    folder: Path
    read_only: str | None = None
    bytes_max: int | None = None
    """How large it may become, in memory."""


def placed(folder: Path, sizes: Mapping[str, int], read_only: str | None) -> Place:
    """Where to have the index of the node in `folder`, whose archive's logs go so far."""
    if read_only is None:
        _forget(folder)
        return Place(folder)
    return _in_memory(folder, sizes) or Place(folder, read_only)


def _forget(folder: Path) -> None:
    """A card that is written again needs none in memory."""
    with suppress(LocalError, OSError):
        for place in passing_places(folder):
            for name in (store.INDEX_NAME, store.REBUILD_NAME, COPY_NAME):
                store.remove(place / name)


def _in_memory(folder: Path, sizes: Mapping[str, int]) -> Place | None:
    """None: the card's own serves, as it is."""
    behind = _behind(folder, sizes)
    if behind == 0:
        return None
    place, room = roomy_folder(folder)
    bytes_max = min(BYTES_MAX, memory_bytes() // PART_OF_MEMORY, room // PART_OF_ROOM)
    if _behind(place, sizes) is not None:
        return Place(place, bytes_max=bytes_max)  # this node was started before, on this card
    if behind is None:
        log.warning("the index on the card cannot serve, nor be made again there: it is made in memory")
        return Place(place, bytes_max=bytes_max)
    wanted = (folder / store.INDEX_NAME).stat().st_size + behind * ENTRY_BYTES
    if wanted > bytes_max:
        log.warning("the index on the card lacks %d records, and a copy has no room: it serves as it is", behind)
        return None
    log.warning("the index on the card lacks %d records: a copy is gone on with in memory", behind)
    _copy(folder / store.INDEX_NAME, place)
    return Place(place, bytes_max=bytes_max)


def _behind(folder: Path, sizes: Mapping[str, int]) -> int | None:
    """How many records the index in a folder lacks; None if it cannot serve."""
    if not can_serve(folder, sizes):
        return None
    with closing(store.open_reader(folder / store.INDEX_NAME)) as db:
        applied = progress_of(db)
    return sum(size - applied.get(origin, (0, 0))[0] for origin, size in sizes.items())


def _copy(source: Path, place: Path) -> None:
    """Whole, or not there."""
    part = place / COPY_NAME
    store.remove(part)
    store.remove(place / store.INDEX_NAME)
    with closing(store.open_reader(source)) as old, closing(sqlite3.connect(part)) as new:
        old.backup(new, pages=COPY_PAGES, sleep=0)
    part.rename(place / store.INDEX_NAME)


def is_full(error: sqlite3.DatabaseError) -> bool:
    """Whether it is this that an index in memory stopped at."""
    return str(getattr(error, "sqlite_errorname", "")).startswith("SQLITE_FULL")
