# SPDX-License-Identifier: AGPL-3.0-or-later
"""The rebuild drill: ten nodes, one wiped, made again from the others.

A town comes back over the network alone, with nothing in hand but its recovery sheet: private data from the backup that
its agglomeration keeps and cannot read, its log from whoever holds it. An agglomeration has nobody above it to keep a
backup: it comes back from its stick and its sheet, its log from its towns.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from convergences_node.archive.model import LogState
from convergences_node.archive.verifying import verify_folder
from convergences_node.backup.rebuilding import Left, from_backup, newest, rebuild
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
        await cluster.start(node, pages=node is nodes[0])
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


async def test_a_wiped_town_is_made_again_over_the_network_from_its_sheet_alone(cluster: Cluster) -> None:
    """The same log to the same root, the same answers to the same questions, and private data back."""
    nodes = await ten(cluster)
    agglomeration, town = nodes[:2]
    private(town)
    left = await town.ask("backup", vault=True)
    assert left["kept_at"] and "waiting" not in left
    before, shown = await wiped(cluster, town, agglomeration)

    address = (agglomeration.town.http_address or "").rstrip("/")
    answer = await rebuild(town.folder, Left(recovery_seed=seed_of(town), addresses=(address,)), 0, lambda event: None)
    assert (answer["how"], answer["former"]) == ("vault", before.origin)
    await is_the_same_again(cluster, town, before, shown, [agglomeration])


async def test_a_wiped_agglomeration_is_made_again_from_its_towns_and_its_stick(
    cluster: Cluster, tmp_path: Path
) -> None:
    """The same, of the node that keeps everybody's log; the charter is in its own."""
    nodes = await ten(cluster)
    agglomeration, town = nodes[:2]
    private(agglomeration)
    stick = tmp_path / "stick"
    stick.mkdir()
    await agglomeration.ask("backup", target=str(stick))
    before, shown = await wiped(cluster, agglomeration, town)

    from_backup(
        agglomeration.folder, newest(stick, seed_of(agglomeration)), seed_of(agglomeration), [], lambda event: None
    )
    await is_the_same_again(cluster, agglomeration, before, shown, [town])


def private(node: Node) -> None:
    (node.folder / "private-drill").write_text("of the members alone", "utf-8")


def seed_of(node: Node) -> bytes:
    return read_sheet("\n".join(node.founded.recovery_sheet))


async def wiped(cluster: Cluster, node: Node, other: Node) -> tuple[LogState, list[list[str]]]:
    """Its log and its answers when everything of it was deleted, some time after its backup."""
    await node.write(*[f"après la sauvegarde {number}" for number in range(TAIL)])
    await whole([other], [node])
    before = await node.log(node.origin)
    shown = await answers(node)
    assert before is not None and any(shown) and not all(shown)
    await cluster.stop(node)
    shutil.rmtree(node.folder)
    return before, shown


async def is_the_same_again(
    cluster: Cluster, node: Node, before: LogState, shown: list[list[str]], others: list[Node]
) -> None:
    await cluster.start(node)
    answer = await settled(node.town, WAIT_S, lambda event: None)
    assert answer["state"] == "settled", answer
    (log,) = [log for log in answer["logs"] if log["origin"] == before.origin]
    assert (log["size"], log["root"], log["wanted"]) == (before.size, before.root.hex(), 0)
    await whole([node], [other for other in cluster.nodes.values() if other is not node])
    assert await answers(node) == shown
    assert (node.folder / "private-drill").read_text("utf-8") == "of the members alone"
    await node.write("après la reconstruction")
    for other in others:
        await other.until_finds("après la reconstruction", f"après la sauvegarde {TAIL - 1}")
    await cluster.stop(node)
    assert verify_folder(node.folder).sound
