# SPDX-License-Identifier: AGPL-3.0-or-later
"""A remote node's files as a peer: what is made of them, and what a server that lies or never ends is worth."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from convergences_node.network.http_peer import fetch
from convergences_node.network.http_tiles import Gone, RemoteLog, split_note
from convergences_node.network.http_transport import HttpSettings, HttpTransport
from convergences_protocol import checkpoint, merkle
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.errors import RemoteError
from convergences_protocol.keys import SigningKey
from convergences_protocol.merkle import Frontier, leaf_hashes
from convergences_protocol.replication import frames, messages
from convergences_protocol.tiles import (
    ENTRIES,
    TILE_WIDTH,
    BodySlot,
    Slot,
    encode_bodies,
    encode_entries,
    extend_tiles,
    tile_path,
)

from .conftest import Remembers

ORIGIN = "convergences/FR-93066/0011223344556677"
KEY = SigningKey.from_seed(bytes(range(32)))


class Files:
    """A log as files, at one size."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.headers = [b"header %d" % number for number in range(size)]
        self.slots = [BodySlot(Slot.HERE, b"body %d" % n) if n % 3 else BodySlot(Slot.ERASED) for n in range(size)]
        hashes = leaf_hashes(self.headers)
        self.frontier = Frontier()
        self.frontier.extend(hashes)
        self.rows = extend_tiles(0, hashes, lambda level, n: b"")
        self.asked: list[str] = []

    async def fetch(self, path: str, bytes_max: int) -> bytes:
        self.asked.append(path)
        files: dict[str, bytes] = {
            "checkpoint": checkpoint.sign(Checkpoint(ORIGIN, self.size, self.frontier.root()), KEY)
        }
        for (level, n), row in self.rows.items():
            files[tile_path(level, n, len(row) // 32)] = row
        for n in range(-(-self.size // TILE_WIDTH)):
            part = slice(n * TILE_WIDTH, min(self.size, (n + 1) * TILE_WIDTH))
            path_here = tile_path(ENTRIES, n, part.stop - part.start)
            files[path_here] = encode_entries(self.headers[part])
            files[path_here.replace("tile/entries", "bodies")] = encode_bodies(self.slots[part])
        if path not in files:
            raise Gone(path)
        assert len(files[path]) <= bytes_max
        return files[path]


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 600, 1000])
async def test_batches_made_of_files_prove_themselves(size: int) -> None:
    """Every batch extends the tree towards the signed head, as the checks of replication demand."""
    files = Files(size)
    log = RemoteLog(files.fetch)
    head = checkpoint.verify((await log.head())[0], ORIGIN, KEY.public)
    mine, start = Frontier(), 0
    while start < head.size:
        headers, bodies, proof = await log.batch(start, head.size)
        mine.extend(leaf_hashes(headers))
        start += len(headers)
        assert merkle.verify_consistency(mine.size, head.size, mine.root(), head.root, proof)
        assert all(body is None or isinstance(body, bytes) for body in bodies)
    assert start == size and mine.root() == head.root


async def test_a_batch_begins_wherever_it_is_asked() -> None:
    headers, bodies, _ = await RemoteLog(Files(600).fetch).batch(300, 600)
    assert headers[0] == b"header 300" and len(headers) == 212 and bodies[0] is None and bodies[1] == b"body 301"


async def test_a_partial_bundle_that_is_gone_is_read_from_the_full_one() -> None:
    """A server keeps partial tiles for its latest head only; the full one begins the same way."""
    files = Files(600)
    headers, _, proof = await RemoteLog(files.fetch).batch(256, 400)
    assert len(headers) == 144
    before = Frontier()
    before.extend(leaf_hashes(files.headers[:400]))
    assert proof == [] and any(path.endswith(".p/144") for path in files.asked)


async def test_a_proof_between_two_sizes_is_made_of_tiles() -> None:
    files, log = Files(1000), RemoteLog(Files(1000).fetch)
    root, proof = await log.root(300, 1000), await log.proof(300, 1000)
    assert merkle.verify_consistency(300, 1000, root, files.frontier.root(), proof)


async def test_a_server_that_answers_nonsense_is_refused() -> None:
    async def nonsense(path: str, bytes_max: int) -> bytes:
        return b"\x00" * 7

    log = RemoteLog(nonsense)
    for work in (log.head(), log.batch(0, 10), log.proof(1, 2)):
        with pytest.raises((RemoteError, ValueError, LookupError)):
            await work


def test_a_served_head_is_parted_from_its_cosignatures() -> None:
    note = checkpoint.sign(Checkpoint(ORIGIN, 0, bytes(32)), KEY)
    line = "— autre AAAA\n".encode()
    assert split_note(note + line) == (note, (line,))
    with pytest.raises(RemoteError):
        split_note(b"no head")


# ------------------------------------------------------------------------------------- over a real socket
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Handler], Awaitable[str]]]:
    runners: list[web.AppRunner] = []

    async def start(handler: Handler) -> str:
        app = web.Application()
        app.router.add_get("/{rest:.*}", handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        runners.append(runner)
        host, port = runner.addresses[0][:2]
        return f"http://{host}:{port}"

    yield start
    for runner in runners:
        await runner.cleanup()


async def test_an_answer_without_end_is_cut_at_its_bound(serve: Any) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(65536))

    address = await serve(endless)
    async with aiohttp.ClientSession() as session:
        with pytest.raises(RemoteError, match="longer than"):
            await fetch(session, address, 1_000_000)


async def test_a_server_is_not_followed_elsewhere(serve: Any) -> None:
    """A redirection could lead into the operator's own network."""

    async def elsewhere(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"})

    address = await serve(elsewhere)
    async with aiohttp.ClientSession() as session:
        with pytest.raises(RemoteError, match="answers 302"):
            await fetch(session, address, 1000)


def node_of(files: Files, asked: asyncio.Event | None = None) -> Handler:
    """A whole node, as far as this transport asks."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/api/v1/logs":
            if asked is not None:
                asked.set()
            log = {"origin": ORIGIN, "key": KEY.public.hex(), "own": True, "status": "open"}
            return web.json_response({"logs": [log]})
        try:
            path = request.path.removeprefix("/log/FR-93066/0011223344556677/")
            return web.Response(body=await files.fetch(path, 1 << 25))
        except Gone:
            return web.Response(status=404)

    return answer


async def test_a_node_of_the_charter_is_shown_as_a_peer_that_serves(serve: Any) -> None:
    """Hello, then its heads; a `Want` is answered with batches as far as the credit goes."""
    address = await serve(node_of(Files(600)))
    told = Remembers()
    transport = HttpTransport(HttpSettings(0.05, (address,)))
    transport.allow({KEY.public})
    await transport.start(told)
    try:
        await told.until(lambda: len(told.frames) == 1)
        follow = messages.Follow(ORIGIN, 0, b"", 0)
        assert frames.decode(told.frames[0][1]) == messages.Hello(messages.VERSION, (follow,))
        transport.send(KEY.public, frames.encode(messages.Hello(messages.VERSION, (follow,))))
        await told.until(lambda: len(told.frames) == 2)
        heads = frames.decode(told.frames[1][1])
        assert isinstance(heads, messages.Heads)
        head = checkpoint.parse(heads.heads[0].note)
        want = messages.Want(1, ORIGIN, 0, head.size, head.root, 2)
        transport.send(KEY.public, frames.encode(want))
        await told.until(lambda: len(told.frames) == 4)
        transport.send(KEY.public, frames.encode(messages.More(1, 1)))
        await told.until(lambda: len(told.frames) == 5)
        batches = [frames.decode(frame) for _, frame in told.frames[2:]]
        assert [batch.stop for batch in batches if isinstance(batch, messages.Batch)] == [256, 512, 600]
    finally:
        await transport.stop()


async def test_a_node_that_the_charter_does_not_name_is_nobody(serve: Any) -> None:
    asked = asyncio.Event()
    address = await serve(node_of(Files(1), asked))
    told = Remembers()
    transport = HttpTransport(HttpSettings(0.05, (address,)))
    await transport.start(told)
    try:
        async with asyncio.timeout(10):
            await asked.wait()
            asked.clear()
            await asked.wait()
        assert not told.links
    finally:
        await transport.stop()


async def test_a_peer_that_libp2p_links_is_not_asked_again(serve: Any) -> None:
    asked = asyncio.Event()
    address = await serve(node_of(Files(1), asked))
    told = Remembers()
    transport = HttpTransport(HttpSettings(0.02), lambda key: True)
    transport.allow({KEY.public})
    await transport.start(told)
    transport.reach({KEY.public: [address]})
    try:
        await asyncio.sleep(0.2)
        assert not asked.is_set() and not told.links
    finally:
        await transport.stop()


async def test_a_node_that_goes_away_is_said_to_be_gone(serve: Any) -> None:
    gone = asyncio.Event()
    files = node_of(Files(1))

    async def sometimes(request: web.Request) -> web.StreamResponse:
        return web.Response(status=503) if gone.is_set() else await files(request)

    address = await serve(sometimes)
    told = Remembers()
    transport = HttpTransport(HttpSettings(0.05, (address,)))
    transport.allow({KEY.public})
    await transport.start(told)
    try:
        await told.until(lambda: KEY.public in told.links)
        gone.set()
        await told.until(lambda: KEY.public not in told.links)
    finally:
        await transport.stop()
