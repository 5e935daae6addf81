# SPDX-License-Identifier: AGPL-3.0-or-later
"""A list is given to its end or not at all, whatever its length, how many ask for it, and what fails on the way."""

from __future__ import annotations

import asyncio
import gc
import gzip
import hashlib
import os
import tracemalloc
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from convergences_node.web.asking import TOWN
from convergences_node.web.problems import Problem
from convergences_node.web.surfaces import whole_lists
from convergences_node.web.surfaces.negotiating import HTML, JSON_LD, TURTLE, wanted_form, wants_linked
from convergences_node.web.surfaces.spool import Spool
from convergences_node.web.surfaces.whole_lists import LISTS, Made, Piece, WholeLists, Writing
from convergences_node.web.town_door import Town

from .small_town import SmallTown


@dataclass
class Index:
    version: int | None = 1


@dataclass
class Standing:
    """All that a list asks of a town while it waits its turn."""

    index: Index


def standing() -> tuple[Index, Town]:
    index = Index()
    return index, cast(Town, Standing(index))


def maker(*pieces: bytes, gate: asyncio.Event | None = None) -> tuple[list[int], Callable[[], AsyncIterator[Piece]]]:
    """A list of these pieces, and how many times it was made."""
    made: list[int] = []

    async def make() -> AsyncIterator[Piece]:
        made.append(1)
        if gate is not None:
            await gate.wait()
        for piece in pieces:
            yield piece, 1

    return made, make


def text_of(made: Made) -> bytes:
    return gzip.decompress(made.spool.read(0, made.packed.size))


# --------------------------------------------------------------------------------------------------------------- spool
@pytest.mark.parametrize("most", [0, 10, 100, 1000])
def test_a_spool_is_read_as_it_was_written_from_several_places(most: int) -> None:
    spool = Spool(most)
    data = os.urandom(500)
    for at in range(0, 500, 7):
        spool.write(data[at : at + 7])
    assert spool.size == 500
    assert spool.read(0, 500) == data
    assert b"".join(spool.read(at, 33) for at in range(0, 500, 33)) == data
    assert spool.read(490, 33) == data[490:]


def deleted(folder: Path) -> int:
    """Open files that have no name any more."""
    links = [path for path in folder.iterdir() if path.is_symlink()]
    return sum(1 for path in links if path.is_symlink() and "(deleted)" in str(path.readlink()))


def test_a_spool_s_file_has_no_name_and_goes_with_it_and_a_few_bytes_need_none() -> None:
    gc.collect()
    folder = Path("/proc/self/fd")
    if not folder.exists():
        pytest.skip("this system does not show its open files: nothing was proved about the spool's")
    before = deleted(folder)
    spool = Spool(1)
    spool.write(b"x")
    assert deleted(folder) == before
    spool.write(b"y")
    assert deleted(folder) == before + 1
    del spool
    assert deleted(folder) == before


# -------------------------------------------------------------------------------------------------------------- making
async def test_a_list_knows_its_length_digest_and_count() -> None:
    _, town = standing()
    _, make = maker(b"abc" * 1000, b"", b"def")
    made = await WholeLists().get(town, ("a",), make)
    text = b"abc" * 1000 + b"def"
    assert text_of(made) == text
    assert (made.count, made.plain.size, made.plain.digest) == (3, len(text), hashlib.sha256(text).digest())
    packed = made.spool.read(0, made.packed.size)
    assert (made.packed.size, made.packed.digest) == (len(packed), hashlib.sha256(packed).digest())
    _, again = maker(b"abc" * 1000, b"def")
    other = await WholeLists().get(town, ("a",), again)
    assert other.plain.digest == made.plain.digest


async def test_one_making_serves_all_who_wait_and_those_who_come_after() -> None:
    index, town = standing()
    gate = asyncio.Event()
    made, make = maker(b"a", gate=gate)
    lists = WholeLists()
    waiting = [asyncio.create_task(lists.get(town, ("a",), make)) for _ in range(5)]
    await asyncio.sleep(0)
    waiting[0].cancel()  # one who goes away takes nothing from the others
    gate.set()
    assert len({id(each) for each in await asyncio.gather(*waiting[1:])}) == 1
    await lists.get(town, ("a",), make)
    assert len(made) == 1
    index.version = 2
    await lists.get(town, ("a",), make)
    assert len(made) == 2, "the index knows something else"


async def test_what_was_made_while_something_was_written_is_not_given_again() -> None:
    index, town = standing()
    gate = asyncio.Event()
    made, make = maker(b"a", gate=gate)
    lists = WholeLists()
    for version in (None, 7):
        index.version = version
        waiting = asyncio.create_task(lists.get(town, ("a",), make))
        await asyncio.sleep(0)
        index.version = 8
        gate.set()
        await waiting
    await lists.get(town, ("a",), make)
    assert len(made) == 3


async def test_lists_take_turns_and_a_queue_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_lists, "WAITING_MAX", 2)
    _, town = standing()
    gate = asyncio.Event()
    made, make = maker(b"a", gate=gate)
    lists = WholeLists()
    waiting = [asyncio.create_task(lists.get(town, (name,), make)) for name in "ab"]
    await asyncio.sleep(0.01)
    assert len(made) == 1
    with pytest.raises(Problem) as refused:
        await lists.get(town, ("c",), make)
    assert refused.value.key == "too-busy"
    gate.set()
    await asyncio.gather(*waiting)
    assert len(made) == 2


async def test_what_fails_or_takes_too_long_is_told_to_all_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    _, town = standing()
    lists = WholeLists()

    async def broken() -> AsyncIterator[Piece]:
        yield b"half", 1
        raise OSError("no space left on device")

    for _ in range(2):
        with pytest.raises(OSError, match="no space"):
            await lists.get(town, ("a",), broken)
    monkeypatch.setattr(whole_lists, "MAKING_SECONDS_MAX", 0.01)
    _, never = maker(b"a", gate=asyncio.Event())
    with pytest.raises(Problem) as refused:
        await lists.get(town, ("b",), never)
    assert refused.value.key == "too-slow"
    _, make = maker(b"a")
    assert text_of(await lists.get(town, ("b",), make)) == b"a"


async def test_what_is_kept_is_bounded_and_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    _, town = standing()
    lists = WholeLists(kept_bytes_max=1_000)
    made, make = maker(os.urandom(400))
    for name in ("a", "b", "c", "a"):
        await lists.get(town, (name,), make)
    assert len(made) == 4, "the first made room for the third"
    monkeypatch.setattr(whole_lists, "KEPT_SECONDS", 0.0)
    await lists.get(town, ("d",), make)
    await asyncio.sleep(0.01)
    await lists.get(town, ("d",), make)
    assert len(made) == 6


async def test_memory_does_not_grow_with_the_list() -> None:
    """Forty megabytes of a hundred thousand elements, ten compressed; ten times fewer take as much memory."""

    def peak(elements: int) -> int:
        writing, tail = Writing(), os.urandom(50).hex().encode()
        tracemalloc.start()
        for number in range(elements // 200):
            writing.add(b"".join(b"%d %s" % (number * each, tail) for each in range(200)), 200)
        writing.finish()
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(100_000) < peak(10_000) + 2_000_000


# ------------------------------------------------------------------------------------------------------------- sending
async def test_a_long_list_is_sent_as_it_was_written(town: SmallTown, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a file and in pieces, unpacked for a reader who takes no gzip; a text that packs a thousandfold too."""
    monkeypatch.setattr(whole_lists, "PIECE_BYTES", 1_000)
    text = b" " * 3_000_000 + os.urandom(800_000).hex().encode()
    _, make = maker(text)

    async def show(request: web.Request) -> web.StreamResponse:
        return await whole_lists.answer_list(request, ("long",), "text/plain", make)

    app = web.Application()
    app[TOWN], app[LISTS] = town, WholeLists()
    app.router.add_get("/", show)
    async with TestClient(TestServer(app)) as client:
        for form in ("identity", "gzip"):
            answer = await client.get("/", headers={"Accept-Encoding": form})
            assert await answer.read() == text
            assert answer.headers.get("Content-Encoding", "identity") == form
            assert answer.headers["X-Total-Count"] == "1"
            same = {"Accept-Encoding": form, "If-None-Match": f'"x", {answer.headers["ETag"]}'}
            assert (await client.get("/", headers=same)).status == 304


async def test_a_head_request_has_the_list_s_headers_and_no_body(client: TestClient) -> None:
    whole = await client.get("/data/place.csv", headers={"Accept-Encoding": "identity"})
    alone = await client.head("/data/place.csv", headers={"Accept-Encoding": "identity"})
    for name in ("ETag", "X-Total-Count", "Repr-Digest", "Content-Length"):
        assert alone.headers[name] == whole.headers[name]
    assert await alone.read() == b""


# ---------------------------------------------------------------------------------------------------------------- forms
@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", JSON_LD),
        ("*/*", JSON_LD),
        ("text/turtle", TURTLE),
        ("text/turtle;q=0.4, application/ld+json;q=0.6", JSON_LD),
        ("text/*;q=0.5, application/ld+json;q=0.1", TURTLE),
        ("application/pdf", JSON_LD),
        ("text/turtle;q=x", JSON_LD),
        ("text/turtle;q=-1, application/ld+json;q=0", JSON_LD),
        ("TEXT/Turtle", TURTLE),
        ("text/html,application/xhtml+xml,*/*;q=0.8", HTML),
        ("," * 5_000 + "text/turtle", JSON_LD),
    ],
)
def test_the_form_is_the_one_that_the_reader_likes_best(accept: str, form: str) -> None:
    request = make_mocked_request("GET", "/", headers={"Accept": accept})
    assert wanted_form(request, (JSON_LD, TURTLE, HTML)) == form
    assert wants_linked(make_mocked_request("GET", "/")) is False
