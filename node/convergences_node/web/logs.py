# SPDX-License-Identifier: AGPL-3.0-or-later
"""The signed logs, one's own and those kept for others, as files: C2SP tlog-tiles, and the erasable bodies beside them.

Under `/log/<territory>/<epoch>/`: `checkpoint`, `tile/<L>/<N>[.p/<W>]`, `tile/entries/<N>[.p/<W>]` as the
specification has them (https://c2sp.org/tlog-tiles), and `bodies/<N>[.p/<W>]`, our own. What is under `tile/` never
changes: any cache may keep it for ever, so nothing is shown of a log beyond its latest signed head. A body may be
erased: it is asked about again before each use.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial

from aiohttp import web
from convergences_protocol.merkle import HASH_BYTES
from convergences_protocol.tiles import (
    ENTRIES,
    TILE_WIDTH,
    BodySlot,
    Slot,
    TilePath,
    encode_bodies,
    encode_entries,
    parse_tile_path,
)

from convergences_node.archive.model import Entry
from convergences_node.archive.reader import ArchiveReader
from convergences_node.web.asking import town_of
from convergences_node.web.etag import CACHE_ASK, CACHE_FOREVER, conditional, tag_matches
from convergences_node.web.problems import Problem
from convergences_node.web.route import BYTES
from convergences_node.web.security import protect

# The specification asks for text/plain; a head is asked about again each time, for it is what changes.
NOTE_TYPE = "text/plain; charset=utf-8"
# Bodies are read and sent in pieces of about this many bytes: a bundle of 256 may hold 16 MiB.
PIECE_BYTES_MAX = 256 * 1024


def origin_of(request: web.Request) -> str:
    """The log that an address names."""
    return f"convergences/{request.match_info['territory']}/{request.match_info['epoch']}"


def bundle_named(request: web.Request, prefix: str, rest: str) -> TilePath:
    """The tile or bundle that the rest of an address names, in the one spelling that the specification allows."""
    try:
        return parse_tile_path(f"tile/{prefix}/{request.match_info[rest]}")
    except ValueError:
        raise Problem("tile-absent") from None


def signed_head(reader: ArchiveReader, origin: str) -> tuple[int, bytes]:
    """The latest signed head of a log; a Problem if the log is not here, or has none yet."""
    if reader.log(origin) is None:
        raise Problem("log-unknown", origin=origin)
    head = reader.head(origin)
    if head is None:
        raise Problem("tile-absent")
    return head


def require_signed(reader: ArchiveReader, origin: str, tile: TilePath) -> None:
    """Let through what the latest signed head covers: these bytes are the same in every tree to come.

    A partial tile is given for any width below that, not only for the sizes of heads that are still kept: an auditor
    who holds an older head must be able to fetch its tiles while the log goes on (docs/decisions/0030-open-web.md).
    """
    least = (tile.n * TILE_WIDTH + tile.width) << (8 * max(tile.level, 0))
    if signed_head(reader, origin)[0] < least:
        raise Problem("tile-absent")


async def log_checkpoint(request: web.Request) -> web.Response:
    """The latest signed head of a log: a C2SP tlog-checkpoint, with the cosignatures on that very head.

    A note is text: origin, size, root in base64, an empty line, signatures.
    """
    origin = origin_of(request)

    def read(reader: ArchiveReader) -> bytes:
        size, note = signed_head(reader, origin)
        return note + b"".join(each.line for each in reader.cosignatures(origin) if each.size == size)

    note = await town_of(request).archive.read(read)
    return conditional(request, note, NOTE_TYPE, cache=CACHE_ASK)


async def log_tile(request: web.Request) -> web.Response:
    """A row of up to 256 hashes of the tree (C2SP tlog-tiles). It never changes.

    `<N>` is written in groups of three digits, all but the last behind an `x`: tile 1234067 is `x001/x234/067`.
    A partial tile, `<N>.p/<W>`, exists as far as the latest signed head covers it.
    """
    origin, tile = origin_of(request), bundle_named(request, request.match_info["level"], "tile")

    def read(reader: ArchiveReader) -> bytes:
        require_signed(reader, origin, tile)
        hashes = reader.tile(origin, tile.level, tile.n)
        if hashes is None or len(hashes) < tile.width * HASH_BYTES:
            raise Problem("tile-absent")
        return hashes[: tile.width * HASH_BYTES]

    hashes = await town_of(request).archive.read(read)
    return conditional(request, hashes, BYTES, cache=CACHE_FOREVER)


async def log_entries(request: web.Request) -> web.Response:
    """The headers under a tile of level 0, each behind its length as two bytes (C2SP tlog-tiles). It never changes."""
    origin, tile = origin_of(request), bundle_named(request, "entries", "bundle")
    assert tile.level == ENTRIES

    def read(reader: ArchiveReader) -> bytes:
        require_signed(reader, origin, tile)
        start = tile.n * TILE_WIDTH
        return encode_entries(reader.headers(origin, start, start + tile.width))

    entries = await town_of(request).archive.read(read)
    return conditional(request, entries, BYTES, cache=CACHE_FOREVER)


async def log_bodies(request: web.Request) -> web.StreamResponse:
    """The bodies of the same entries: of each a state byte, and for one that is here its length and bytes.

    States: 0 the record has none, 1 here (four bytes of length follow, then the body), 2 wanted (this node has not
    received it), 3 erased. Asked about again before each use, for an erasure empties slots.
    """
    origin, bundle = origin_of(request), bundle_named(request, "entries", "bundle")
    start, stop = bundle.n * TILE_WIDTH, bundle.n * TILE_WIDTH + bundle.width
    archive = town_of(request).archive

    def describe(reader: ArchiveReader) -> str:
        require_signed(reader, origin, bundle)
        return states_tag(reader, origin, start, stop)

    def piece(at: int, reader: ArchiveReader) -> tuple[int, bytes]:
        entries = reader.entries(origin, at, stop, bytes_max=PIECE_BYTES_MAX)
        return len(entries), encode_bodies([travelling(entry) for entry in entries])

    tag = await archive.read(describe)
    headers = {"ETag": tag, "Cache-Control": CACHE_ASK, "Content-Type": BYTES}
    if tag_matches(request.headers.get("If-None-Match"), tag):
        return web.Response(status=304, headers=headers)
    response = web.StreamResponse(headers=headers)
    protect(response, open_data=True)
    await response.prepare(request)
    at = start
    while at < stop and request.method != "HEAD":
        count, data = await archive.read(partial(piece, at))
        if not count:
            # Cut the connection rather than end well: a bundle that lacks its end must not look whole.
            raise ConnectionResetError(f"log {origin} lost entries from {at} on")
        await response.write(data)
        at += count
    await response.write_eof()
    return response


def travelling(entry: Entry) -> BodySlot:
    """An entry's body as it travels in a bundle."""
    return BodySlot(entry.slot, entry.body if entry.slot is Slot.HERE else None)


def states_tag(reader: ArchiveReader, origin: str, start: int, stop: int) -> str:
    """The strong tag of a bundle without its bytes: headers fix the bodies, so headers and states fix the bundle."""
    digest = hashlib.sha256(b"convergences/bodies/1")
    for entry in _all(reader, origin, start, stop):
        digest.update(entry.digest)
        digest.update(bytes((entry.slot,)))
    return f'"{digest.hexdigest()[:32]}"'


def _all(reader: ArchiveReader, origin: str, start: int, stop: int) -> Iterator[Entry]:
    while start < stop:
        entries = reader.entries(origin, start, stop, bytes_max=PIECE_BYTES_MAX)
        if not entries:
            return
        yield from entries
        start += len(entries)
