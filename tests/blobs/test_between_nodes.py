# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files between nodes: over libp2p, over HTTP, and between whole towns, each with what strangers are (not) given."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from convergences_node.blobs.blobs import Blobs
from convergences_node.blobs.over_http import HEADER, get_piece, prove, proved
from convergences_node.blobs.pieces import PIECE_BYTES_MAX, NotHeld, Question, read_answer
from convergences_node.blobs.settings import BlobsSection
from convergences_node.blobs.store import Readers
from convergences_node.network import libp2p_asking
from convergences_node.network.holders import PeerHolders
from convergences_node.network.libp2p_asking import BLOB
from convergences_node.network.libp2p_link import read_frame
from convergences_protocol.errors import RemoteError
from convergences_protocol.keys import SigningKey

from tests.network.conftest import Net
from tests.web.small_town import KEY, WITNESS, Serving, small_town

from .conftest import Members

FILE = bytes(range(241)) * 4_000
DIGEST = sha256(FILE).digest()


@pytest.fixture
async def net() -> AsyncIterator[Net]:
    net = Net()
    yield net
    await net.close()


# ----------------------------------------------------------------------------------------- libp2p
async def test_a_member_pulls_a_file_over_libp2p(net: Net, tmp_path: Path) -> None:
    """Pieces over a link that replicates meanwhile; what is for peers is given to a peer."""
    one, two = await net.node(1), await net.node(2)
    await net.link(one, two)
    giver = Blobs(tmp_path / "two", BlobsSection(free_mib=0), Members(one.key))
    await giver.add_bytes(FILE, Readers.PEERS)
    two.transport.answer = giver.answer
    taker = Blobs(tmp_path / "one", BlobsSection(free_mib=0), Members())
    taker.holders = PeerHolders(net.key(1), lambda: one.transport, lambda: [two.key], dict)
    one.transport.send(two.key, b"a frame beside")
    path = await taker.fetch(DIGEST, len(FILE), readers=Readers.PEERS)
    assert path.read_bytes() == FILE
    await two.told.until(lambda: bool(two.told.frames))
    assert not one.told.misdeeds and not two.told.misdeeds


async def test_a_stranger_is_not_answered_over_libp2p(net: Net) -> None:
    node, stranger = await net.node(1), await net.node(2)
    stranger.transport.allow({node.key})
    asked: list[bytes] = []

    async def answer(key: bytes, question: bytes) -> bytes:
        asked.append(key)
        return b""

    node.transport.answer = answer
    address = node.transport.addresses()[0]

    async def knock(host: Any) -> bool:
        try:
            stream = await host.links.open_stream(address, node.key, BLOB)
            await stream.write(struct.pack(">I", 45) + Question(DIGEST, 0).encode())
            return bool(await read_frame(stream, 1 << 20))
        except Exception:
            return False

    assert not await net.in_trio(stranger, knock) and not asked


async def test_questions_above_the_bound_are_reset_and_others_answered(
    net: Net, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A member that asks without end holds as much of us as any other, and replicates all the same."""
    import asyncio

    monkeypatch.setattr(libp2p_asking, "QUESTIONS_OF_PEER_MAX", 2)
    one, two = await net.node(1), await net.node(2)
    await net.link(one, two)
    waiting, go_on = asyncio.Semaphore(0), asyncio.Event()

    async def answer(key: bytes, question: bytes) -> bytes:
        waiting.release()
        await go_on.wait()
        return question

    two.transport.answer = answer
    held = [asyncio.create_task(one.transport.ask(two.key, b"%d" % number)) for number in range(2)]
    for _ in held:
        await waiting.acquire()
    with pytest.raises(RemoteError, match="no answer"):
        await one.transport.ask(two.key, b"one more")
    go_on.set()
    assert await asyncio.gather(*held) == [b"0", b"1"]
    assert await one.transport.ask(two.key, b"after") == b"after"


async def test_what_is_no_question_is_the_peers_misdeed(net: Net, tmp_path: Path) -> None:
    one, two = await net.node(1), await net.node(2)
    await net.link(one, two)
    two.transport.answer = Blobs(tmp_path, BlobsSection(free_mib=0), Members(one.key)).answer

    async def lie(host: Any) -> None:
        stream = await host.links._host.new_stream(host.links.open[two.key].muxed.peer_id, [BLOB])
        await stream.write(struct.pack(">I", 3) + b"why")

    await net.in_trio(one, lie)
    await two.told.until(lambda: bool(two.told.misdeeds))
    assert two.told.misdeeds == [(one.key, "a question about a file of 3 bytes")]


# ----------------------------------------------------------------------------------------- HTTP
async def test_a_node_pulls_over_http_what_is_for_it(tmp_path: Path) -> None:
    """Public files for anybody; those for peers with a signature of a peer, for this node and this file alone."""
    async with small_town(tmp_path / "node", records=False) as town, TestServer(Serving(town).app) as server:
        await town.blobs.add_bytes(FILE, Readers.PEERS)
        public = await town.blobs.add_bytes(b"for all")
        address = str(server.make_url("/"))
        taker = Blobs(tmp_path / "taker", BlobsSection(free_mib=0), Members())
        taker.holders = holders = PeerHolders(WITNESS, lambda: None, list, lambda: {KEY.public: [address]})
        assert (await taker.fetch(DIGEST, len(FILE), readers=Readers.PEERS)).read_bytes() == FILE
        await holders.stop()
        async with aiohttp.ClientSession() as session:
            piece = await get_piece(session, address, None, Question(public.digest, 4))
            assert (piece.total, piece.data) == (7, b"all")
            stranger = SigningKey.from_seed(b"s" * 32)
            elsewhere = prove(WITNESS, stranger.public, DIGEST)
            other_file = prove(WITNESS, KEY.public, public.digest)
            for proof in (None, "words", prove(stranger, KEY.public, DIGEST), elsewhere, other_file):
                with pytest.raises(NotHeld):
                    await get_piece(session, address, proof, Question(DIGEST, 0))
            async with session.get(
                f"{address}blobs/{DIGEST.hex()}", headers={HEADER: prove(WITNESS, KEY.public, DIGEST)}
            ) as found:
                assert (
                    found.headers["Cache-Control"] == "no-store"
                    and "sandbox" in found.headers["Content-Security-Policy"]
                )
                assert found.headers["Content-Disposition"] == "attachment"
                assert found.headers["X-Content-Type-Options"] == "nosniff"
        assert proved(elsewhere, KEY.public, DIGEST) is None


@pytest.mark.parametrize("lie", ["longer", "elsewhere", "no range", "redirect", "endless"])
async def test_a_lying_server_is_told_apart(lie: str) -> None:
    """Never more than a piece is read, nowhere else gone to, and no answer taken for another."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if lie == "redirect":
            raise web.HTTPFound("/elsewhere")
        if lie == "endless":
            response = web.StreamResponse(status=206, headers={"Content-Range": f"bytes 10-{1 << 40}/{1 << 41}"})
            await response.prepare(request)
            while True:
                await response.write(bytes(1 << 16))
        ranges = {"longer": "bytes 10-12/11", "elsewhere": "bytes 11-13/100", "no range": ""}
        headers = {"Content-Range": ranges[lie]} if ranges[lie] else {}
        return web.Response(status=206, body=b"abc", headers=headers)

    app = web.Application()
    app.router.add_get("/blobs/{digest}", answer)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        asked = get_piece(session, str(server.make_url("/")), None, Question(DIGEST, 10))
        if lie == "endless":
            assert len((await asked).data) == PIECE_BYTES_MAX
            return
        with pytest.raises(RemoteError):
            await asked


async def test_a_piece_over_the_node_s_own_words_reads_back(tmp_path: Path) -> None:
    """What `Blobs.answer` says is what `read_answer` reads, to the last short piece."""
    blobs = Blobs(tmp_path, BlobsSection(free_mib=0), Members())
    await blobs.add_bytes(FILE)
    got, offset = bytearray(), 0
    while offset < len(FILE):
        asked = Question(DIGEST, offset)
        piece = read_answer(await blobs.answer(b"m" * 32, asked.encode()), asked)
        got += piece.data
        offset += len(piece.data)
    assert bytes(got) == FILE
