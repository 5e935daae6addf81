# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whole lists: written to the end before the first byte is sent, counted, digested, and answered all or not at all.

A list is written once, compressed, into a spool; memory does not grow with it. Only then is it sent, with its length, a
strong ETag, its digest (RFC 9530) and its count (`X-Total-Count`): a reader can tell a list that was cut from one that
is whole. If anything fails while it is written, nothing of it is sent.

What was written is sent again to whoever asks next, until the index knows something else (an erasure reaches the next
reader) or `KEPT_SECONDS` are over; one making serves all who wait for it, and makings take turns.
"""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass

from aiohttp import web

from convergences_node.web.asking import town_of
from convergences_node.web.etag import CACHE_ASK, GZIP_LEVEL, digest_field, tag_matches, takes_gzip
from convergences_node.web.exporting import base_of
from convergences_node.web.problems import Problem
from convergences_node.web.security import protect
from convergences_node.web.surfaces.spool import Spool
from convergences_node.web.town_door import Town

LIST_BYTES_MAX = 1 << 30
"""Compressed: some ten million elements. What is longer is refused, and no disk is filled."""
KEPT_BYTES_MAX = 1 << 28
"""Of all lists; the one that was asked for longest ago goes first."""
KEPT_SECONDS = 600.0
WAITING_MAX = 8
"""Lists being written or waiting for their turn: beyond, a reader is told to come back."""
MAKING_SECONDS_MAX = 270.0
"""GoGoCarto waits five minutes for its source."""
SENDING_SECONDS_MAX = 900.0
"""Making and sending: a hundred thousand elements, twelve megabytes, on a line that carries 20 kB a second."""
PIECE_BYTES = 1 << 16
GZIP = "application/gzip"

Piece = tuple[bytes, int]
"""Bytes of a list, and how many elements they hold."""
Make = Callable[[], AsyncIterator[Piece]]
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """One of the two forms that a list has, plain or compressed: its length, and its digest."""

    size: int
    digest: bytes

    @property
    def tag(self) -> str:
        return self.digest.hex()[:32]


@dataclass(frozen=True, slots=True)
class Made:
    """A whole list."""

    spool: Spool
    count: int
    plain: Form
    packed: Form


class Writing:
    """A list while it is written."""

    def __init__(self) -> None:
        self._spool = Spool()
        self._plain, self._packed = hashlib.sha256(), hashlib.sha256()
        self._compress = zlib.compressobj(GZIP_LEVEL, wbits=31)  # gzip, and no time in it
        self._plain_bytes = self._count = 0

    def add(self, data: bytes, count: int) -> None:
        """Write some more."""
        self._plain.update(data)
        self._plain_bytes += len(data)
        self._count += count
        self._put(self._compress.compress(data))

    def finish(self) -> Made:
        """The list, whole."""
        self._put(self._compress.flush())
        plain, packed = self._plain.digest(), self._packed.digest()
        return Made(self._spool, self._count, Form(self._plain_bytes, plain), Form(self._spool.size, packed))

    def _put(self, packed: bytes) -> None:
        self._packed.update(packed)
        self._spool.write(packed)
        if self._spool.size > LIST_BYTES_MAX:
            raise Problem("too-slow")


class WholeLists:
    """The lists that are kept, and those being written."""

    def __init__(self, kept_bytes_max: int = KEPT_BYTES_MAX) -> None:
        self._kept_bytes_max = kept_bytes_max
        self._kept: OrderedDict[Key, tuple[int, Made]] = OrderedDict()
        self._making: dict[Key, asyncio.Task[Made]] = {}
        self._turn = asyncio.Lock()

    async def get(self, town: Town, key: Key, make: Make) -> Made:
        """The list of this name, as the index stands."""
        version = town.index.version
        self._drop_all_but(version)
        if version is not None and key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key][1]
        task = self._making.get((*key, str(version)))
        if task is None:
            task = self._begin(town, key, version, make)
        return await asyncio.shield(task)

    def _begin(self, town: Town, key: Key, version: int | None, make: Make) -> asyncio.Task[Made]:
        if len(self._making) >= WAITING_MAX:
            raise Problem("too-busy", headers={"Retry-After": "30"})
        name = (*key, str(version))
        task = asyncio.create_task(self._make(town, key, version, make), name="whole list")
        self._making[name] = task

        def done(ended: asyncio.Task[Made]) -> None:
            self._making.pop(name, None)
            if not ended.cancelled():
                ended.exception()  # whoever waited for it was told; nobody may be left

        task.add_done_callback(done)
        return task

    async def _make(self, town: Town, key: Key, version: int | None, make: Make) -> Made:
        async with self._turn:
            try:
                async with asyncio.timeout(MAKING_SECONDS_MAX):
                    made = await _written(make)
            except TimeoutError:
                raise Problem("too-slow", headers={"Retry-After": "300"}) from None
        if version is not None and version == town.index.version:
            self._keep(key, version, made)
        return made

    def _keep(self, key: Key, version: int, made: Made) -> None:
        self._kept[key] = version, made
        while sum(each.packed.size for _, each in self._kept.values()) > self._kept_bytes_max:
            self._kept.popitem(last=False)
        asyncio.get_running_loop().call_later(KEPT_SECONDS, self._drop, key, made)

    def _drop(self, key: Key, made: Made) -> None:
        if self._kept.get(key, (0, None))[1] is made:
            del self._kept[key]

    def _drop_all_but(self, version: int | None) -> None:
        for key in [key for key, (kept, _) in self._kept.items() if kept != version]:
            del self._kept[key]


LISTS: web.AppKey[WholeLists] = web.AppKey("whole_lists")


async def _written(make: Make) -> Made:
    writing = Writing()
    async for data, count in make():
        await asyncio.to_thread(writing.add, data, count)
    return await asyncio.to_thread(writing.finish)


async def answer_list(
    request: web.Request,
    key: Key,
    media: str,
    make: Make,
    *,
    vary: tuple[str, ...] = (),
    link: str = "",
    name: str = "",
) -> web.StreamResponse:
    """Answer the list of this name: from its beginning, or 304, or a Problem. `application/gzip`: the compressed form
    is the file that was asked for. `name` is a `Content-Disposition`."""
    made = await request.app[LISTS].get(town_of(request), (*key, base_of(request)), make)
    packed = media == GZIP or takes_gzip(request)
    form = made.packed if packed else made.plain
    headers = {
        "Cache-Control": CACHE_ASK,
        "ETag": f'"{made.plain.tag}-gzip"' if packed and media != GZIP else f'"{form.tag}"',
        "Repr-Digest": digest_field(form.digest),
        "Vary": ", ".join(("Accept-Encoding", "Host", *vary)),
        "X-Total-Count": str(made.count),
        **({"Link": link} if link else {}),
        **({"Content-Disposition": name} if name else {}),
    }
    if tag_matches(request.headers.get("If-None-Match"), headers["ETag"]):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = media
    if packed and media != GZIP:
        headers["Content-Encoding"] = "gzip"
    return await _send(request, made, form, headers)


async def _send(request: web.Request, made: Made, form: Form, headers: dict[str, str]) -> web.StreamResponse:
    response = web.StreamResponse(headers=headers)
    response.content_length = form.size
    protect(response, open_data=True)
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    unpack = zlib.decompressobj(wbits=31) if form is made.plain else None
    for at in range(0, made.packed.size, PIECE_BYTES):
        data = await asyncio.to_thread(made.spool.read, at, PIECE_BYTES)
        for piece in (data,) if unpack is None else _unpacked(unpack, data):
            await response.write(piece)
    await response.write_eof()
    return response


def _unpacked(unpack: zlib._Decompress, data: bytes) -> Iterator[bytes]:
    """What some compressed bytes hold, piece by piece: a thousand spaces are compressed into one."""
    while plain := unpack.decompress(data, PIECE_BYTES):
        yield plain
        data = unpack.unconsumed_tail
