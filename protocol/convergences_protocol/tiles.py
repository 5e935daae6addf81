# SPDX-License-Identifier: AGPL-3.0-or-later
"""A log as static files: C2SP tlog-tiles, and the bundles of bodies that we serve beside them.

A tile is a row of up to 256 hashes; tile level L holds the hashes of complete subtrees of 256**L leaves. A tile only
ever grows to the right until it is full, so a row that is wider than asked for serves as well, cut.
Entry bundles carry the headers of the same 256 slots. Bodies, which can be erased, stand outside `tile/`: their bundle
says of each slot whether the body is here, still wanted, erased, or was never written (a withdrawal, a control record).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from .header import BODY_BYTES_MAX
from .merkle import HASH_BYTES, SIZE_MAX, fold, pair_up, split_hashes

TILE_WIDTH = 256
TILE_HEIGHT = 8  # 256 is 2**8: eight levels of the tree in one tile
TILE_BYTES = TILE_WIDTH * HASH_BYTES
TILE_LEVEL_MAX = 7  # SIZE_MAX leaves have no complete subtree of 256**8; the specification would allow 63
ENTRY_BYTES_MAX = 0xFFFF  # the uint16 in front of each entry
ENTRIES = -1  # the level of an entry bundle, which has a name and no number in its path

_PATH = re.compile(r"tile/(entries|[0-9]{1,2})((?:/x[0-9]{3}){0,6}/[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)

LoadTile = Callable[[int, int], bytes]
"""`(tile level, n) -> row`: the row as stored, at least as wide as the size in question needs."""


@dataclass(frozen=True, slots=True)
class TilePath:
    """What a path under a log's prefix names; `level` is ENTRIES for an entry bundle."""

    level: int
    n: int
    width: int = TILE_WIDTH


def number_path(n: int) -> str:
    """A tile's number in groups of three digits, all but the last marked: 1234067 is `x001/x234/067`."""
    groups = [f"{n % 1000:03}"]
    while n := n // 1000:
        groups.append(f"x{n % 1000:03}")
    return "/".join(reversed(groups))


def tile_path(level: int, n: int, width: int = TILE_WIDTH) -> str:
    """The path of a tile (or entry bundle, of level ENTRIES); a width below 256 asks for a partial one."""
    if not (ENTRIES <= level <= TILE_LEVEL_MAX and 0 <= n <= SIZE_MAX and 0 < width <= TILE_WIDTH):
        raise ValueError(f"no tile of level {level}, number {n}, width {width}")
    part = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{'entries' if level == ENTRIES else level}/{number_path(n)}{part}"


def parse_tile_path(path: str) -> TilePath:
    """What `tile_path` writes; ValueError for all else, a second spelling of the same tile too."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise ValueError(f"not the path of a tile: {path[:80]!r}")
    level = ENTRIES if found[1] == "entries" else int(found[1])
    parsed = TilePath(level, int(re.sub("[/x]", "", found[2])), int(found[3] or TILE_WIDTH))
    if (found[3] and parsed.width == TILE_WIDTH) or tile_path(level, parsed.n, parsed.width) != path:
        raise ValueError(f"not the path of a tile: {path[:80]!r}")
    return parsed


class TileHashReader:
    """The hash of any complete subtree, from tile rows; remembers the rows and levels it has been through.

    Make one for one piece of work (a proof, a batch of proofs) and let it go: its memory grows with what it reads.
    """

    def __init__(self, load_tile: LoadTile) -> None:
        self._load_tile = load_tile
        self._rows: dict[tuple[int, int, int], list[bytes]] = {}

    def hash(self, level: int, index: int) -> bytes:
        """The hash over the leaves `[index << level, (index + 1) << level)`."""
        tile_level, height = divmod(level, TILE_HEIGHT)
        n, at = divmod(index, TILE_WIDTH >> height)
        row = self._row(tile_level, n, height)
        if at >= len(row):
            raise LookupError(f"tile {tile_level}/{n} is too narrow for the subtree {index} of level {level}")
        return row[at]

    def _row(self, tile_level: int, n: int, height: int) -> list[bytes]:
        """The tile's own row, or the row that many levels above it inside the tile."""
        key = (tile_level, n, height)
        row = self._rows.get(key)
        if row is None:
            if height == 0:
                row = read_row(self._load_tile(tile_level, n))
            else:
                below = self._row(tile_level, n, height - 1)
                row = pair_up(below[: len(below) & ~1])
            self._rows[key] = row
        return row


def read_row(data: bytes) -> list[bytes]:
    """The hashes of a tile; ValueError if it cannot be one."""
    if not 0 < len(data) <= TILE_BYTES or len(data) % HASH_BYTES:
        raise ValueError(f"a tile has 1 to {TILE_WIDTH} hashes; this one has {len(data)} bytes")
    return split_hashes(data)


def extend_tiles(size: int, leaf_hashes: Sequence[bytes], load_tile: LoadTile) -> dict[tuple[int, int], bytes]:
    """The rows to write so that a tree of `size` leaves has these ones too.

    Loads at most one partial row a level. Rows that were partial come whole again: write over them.
    """
    rows: dict[tuple[int, int], bytes] = {}
    level, fresh = 0, list(leaf_hashes)
    while fresh:
        start = size >> (TILE_HEIGHT * level)
        n, width = divmod(start, TILE_WIDTH)
        if width:
            fresh = read_row(load_tile(level, n))[:width] + fresh
        above = []
        for at in range(0, len(fresh), TILE_WIDTH):
            row = fresh[at : at + TILE_WIDTH]
            rows[level, n + at // TILE_WIDTH] = b"".join(row)
            if len(row) == TILE_WIDTH:
                above.append(fold(row))
        level, fresh = level + 1, above
    return rows


def encode_entries(entries: Sequence[bytes]) -> bytes:
    """An entry bundle: each entry behind its length, as a big-endian uint16 (C2SP tlog-tiles)."""
    if len(entries) > TILE_WIDTH or any(len(entry) > ENTRY_BYTES_MAX for entry in entries):
        raise ValueError("a bundle has at most 256 entries of at most 65535 bytes")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_entries(data: bytes, count_max: int = TILE_WIDTH) -> list[bytes]:
    """The entries of a bundle; ValueError if it is cut, too long, or has none."""
    entries: list[bytes] = []
    at = 0
    while at < len(data):
        start = at + 2
        end = start + int.from_bytes(data[at:start], "big")
        if start > len(data) or end > len(data) or len(entries) == count_max:
            raise ValueError(f"entry {len(entries)} of the bundle is cut or one too many")
        entries.append(data[start:end])
        at = end
    return entries


class Slot(IntEnum):
    """What stands in a body's place."""

    NONE = 0  # the record has no body: a withdrawal, or a control record
    HERE = 1
    WANTED = 2  # not received yet; ask another peer by its digest
    ERASED = 3


@dataclass(frozen=True, slots=True)
class BodySlot:
    """One slot of a body bundle; `body` is there if the state is HERE, and only then."""

    state: Slot
    body: bytes | None = None


def encode_bodies(slots: Sequence[BodySlot]) -> bytes:
    """A body bundle: of each slot one byte of state, and for HERE the length as a big-endian uint32 and the bytes."""
    parts: list[bytes] = []
    for slot in slots:
        parts.append(bytes((slot.state,)))
        if slot.state is Slot.HERE:
            assert slot.body is not None
            parts += [len(slot.body).to_bytes(4, "big"), slot.body]
    return b"".join(parts)


def decode_bodies(data: bytes, count_max: int = TILE_WIDTH, body_bytes_max: int = BODY_BYTES_MAX) -> list[BodySlot]:
    """The slots of a body bundle; ValueError if it is cut, too long, or says what we do not know."""
    slots: list[BodySlot] = []
    at = 0
    while at < len(data):
        if len(slots) == count_max or data[at] not in _STATES:
            raise ValueError(f"slot {len(slots)} of the body bundle is unknown or one too many")
        state = Slot(data[at])
        at += 1
        if state is not Slot.HERE:
            slots.append(BodySlot(state))
            continue
        start = at + 4
        end = start + int.from_bytes(data[at:start], "big")
        if start > len(data) or end > len(data) or end - start > body_bytes_max:
            raise ValueError(f"body {len(slots)} of the bundle is cut or longer than {body_bytes_max} bytes")
        slots.append(BodySlot(state, data[start:end]))
        at = end
    return slots


_STATES = frozenset(Slot)
