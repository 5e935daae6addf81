# SPDX-License-Identifier: AGPL-3.0-or-later
"""A log read as static files over HTTP: its head, its tree, its headers and bodies, as `web/logs.py` serves them.

`RemoteLog` fetches what C2SP tlog-tiles says a client may fetch, with a bound on every answer, and makes of it what the
replication machine asks of a peer: batches with consistency proofs, and proofs. Nothing is believed here; the
machine's driver checks a batch that came this way like any other. Any server, cache or copy of the files will do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from convergences_protocol import merkle
from convergences_protocol.errors import RemoteError
from convergences_protocol.replication.fields import GivenBody
from convergences_protocol.replication.limits import BATCH_BYTES_MAX
from convergences_protocol.tiles import (
    ENTRIES,
    TILE_HEIGHT,
    TILE_WIDTH,
    Slot,
    TileHashReader,
    decode_bodies,
    decode_entries,
    tile_path,
)

T = TypeVar("T")

TILE_BYTES_MAX = TILE_WIDTH * merkle.HASH_BYTES
ENTRIES_BYTES_MAX = 4 * 1024 * 1024
"""256 headers of at most 4 KiB are 1 MiB; a log of longer leaves is not read this way."""
BODIES_BYTES_MAX = 17 * 1024 * 1024
"""256 bodies of 64 KiB and their frames."""
NOTE_BYTES_MAX = 64 * 1024
TILES_KEPT_MAX = 64
"""Tiles remembered for one log while it is fetched: 512 KiB. A proof needs two or three of each level."""
PROOF_TILES_MAX = 24
"""Tiles that one proof may need: three of each of eight levels."""


class Gone(Exception):  # noqa: N818 - an answer, not a failure: the file is not (or no longer) there
    """The server has no such file."""


class Fetch(Protocol):
    """Reads one file under the log's address; raises `Gone` for 404, `RemoteError` for all else that is wrong."""

    def __call__(self, path: str, bytes_max: int) -> Awaitable[bytes]: ...


class RemoteLog:
    """One log under one address."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._tiles: dict[tuple[int, int, int], bytes] = {}

    async def head(self) -> tuple[bytes, tuple[bytes, ...]]:
        """The latest signed head: its note, and the cosignature lines beside it, as `head_note` splits them."""
        return split_note(await self._fetch("checkpoint", NOTE_BYTES_MAX))

    async def batch(self, start: int, head_size: int) -> tuple[list[bytes], list[GivenBody], list[bytes]]:
        """Headers and bodies from `start` to the end of its bundle at most, and the proof from there to the head."""
        n, first = divmod(start, TILE_WIDTH)
        width = min(TILE_WIDTH, head_size - n * TILE_WIDTH)
        headers = decode_entries(await self._bundle(tile_path(ENTRIES, n, width), n, ENTRIES_BYTES_MAX))[first:width]
        path = tile_path(ENTRIES, n, width).replace("tile/entries", "bodies", 1)
        slots = [
            _travelling(slot.state, slot.body) for slot in decode_bodies(await self._bundle(path, n, BODIES_BYTES_MAX))
        ]
        count = _fitting(headers, slots[first:width])
        if not count:
            raise RemoteError(f"bundle {n} is shorter than its log")
        proof = await self.proof(start + count, head_size)
        return headers[:count], slots[first : first + count], proof

    async def first(self, head_size: int) -> bytes:
        """The log's first header: whose log it says it is."""
        width = min(TILE_WIDTH, head_size)
        return decode_entries(await self._bundle(tile_path(ENTRIES, 0, width), 0, ENTRIES_BYTES_MAX))[0]

    async def proof(self, old: int, new: int) -> list[bytes]:
        """The consistency proof between two sizes of the log."""
        return await self._with_tiles(new, lambda reader: list(merkle.consistency_proof(reader, old, new)))

    async def root(self, size: int, head_size: int) -> bytes:
        """The root that the log had at `size`."""
        return await self._with_tiles(head_size, lambda reader: merkle.root(reader, size))

    async def _bundle(self, path: str, n: int, bytes_max: int) -> bytes:
        """A bundle, partial if that is what was signed; once it is full, servers need not keep the partial one."""
        try:
            return await self._fetch(path, bytes_max)
        except Gone:
            whole = path.partition(".p/")[0]
            if whole == path:
                raise
            return await self._fetch(whole, bytes_max)

    async def _with_tiles(self, size: int, work: Callable[[TileHashReader], T]) -> T:
        """Do some work on the tree of that size; whenever a tile is missing for it, fetch that one and begin again."""
        for _ in range(PROOF_TILES_MAX):
            try:
                return work(TileHashReader(lambda level, n: self._load(size, level, n)))
            except _Missing as missing:
                await self._fetch_tile(size, missing.level, missing.n)
        raise RemoteError(f"a proof that needs more than {PROOF_TILES_MAX} tiles")

    def _load(self, size: int, level: int, n: int) -> bytes:
        tile = self._tiles.get((level, n, _width(size, level, n)))
        if tile is None:
            raise _Missing(level, n)
        return tile

    async def _fetch_tile(self, size: int, level: int, n: int) -> None:
        width = _width(size, level, n)
        if width <= 0:
            raise RemoteError(f"tile {level}/{n} of a log of {size}")
        data = await self._bundle(tile_path(level, n, width), n, TILE_BYTES_MAX)
        if len(data) < width * merkle.HASH_BYTES:
            raise RemoteError(f"tile {level}/{n} is too short")
        while len(self._tiles) >= TILES_KEPT_MAX:
            del self._tiles[next(iter(self._tiles))]
        self._tiles[level, n, width] = data[: width * merkle.HASH_BYTES]


class _Missing(Exception):  # noqa: N818 - as above
    def __init__(self, level: int, n: int) -> None:
        self.level, self.n = level, n


def _width(size: int, level: int, n: int) -> int:
    return min(TILE_WIDTH, (size >> (TILE_HEIGHT * level)) - n * TILE_WIDTH)


def _travelling(state: Slot, body: bytes | None) -> GivenBody:
    if body is not None:
        return body
    return None if state is Slot.ERASED else False


def _fitting(headers: list[bytes], slots: list[GivenBody]) -> int:
    """How many records a batch may hold; at least one if there is any."""
    total = 0
    for count, (header, slot) in enumerate(zip(headers, slots, strict=False)):
        total += len(header) + (len(slot) if isinstance(slot, bytes) else 0)
        if count and total > BATCH_BYTES_MAX:
            return count
    return min(len(headers), len(slots))


def split_note(data: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """A served checkpoint as the log's own note and the cosignature lines after it (C2SP signed-note)."""
    text, separator, signatures = data.partition(b"\n\n")
    lines = signatures.splitlines(keepends=True)
    if not separator or not lines:
        raise RemoteError("a head that cannot be read")
    return text + separator + lines[0], tuple(lines[1:])
