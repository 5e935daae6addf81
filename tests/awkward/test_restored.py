# SPDX-License-Identifier: AGPL-3.0-or-later
"""An old backup restored, a cloned card: doubt is raised, nothing acknowledged is lost, residents can write at once."""

from __future__ import annotations

import json
from functools import partial

import pytest
from convergences_node.former import DOUBT_CHOICE
from convergences_protocol.errors import LocalError

from .cluster import Cluster, Node, warnings


async def _with_a_backup(cluster: Cluster, town: Node, agglomeration: Node) -> tuple[str, int]:
    """The town's card dies after its backup was taken; the backup is put on the card, and not started yet.

    Returns the log that it wrote in, and how much of it the agglomeration holds.
    """
    await town.write("before the backup")
    await agglomeration.until_finds("before the backup")
    old = town.origin
    await cluster.stop(town)
    kept = cluster.backup(town)
    await cluster.start(town)
    await town.write("after the backup")
    await agglomeration.until_finds("after the backup")
    await cluster.stop(town)
    cluster.put_back(town, kept)
    return old, await agglomeration.size(old)


async def test_a_cluster_gathers_what_its_towns_write(cluster: Cluster) -> None:
    """The ground that all other tests stand on."""
    agglomeration, town = await cluster.cluster("saint-denis")
    await town.write("Jardin partagé")
    await agglomeration.until_finds("Jardin partagé")


async def test_a_backup_restored_pulls_its_tail_and_is_enrolled_again_by_itself(cluster: Cluster) -> None:
    """One honest peer, the agglomeration, holds what the backup does not."""
    agglomeration, town = await cluster.cluster("saint-denis")
    old, size = await _with_a_backup(cluster, town, agglomeration)

    await cluster.start(town)
    assert town.origin != old
    await town.write("written at once")
    assert (await town.ask("status"))["doubts"]
    await town.until_holds(old, size)
    await agglomeration.until_enrolled(town.origin)
    await agglomeration.until_finds("before the backup", "after the backup", "written at once")
    await town.until_finds("before the backup", "after the backup", "written at once")

    async def settled() -> bool:
        return not (await town.ask("status"))["doubts"]

    await town.until(settled, "the doubt is over")
    edited = (await town.ask("search", query={"q": "after the backup"}))["items"][0]["id"]
    await town.ask("add", kind="actor", element=edited, fields={"name": "edited after all", "type": "association"})
    await agglomeration.until_finds("edited after all")
    assert not await agglomeration.finds("after the backup")


async def test_a_backup_older_than_an_epoch_gets_that_epoch_back(cluster: Cluster) -> None:
    """The card knows nothing of the log that the town wrote in last; the charter names it, and it is the town's own."""
    agglomeration, town = await cluster.cluster("saint-denis")
    await _with_a_backup(cluster, town, agglomeration)
    kept = cluster.backup(town, name="again")
    await cluster.start(town)
    await agglomeration.until_enrolled(town.origin)
    await town.write("in the second epoch")
    await agglomeration.until_finds("in the second epoch")
    second, size = town.origin, await agglomeration.size(town.origin)
    await cluster.stop(town)

    cluster.put_back(town, kept)
    await cluster.start(town)
    assert town.origin != second
    await town.until_holds(second, size)
    await town.until_finds("before the backup", "after the backup", "in the second epoch")
    await town.until(partial(_names, town, second), "the charter names the second epoch")
    assert second in {log.origin for log in town.town.membership.identities() if log.keep and log.past_end}


async def _names(node: Node, origin: str) -> bool:
    found = node.town.membership.charter.enrolled(origin)
    return found is not None and not found.presumed


async def test_a_backup_restored_with_nobody_in_reach_lets_residents_write_and_says_so(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """No peer: the doubt is shown, over restarts too, and the cluster takes the town in again when it is reached."""
    agglomeration, town = await cluster.cluster("saint-denis")
    old, size = await _with_a_backup(cluster, town, agglomeration)
    await cluster.stop(agglomeration)
    caplog.clear()

    await cluster.start(town)
    assert [line for line in warnings(caplog.records) if "guard_missing" in line and old in line]
    await town.write("written alone")
    await town.until_finds("before the backup", "written alone")
    origin = town.origin
    await cluster.stop(town)
    await cluster.start(town)
    assert town.origin == origin
    status = await town.ask("status")
    assert status["doubts"] == ["guard_missing"]
    remembered = await town.town.archive.read(lambda reader: reader.choice(DOUBT_CHOICE))
    assert json.loads(remembered or "")["old"] == old

    await cluster.start(agglomeration)
    await town.until_holds(old, size)
    await agglomeration.until_enrolled(origin)
    await agglomeration.until_finds("before the backup", "after the backup", "written alone")


async def test_the_tail_comes_from_a_neighbour_when_the_agglomeration_is_away(cluster: Cluster) -> None:
    """Two peers: one that holds the town's log by choice, and the agglomeration, which comes back last."""
    agglomeration, town, neighbour = await cluster.cluster("saint-denis", "epinay")
    await neighbour.ask("follow", keep="all")
    await town.until_enrolled(neighbour.origin)
    await cluster.acquaint(neighbour, town)
    old, size = await _with_a_backup(cluster, town, agglomeration)
    await neighbour.until_holds(old, size)
    await cluster.stop(agglomeration)

    await cluster.start(town)
    await cluster.acquaint(town, neighbour)
    await town.write("written meanwhile")
    await town.until_finds("before the backup", "after the backup", "written meanwhile")
    await cluster.start(agglomeration)
    await agglomeration.until_enrolled(town.origin)
    await agglomeration.until_finds("before the backup", "after the backup", "written meanwhile")
    await neighbour.until_finds("before the backup", "after the backup", "written meanwhile")


async def test_a_stale_peer_neither_lifts_a_doubt_nor_takes_anything_away(cluster: Cluster) -> None:
    """The peer's copy is older than the backup: the town gives, and is enrolled from what it has."""
    agglomeration, town = await cluster.cluster("saint-denis")
    await town.write("seen by all")
    await agglomeration.until_finds("seen by all")
    old = town.origin
    await cluster.stop(agglomeration)
    await town.write("never seen by the agglomeration")
    size = await town.size(old)
    await cluster.stop(town)
    cluster.put_back(town, cluster.backup(town))

    await cluster.start(town)
    await cluster.start(agglomeration)
    await agglomeration.until_enrolled(town.origin)
    assert await agglomeration.size(old) == size
    await agglomeration.until_finds("seen by all", "never seen by the agglomeration")


async def test_a_card_put_into_another_machine_writes_in_a_new_epoch(cluster: Cluster) -> None:
    """The card with its guard, whole, in another board: a new epoch, enrolled by itself, nothing missing."""
    agglomeration, town = await cluster.cluster("saint-denis", cards={"saint-denis": "board 1"})
    await town.write("on the first board")
    await agglomeration.until_finds("on the first board")
    old = town.origin
    await cluster.stop(town)
    town.card = "board 2"
    await cluster.start(town)
    assert town.origin != old
    await town.write("on the second board")
    await agglomeration.until_enrolled(town.origin)
    await agglomeration.until_finds("on the first board", "on the second board")


async def test_of_two_machines_with_one_card_neither_forks_the_log_and_a_person_decides(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """The clone is taken in; the first machine comes back, is told that its log has ended, and loses nothing."""
    agglomeration, town = await cluster.cluster("saint-denis", cards={"saint-denis": "board 1"})
    await town.write("before the clone")
    await agglomeration.until_finds("before the clone")
    old = town.origin
    await cluster.stop(town)
    clone = Node("clone", cluster.image(town), town.founded, card="board 2")
    cluster.nodes["clone"] = clone
    await cluster.start(clone)
    await clone.write("at the clone")
    await agglomeration.until_finds("before the clone", "at the clone")
    heir = clone.origin
    await cluster.stop(clone)

    town.card = "board 1"
    cluster.net.transports.pop(clone.founded.key, None)
    await cluster.stop(agglomeration)
    await cluster.start(town)
    await town.write("at the first machine, unaware")
    await cluster.start(agglomeration)

    async def moved() -> bool:
        return town.origin != old

    await town.until(moved, "the first machine leaves the log that was ended")
    assert any("the charter has ended" in line for line in warnings(caplog.records))
    rival = town.origin
    await town.write("at the first machine, aware")
    await agglomeration.until_holds(rival, 2)
    assert not await agglomeration.finds("at the first machine, aware")
    opening = await town.town.archive.read(lambda reader: reader.log(rival))
    assert opening is not None and opening.recovery_key is not None
    await agglomeration.ask("enrol", origin=rival, key=opening.key.hex(), recovery_key=opening.recovery_key.hex())
    await agglomeration.ask("end", origin=heir, why="the clone was a test", successor=rival)
    await agglomeration.until_finds(
        "before the clone", "at the clone", "at the first machine, unaware", "at the first machine, aware"
    )
    await town.until_finds("at the first machine, unaware", "at the first machine, aware")


async def test_two_histories_of_one_log_are_proved_and_a_person_chooses_one(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """Machines without a serial: the copied guard agrees, both write. The peer tells, and neither loses a record."""
    agglomeration, town = await cluster.cluster("saint-denis")
    await town.write("before the copy")
    await agglomeration.until_finds("before the copy")
    old = town.origin
    await cluster.stop(town)
    clone = Node("clone", cluster.image(town), town.founded)
    cluster.nodes["clone"] = clone
    await cluster.start(clone)
    assert clone.origin == old
    await clone.write("at the copy")
    await agglomeration.until_finds("before the copy", "at the copy")
    await cluster.stop(clone)

    await cluster.start(town)
    await town.write("at the original", "and once more at the original")

    async def doubted() -> bool:
        return town.origin != old

    await town.until(doubted, "the original doubts itself")
    assert any("head_heard" in line for line in warnings(caplog.records))
    await town.write("in the new epoch")
    heir = town.origin
    assert (await town.ask("status"))["doubts"] == ["head_heard"]
    await agglomeration.until_holds(heir, 2)
    state = await town.log(heir)
    assert state is not None and state.recovery_key is not None
    await agglomeration.ask("enrol", origin=heir, key=state.key.hex(), recovery_key=state.recovery_key.hex())
    await agglomeration.ask("end", origin=old, why="a copied card", successor=heir)
    everything = ("before the copy", "at the copy", "at the original", "and once more at the original")
    await agglomeration.until_finds(*everything, "in the new epoch")
    await town.until_finds(*everything, "in the new epoch")


async def test_an_archive_that_is_lost_with_its_keys_intact_is_brought_back(cluster: Cluster) -> None:
    """The node says what is gone, and which log to go on from; from a backup or the sheet, all of it comes back."""
    agglomeration, town = await cluster.cluster("saint-denis")
    old, size = await _with_a_backup(cluster, town, agglomeration)
    sheet = "\n".join(town.founded.recovery_sheet)
    backup, lost = (town.folder / "archive.db").read_bytes(), town.folder / "archive.db"
    await cluster.start(town)
    await agglomeration.until_enrolled(town.origin)
    await town.until_holds(old, size)
    current = town.origin
    await cluster.stop(town)
    for path in town.folder.glob("archive.db*"):
        path.unlink()
    left = sorted(path.name for path in town.folder.iterdir())

    with pytest.raises(LocalError, match="is gone, though the node's keys are here") as told:
        await cluster.start(town)
    assert f"charter end {current} --recovery-sheet" in (told.value.hint or "")
    assert sorted(path.name for path in town.folder.iterdir()) == left

    lost.write_bytes(backup)
    await cluster.start(town)
    assert town.origin not in (old, current)
    await town.until_finds("before the backup", "after the backup")
    await cluster.stop(town, agglomeration)

    await cluster.start(agglomeration, pages=True)
    fresh = await cluster.start(await cluster.found("fresh", territory="FR-93066"))
    address = agglomeration.town.http_address
    await fresh.ask("end", origin=current, why="the archive was lost", recovery=sheet, at=[address])
    await agglomeration.until_enrolled(fresh.origin)
    await cluster.join(fresh, agglomeration)
    await fresh.until_finds("before the backup", "after the backup")


async def test_what_only_a_neighbour_still_has_comes_back_by_way_of_the_agglomeration(cluster: Cluster) -> None:
    """Town and agglomeration are both put back to before a record; the neighbour who has it is linked with neither but
    the agglomeration, and the record lies beyond the end of the old log by then."""
    agglomeration, town, near = await cluster.cluster("saint-denis", "epinay")
    await near.ask("follow", keep="these", territories=["FR-93066"])
    old, before = town.origin, await agglomeration.size(town.origin)
    await cluster.stop(town, agglomeration)
    kept = {node.name: cluster.backup(node) for node in (town, agglomeration)}
    await cluster.start(agglomeration)
    await cluster.start(town)
    await town.write("only a neighbour has it")
    await near.until_holds(old, before + 1)
    await cluster.stop(town, agglomeration, near)
    for node in (town, agglomeration):
        cluster.put_back(node, kept[node.name])
    await cluster.start(agglomeration)
    await cluster.start(town)
    await agglomeration.until_enrolled(town.origin)
    ended = agglomeration.town.membership.charter.enrolled(old)
    assert ended is not None and ended.end is not None and ended.end.last.size == before
    await cluster.start(near)
    await town.until_finds("only a neighbour has it")
    await agglomeration.until_finds("only a neighbour has it")


async def test_a_town_that_began_anew_before_it_joined_brings_along_what_it_had(cluster: Cluster) -> None:
    """The charter never names its first log: what residents wrote there counts nowhere until it is written again."""
    agglomeration = await cluster.start(await cluster.found("agglomeration"))
    town = await cluster.start(await cluster.found("saint-denis"))
    await town.write("before anybody was joined")
    first = town.origin
    await cluster.stop(town)
    cluster.put_back(town, cluster.backup(town))
    await cluster.start(town)
    assert town.origin != first, "its guard was not in the backup"
    await cluster.join(town, agglomeration)
    assert agglomeration.town.membership.charter.enrolled(first) is None
    await agglomeration.until_finds("before anybody was joined")


async def test_a_merged_town_whose_backup_is_put_back_still_writes_nothing(cluster: Cluster) -> None:
    """Its new log is nobody's voice: what a resident wrote there would count nowhere, so it is refused, and said."""
    agglomeration, larger, smaller = await cluster.cluster("saint-denis", "pierrefitte")
    old, size = await _with_a_backup(cluster, smaller, agglomeration)
    heir = larger.founded.territory
    await agglomeration.ask("end", origin=smaller.founded.territory, why="merger of 2025", successor=heir)

    await cluster.start(smaller)
    assert smaller.origin != old
    await smaller.until_holds(old, size)

    async def told() -> bool:
        return smaller.town.membership.charter.merged_into(smaller.founded.territory) == heir

    await smaller.until(told, "it learns that it has merged")
    with pytest.raises(LocalError, match="has merged into another town") as refused:
        await smaller.ask("add", kind="actor", fields={"name": "too late", "type": "association"})
    assert heir in (refused.value.hint or "")
    await agglomeration.until_finds("before the backup", "after the backup")
    assert agglomeration.town.membership.charter.merged_into(smaller.founded.territory) == heir
