# SPDX-License-Identifier: AGPL-3.0-or-later
"""Gossip lost, streams lost: records arrive by the next way; and being away costs only what was missed."""

from __future__ import annotations

import time

import pytest
from convergences_node.network.memory import MemoryTransport
from convergences_protocol.errors import LocalError

from .cluster import Cluster, Node, warnings

WRITES = 15
STREAM_S_MAX = 1.0
POLL_S = 2


async def _latencies(writer: Node, reader: Node, name: str) -> list[float]:
    """From the acknowledgement of a write until a search at the other node shows it."""
    found = []
    for number in range(WRITES):
        begun = time.monotonic()
        await writer.write(f"{name} {number}")
        await reader.until_finds(f"{name} {number}")
        found.append(time.monotonic() - begun)
    return sorted(found)


async def test_with_every_gossip_message_lost_the_open_streams_are_as_quick(cluster: Cluster) -> None:
    """Gossip is a hint: the same writes, with and without it, are found as soon."""
    agglomeration, town = await cluster.cluster("saint-denis")
    told = await _latencies(town, agglomeration, "with gossip")
    cluster.net.gossips = False
    untold = await _latencies(town, agglomeration, "without gossip")
    assert untold[WRITES // 2] < STREAM_S_MAX
    assert untold[WRITES // 2] < 3 * told[WRITES // 2] + 0.1


@pytest.mark.slow
async def test_with_the_streams_gone_too_the_tiles_bring_it_within_a_period(cluster: Cluster) -> None:
    """No gossip, no stream: the agglomeration looks at the town's files by its timer, and finds what is new."""
    agglomeration, town = await cluster.cluster("saint-denis")
    await cluster.stop(agglomeration, town)
    await cluster.start(town, pages=True)
    settings = agglomeration.folder / "convergences.toml"
    text = settings.read_text().replace("addresses = []", f'addresses = ["{town.town.http_address}"]')
    settings.write_text(text.replace("http_poll_s = 60", f"http_poll_s = {POLL_S}"))
    cluster.net.gossips = False
    cluster.net.cut.add(frozenset((town.founded.key, agglomeration.founded.key)))
    await cluster.start(agglomeration)
    await town.write("the first over the tiles")
    await agglomeration.until_finds("the first over the tiles")
    for number in range(3):
        begun = time.monotonic()
        await town.write(f"over the tiles {number}")
        await agglomeration.until_finds(f"over the tiles {number}")
        assert time.monotonic() - begun < POLL_S + 2, "one look, and a moment to index"
    peer = (await agglomeration.ask("peers"))["peers"][0]
    assert peer["transport"] == "http"


class Meter:
    """Bytes of frames that come to a node."""

    def __init__(self, node: Node) -> None:
        assert node.town.network is not None
        self._driver = node.town.network.driver
        self._before = self._driver.bytes_received

    @property
    def bytes(self) -> int:
        return self._driver.bytes_received - self._before


async def _grow(town: Node, count: int, name: str) -> None:
    from .cluster import actor

    for start in range(0, count, 500):
        await town.town.archive.append([actor(f"{name} {n}") for n in range(start, min(start + 500, count))])


@pytest.mark.slow
async def test_catching_up_costs_what_was_missed_and_not_how_long_or_how_much_there_is(cluster: Cluster) -> None:
    """The same hundred missed records: behind a short log with a fresh absence, and behind a long one a month later."""
    agglomeration, town = await cluster.cluster("saint-denis")
    now = time.time()
    agglomeration.clock = town.clock = lambda: now
    costs = []
    for size, days in ((50, 0), (3_000, 31)):
        await _grow(town, size, f"before {size}")
        await agglomeration.until_holds(town.origin, await town.size(town.origin))
        await cluster.stop(agglomeration)
        before = await town.size(town.origin)
        for part in range(10):
            now += days * 86_400 / 10
            await _grow(town, 10, f"missed {size} {part}")
        payload = await _payload(town, before)
        await cluster.start(agglomeration)
        meter = Meter(agglomeration)
        await agglomeration.until_holds(town.origin, before + 100)
        await agglomeration.until_finds(f"missed {size} 9 9")
        costs.append((meter.bytes, payload))
    for cost, payload in costs:
        assert cost < 1.2 * payload + 4096, "headers and bodies of what was missed, and little more"
    (short, _), (long, _) = costs
    assert long < short + 4096


async def _payload(town: Node, start: int) -> int:
    entries = await town.town.archive.read(lambda reader: reader.entries(town.origin, start))
    return sum(len(entry.header) + len(entry.body or b"") for entry in entries)


async def test_towns_that_merge_while_one_is_cut_off_are_found_under_both_names(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """Pierrefitte merges into Saint-Denis; its node, out of reach then, learns it later, and loses nothing."""
    agglomeration, larger, smaller = await cluster.cluster("saint-denis", "pierrefitte")
    await smaller.write("an association of Pierrefitte")
    await larger.write("an association of Saint-Denis")
    await agglomeration.until_finds("an association of Pierrefitte", "an association of Saint-Denis")
    transport = smaller.town.network.p2p if smaller.town.network else None
    assert isinstance(transport, MemoryTransport)
    cluster.net.sever(smaller.key, agglomeration.key)
    await smaller.write("written behind the cut")
    ended = await agglomeration.ask(
        "end", origin=smaller.founded.territory, why="merger of 2025", successor=larger.founded.territory
    )
    assert ended["size"] == 2
    await larger.until_enrolled(larger.origin)
    cluster.net.mend(smaller.key, agglomeration.key)

    async def told() -> bool:
        known = smaller.town.membership.charter.enrolled(smaller.founded.origin)
        return known is not None and known.end is not None

    await smaller.until(told, "the charter's end arrives")
    assert smaller.origin == smaller.founded.origin, "a merged town opens no rival log"
    for place in (smaller.founded.territory, larger.founded.territory):
        answer = await agglomeration.ask("search", query={"q": "association", "territory": place})
        names = {item["name"] for item in answer["items"]}
        assert "an association of Pierrefitte" in names, place
    assert await smaller.size(smaller.origin) == 3, "what was written behind the cut is still there"
    lines = [line for line in warnings(caplog.records) if "1 records here lie beyond" in line]
    assert len(lines) == 1
    with pytest.raises(LocalError, match="has merged into another town"):
        await smaller.ask("add", kind="actor", fields={"name": "too late", "type": "association"})
