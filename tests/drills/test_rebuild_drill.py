# SPDX-License-Identifier: AGPL-3.0-or-later
"""The rebuild drill: ten nodes, one wiped, made again from the others, its backup and its sheet."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from convergences_node.archive.verifying import verify_folder
from convergences_node.backup.rebuilding import from_backup, newest
from convergences_node.backup.settling import settled
from convergences_protocol.recovery import read_sheet

from ..awkward.cluster import Cluster, Node

TOWNS = {
    "saint-denis": "FR-93066",
    "epinay": "FR-93031",
    "stains": "FR-93072",
    "aubervilliers": "FR-93001",
    "la-courneuve": "FR-93027",
    "saint-ouen": "FR-93070",
    "villetaneuse": "FR-93079",
    "l-ile-saint-denis": "FR-93039",
    "pierrefitte": "FR-93059",
}
QUESTIONS = ({"q": "jardin"}, {"q": "saint"}, {"kind": "actor"}, {"territory": "FR-93066"}, {"q": "4"}, {"q": "absent"})
RECORDS = 40
TAIL = 5
WAIT_S = 90.0


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    cluster = Cluster(tmp_path)
    yield cluster
    await cluster.close()


async def ten(cluster: Cluster) -> list[Node]:
    """An agglomeration and nine towns; each has written, and the first keeps everybody's log."""
    nodes = [await cluster.found("agglomeration")]
    nodes += [await cluster.found(name, territory=code) for name, code in TOWNS.items()]
    for node in nodes:
        await cluster.start(node)
    for town in nodes[1:]:
        await cluster.join(town, nodes[0])
    for town in nodes[1:]:
        await cluster.acquaint(nodes[1], town)
        await cluster.acquaint(town, nodes[1])
        await town.write(*[f"jardin {number} de {town.name}" for number in range(RECORDS)])
    await nodes[1].ask("follow", keep="all")
    await whole(nodes[:2], nodes)
    return nodes


async def whole(holders: list[Node], writers: list[Node]) -> None:
    """Wait until the holders have every writer's log."""
    for holder in holders:
        for writer in writers:
            await holder.until_holds(writer.origin, await writer.size(writer.origin))


async def answers(node: Node) -> list[list[str]]:
    """What a search shows, in its order."""
    await node.town.index.catch_up()
    found: list[Any] = [await node.ask("search", query={**question, "limit": "100"}) for question in QUESTIONS]
    return [sorted(item["id"] for item in answer["items"]) for answer in found]


@pytest.mark.parametrize("wiped", ["saint-denis", "agglomeration"])
async def test_one_of_ten_nodes_is_wiped_and_made_again(cluster: Cluster, tmp_path: Path, wiped: str) -> None:
    """The same log to the same root, the same answers to the same questions, and private data back."""
    nodes = await ten(cluster)
    node = cluster.nodes[wiped]
    (node.folder / "private-drill").write_text("of the members alone", "utf-8")
    stick = tmp_path / "stick"
    stick.mkdir()
    await node.ask("backup", target=str(stick))
    await node.write(*[f"après la sauvegarde {number}" for number in range(TAIL)])
    others = [other for other in (nodes[0], nodes[1]) if other is not node]
    await whole(others, [node])
    before, old = await node.log(node.origin), node.origin
    shown = await answers(node)
    assert before is not None and any(shown) and not all(shown)
    await cluster.stop(node)
    shutil.rmtree(node.folder)

    seed = read_sheet("\n".join(node.founded.recovery_sheet))
    from_backup(node.folder, newest(stick), seed, [], lambda event: None)
    await cluster.start(node)
    answer = await settled(node.town, WAIT_S, lambda event: None)
    assert answer["state"] == "settled", answer
    (log,) = [log for log in answer["logs"] if log["origin"] == old]
    assert (log["size"], log["root"], log["wanted"]) == (before.size, before.root.hex(), 0)
    await whole([node], nodes[1:])
    assert await answers(node) == shown
    assert (node.folder / "private-drill").read_text("utf-8") == "of the members alone"
    await node.write("après la reconstruction")
    for other in others:
        await other.until_finds("après la reconstruction", f"après la sauvegarde {TAIL - 1}")
    await cluster.stop(node)
    assert verify_folder(node.folder).sound
