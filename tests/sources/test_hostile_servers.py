# SPDX-License-Identifier: AGPL-3.0-or-later
"""Nodes and servers of linked data that stall, never end, lie, loop or bomb: a run and a look both end with a reason,
in bounded time and with bounded bytes, and nothing that was relayed before is taken to have disappeared.
"""

from __future__ import annotations

import asyncio
import gzip
import json
from functools import partial

import pytest
from convergences_node.sources import fetching, from_node, from_void, server_rows
from convergences_protocol.errors import RemoteError

from .conftest import Home
from .test_fetching import Answer, ok, saying, serving

BYTES_MAX = 200_000
IMPATIENT = partial(fetching.Bounds, stall_seconds=0.4)


async def endless(request: bytes, writer: asyncio.StreamWriter) -> None:
    """No length, and no end."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/turtle\r\n\r\n")
    while True:
        writer.write(b"<a:b> <c:d> <e:f> .\n" * 1_000)
        await writer.drain()


async def stalling(request: bytes, writer: asyncio.StreamWriter) -> None:
    """Half a word, then silence until the other end has had enough."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
    await writer.drain()
    await asyncio.Event().wait()


LOOP = b"HTTP/1.1 302 Found\r\nLocation: /api/v1/logs\r\nContent-Length: 0\r\n\r\n"
TRICKS: dict[str, tuple[Answer, set[str]]] = {
    "endless": (endless, {"source_large"}),
    "stalling": (stalling, {"source_silent", "source_slow"}),
    "a loop of redirects": (saying(LOOP), {"source_status"}),
    "shorter than it says": (saying(ok(b'{"logs": [', length=500)), {"source_cut"}),
    "a page for people": (saying(ok(b"<html><script>alert(1)</script>")), {"source_wrong"}),
    "packed though nobody asked": (
        saying(ok(gzip.compress(bytes(10_000_000), mtime=0), "Content-Encoding: gzip")),
        {"source_wrong"},
    ),
    "nested without end": (saying(ok(b"[" * 100_000)), {"source_wrong"}),
}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    wait_no_longer(monkeypatch, 5.0)


def wait_no_longer(monkeypatch: pytest.MonkeyPatch, seconds_max: float) -> None:
    bounds = lambda bytes_max, seconds: IMPATIENT(min(bytes_max, BYTES_MAX), seconds_max)  # noqa: E731
    for module in (from_node, from_void, server_rows):
        monkeypatch.setattr(module, "Bounds", bounds)


@pytest.mark.parametrize("trick", TRICKS)
@pytest.mark.parametrize("sort", ["node", "void"])
async def test_a_server_that_means_harm_costs_a_reason(home: Home, sort: str, trick: str) -> None:
    answer, wanted = TRICKS[trick]
    async with serving(answer) as address, asyncio.timeout(20):
        text = f'[where]\n{sort} = "{address}"\nprivate = true\nbytes_max = {BYTES_MAX}\n'
        await home.declare("harm", text)
        told = await home.run("harm")
        assert (told["outcome"], told["reason"]["code"] in wanted) == ("failed", True), told["reason"]
        with pytest.raises(RemoteError) as caught:
            await home.ask("source_preview", name="harm")
        assert caught.value.fault is not None and caught.value.fault.code in wanted
        assert not list((home.folder / "sources").glob(".*")), "nothing is left of it"


async def test_a_container_that_breaks_in_the_middle_takes_nothing_away(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The description is sound, and a container is endless, cut, or names itself as its own next page for ever."""
    wait_no_longer(monkeypatch, 60.0)  # on a busy machine, too, it is its size that ends the endless one
    thing = '<http://{host}/t/1> a <http://virtual-assembly.org/ontologies/pair#Theme> ; ' \
            '<http://virtual-assembly.org/ontologies/pair#label> "Jardins" .\n'  # fmt: skip
    broken: list[Answer] = []

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        host = next(line for line in request.decode().split("\r\n") if line.lower().startswith("host:")).split()[1]
        if b"/.well-known/void" in request:
            part = {"void:uriSpace": f"http://{host}/t", "void:class": "pair:Theme"}
            await saying(ok(json.dumps({"void:classPartition": part}).encode()))(request, writer)
        elif broken:
            await broken[0](request, writer)
        else:
            await saying(ok(thing.format(host=host).encode(), "Content-Type: text/turtle"))(request, writer)

    again = ok(b"", "Content-Type: text/turtle", 'Link: </t>; rel="next"')
    async with serving(answer) as address, asyncio.timeout(120):
        await home.declare("themes", f'gone = "withdraw"\n[where]\nvoid = "{address}"\nprivate = true\n')
        assert (await home.run("themes"))["outcome"] == "imported"
        size = await home.size()
        for one, code in (
            (endless, "source_large"),
            (saying(ok(b"<a:b> <c:d>", "Content-Type: text/turtle", length=900)), "source_cut"),
            (saying(again), "source_pages"),
            (saying(ok(b"<a:b> <c:d", "Content-Type: text/turtle")), "linked_broken"),
        ):
            broken[:] = [one]
            told = await home.run("themes")
            assert (told["outcome"], told["reason"]["code"]) == ("failed", code)
        assert await home.size() == size and len(await home.found("theme")) == 1
