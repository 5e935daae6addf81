# SPDX-License-Identifier: AGPL-3.0-or-later
"""The agglomeration restored from an old backup, or its key lost: its towns go on with it, by no other word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from convergences_node.archive.archive import Archive
from convergences_node.archive.model import Placed, Signed
from convergences_protocol.errors import ConvergencesError, Refused

from .cluster import Cluster, warnings


async def test_an_agglomeration_restored_from_an_old_backup_learns_its_charter_from_its_towns(
    cluster: Cluster,
) -> None:
    """A town joined after the backup was taken: the agglomeration has forgotten it, and another gives it back."""
    agglomeration, first = await cluster.cluster("saint-denis")
    await first.write("from the first town")
    await agglomeration.until_finds("from the first town")
    old = agglomeration.origin
    await cluster.stop(agglomeration)
    kept = cluster.backup(agglomeration)
    await cluster.start(agglomeration)
    second = await cluster.start(await cluster.found("epinay"))
    await cluster.join(second, agglomeration)
    await second.write("from the second town")
    await agglomeration.until_finds("from the second town")
    await first.until_enrolled(second.origin)
    size = await agglomeration.size(old)
    await cluster.stop(agglomeration)
    cluster.put_back(agglomeration, kept)

    await cluster.start(agglomeration)
    new = agglomeration.origin
    assert new != old
    await agglomeration.until_holds(old, size)
    await agglomeration.until_enrolled(second.origin)
    await second.write("written after the restore")
    await agglomeration.until_finds("from the first town", "from the second town", "written after the restore")
    for town in (first, second):

        async def follows(town=town) -> bool:  # type: ignore[no-untyped-def]
            return bool(town.town.membership.charter.agglomeration.origin == new)

        await town.until(follows, "the charter goes on in the new epoch")
    third = await cluster.start(await cluster.found("stains"))
    await cluster.join(third, agglomeration)
    await first.until_enrolled(third.origin)
    await third.until_enrolled(first.origin)

    async def settled() -> bool:
        return not (await agglomeration.ask("status"))["doubts"]

    await agglomeration.until(settled, "the doubt is over")


async def test_the_recovery_key_moves_a_charter_whose_key_was_lost(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """A new machine, a new key, the sheet from the drawer: one town is told over HTTP, another pastes the word."""
    agglomeration, first, second = await cluster.cluster("saint-denis", "epinay")
    await first.write("from the first town")
    await second.write("from the second town")
    await agglomeration.until_finds("from the first town", "from the second town")
    old, sheet = agglomeration.origin, "\n".join(agglomeration.founded.recovery_sheet)
    await first.until_enrolled(second.origin)
    await cluster.stop(agglomeration, first)
    await cluster.start(first, pages=True)
    address = first.town.http_address

    fresh = await cluster.start(
        await cluster.found("agglomeration", folder=cluster.folder / "fresh", territory="FR-200057867")
    )
    wrong = "\n".join(first.founded.recovery_sheet)
    with pytest.raises(ConvergencesError, match="this sheet is not the one"):
        await fresh.ask("end", origin=old, why="the card burned", recovery=wrong, at=[address])
    with pytest.raises(Refused, match="line 2"):
        await fresh.ask("end", origin=old, why="the card burned", recovery=_miscopied(sheet), at=[address])
    done = await fresh.ask("end", origin=old, why="the card burned", recovery=sheet, at=[address])
    assert done["told"] == [address]
    assert done["successor"] == fresh.origin
    again = await fresh.ask("end", origin=old, why="the card burned", recovery=sheet, at=[address])
    assert (again["successor"], again["succession"]) == (done["successor"], done["succession"])

    assert first.town.membership.charter.agglomeration.origin == fresh.origin
    assert any("the recovery key ended" in line for line in warnings(caplog.records))
    await first.until_enrolled(second.origin)
    await second.ask("join", invitation=done["succession"])
    for town in (first, second):
        await cluster.acquaint(town, fresh)
    await fresh.until_finds("from the first town", "from the second town")
    await first.write("under the new charter")
    await fresh.until_finds("under the new charter")
    third = await cluster.start(await cluster.found("stains"))
    await cluster.join(third, fresh)
    await first.until_enrolled(third.origin)
    await third.until_enrolled(first.origin)
    await cluster.stop(second)
    await cluster.start(second)
    await second.until_enrolled(third.origin)


async def test_the_recovery_key_of_a_town_enrols_its_new_machine(cluster: Cluster) -> None:
    """The town's card is gone with its key: the agglomeration keeps its log, and takes the recovery key's word."""
    agglomeration, town = await cluster.cluster("saint-denis")
    await town.write("before the flood")
    await agglomeration.until_finds("before the flood")
    old, sheet = town.origin, "\n".join(town.founded.recovery_sheet)
    await cluster.stop(town, agglomeration)
    await cluster.start(agglomeration, pages=True)
    fresh = await cluster.start(await cluster.found("fresh", territory="FR-93066"))
    await fresh.write("written before the sheet was found")
    await fresh.ask("end", origin=old, why="flood", recovery=sheet, at=[agglomeration.town.http_address])
    await agglomeration.until_enrolled(fresh.origin)
    await cluster.join(fresh, agglomeration)
    await fresh.write("after the flood")
    await agglomeration.until_finds("before the flood", "written before the sheet was found", "after the flood")


@pytest.mark.parametrize("meanwhile", [[], ["written meanwhile"]])
async def test_a_power_cut_in_the_middle_of_a_succession(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, meanwhile: list[str]
) -> None:
    """The new log is there, and the recovery key's word is not in it: said again it is completed or, where somebody
    has written in it since, begun anew; nothing is lost."""
    agglomeration, town = await cluster.cluster("saint-denis")
    await town.write("before the flood")
    await agglomeration.until_finds("before the flood")
    old, sheet = town.origin, "\n".join(town.founded.recovery_sheet)
    await cluster.stop(town, agglomeration)
    await cluster.start(agglomeration, pages=True)
    fresh = await cluster.start(await cluster.found("fresh", territory="FR-93066"))
    await fresh.write("written before the sheet was found")
    said = {"origin": old, "why": "flood", "recovery": sheet, "at": [agglomeration.town.http_address]}
    append = Archive.append

    async def cut(archive: Archive, records: Sequence[Any], **more: Any) -> list[Placed]:
        if records and isinstance(records[0], Signed):
            raise OSError("the power went")
        return await append(archive, records, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Archive, "append", cut)
        with pytest.raises(OSError, match="the power went"):
            await fresh.ask("end", **said)
    await cluster.stop(fresh)
    await cluster.start(fresh)
    await fresh.write(*meanwhile)
    done = await fresh.ask("end", **said)
    assert done["told"] and (await fresh.ask("end", **said))["successor"] == done["successor"]
    await agglomeration.until_enrolled(done["successor"])
    await cluster.join(fresh, agglomeration)
    await agglomeration.until_finds("before the flood", "written before the sheet was found", *meanwhile)


async def test_nobody_else_can_end_a_log(cluster: Cluster) -> None:
    """A false succession, by any key that is not the recovery key, is refused at the door and changes nothing."""
    agglomeration, town = await cluster.cluster("saint-denis")
    await cluster.stop(town)
    await cluster.start(town, pages=True)
    stranger = await cluster.start(await cluster.found("agglomeration", folder=cluster.folder / "stranger"))
    sheet = "\n".join(stranger.founded.recovery_sheet)
    with pytest.raises(ConvergencesError):
        await stranger.ask(
            "end", origin=agglomeration.origin, why="mine now", recovery=sheet, at=[town.town.http_address]
        )
    assert town.town.membership.charter.agglomeration.origin == agglomeration.origin


def _miscopied(sheet: str) -> str:
    lines = sheet.splitlines()
    first = lines[1][0]
    lines[1] = ("A" if first != "A" else "B") + lines[1][1:]
    return "\n".join(lines)
