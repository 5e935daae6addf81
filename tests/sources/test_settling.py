# SPDX-License-Identifier: AGPL-3.0-or-later
"""What people wrote and what the source says: a person chooses, field by field; and a source may be stopped."""

from pathlib import Path
from typing import Any

import pytest
from convergences_node.faults import NotFound
from convergences_protocol.errors import LocalError

from .conftest import Home
from .tables import Table, declared, rows


@pytest.fixture
async def beside(home: Home, tmp_path: Path) -> tuple[Table, str]:
    """An association that people have renamed, and of which the list has another name and a site by now."""
    table = Table(tmp_path / "liste.json")
    table.hold(rows(3))
    await declared(home, table)
    await home.run("liste")
    element = (await home.found("actor"))[1]["id"]
    fields = await said(home, element)
    await home.ask("add", kind="actor", element=element, fields=fields | {"name": "Notre association"})
    table.hold(changed("Leur association"))
    assert (await home.run("liste"))["edited_count"] == 1
    return table, element


def changed(name: str) -> list[dict[str, Any]]:
    found = rows(3)
    found[1] |= {"nom": name, "site": "leur.example"}
    return found


async def said(home: Home, element: str) -> dict[str, Any]:
    fields: dict[str, Any] = (await home.ask("show", element=element))["fields"]
    return fields


async def test_one_field_is_taken_and_ours_is_kept(home: Home, beside: tuple[Table, str]) -> None:
    """Not asked again while the source says the same; when it says something else, it is shown again."""
    table, element = beside
    done = await home.ask("source_settle", name="liste", element=element, take=["website"])
    assert (done["taken"], done["kept"]) == (["website"], ["name"])
    fields = await said(home, element)
    assert (fields["name"], fields["website"]) == ("Notre association", "https://leur.example")
    assert not (await home.ask("source_status", name="liste"))["edited"]
    again = await home.run("liste", whole=True)
    assert (again["edited_count"], again["counts"]["refused_count"]) == (0, 0)
    table.hold(changed("Encore un autre nom"))
    assert (await home.run("liste"))["edited_count"] == 1
    assert (await said(home, element))["name"] == "Notre association"


async def test_all_of_ours_is_kept_without_a_record(home: Home, beside: tuple[Table, str]) -> None:
    _, element = beside
    size = await home.size()
    await home.ask("source_settle", name="liste", element=element)
    assert await home.size() == size
    assert (await home.run("liste", whole=True))["edited_count"] == 0
    with pytest.raises(NotFound):
        await home.ask("source_settle", name="liste", element=element)


async def test_who_takes_all_follows_the_source_again(home: Home, beside: tuple[Table, str]) -> None:
    table, element = beside
    await home.ask("source_settle", name="liste", element=element, take=["website", "name"])
    table.hold(changed("Nom de demain"))
    told = await home.run("liste")
    assert (told["edited_count"], told["counts"]["changed"]) == (0, 1)
    assert (await said(home, element))["name"] == "Nom de demain"


async def test_what_is_no_difference_cannot_be_taken(home: Home, beside: tuple[Table, str]) -> None:
    _, element = beside
    for wrong in (["nom"], ["source"], ["x" * 500]):
        with pytest.raises(LocalError) as refused:
            await home.ask("source_settle", name="liste", element=element, take=wrong)
        assert refused.value.fault is not None and refused.value.fault.code == "source_take"
    assert (await said(home, element))["name"] == "Notre association"


async def test_a_stopped_source_stays_declared_and_is_not_run(home: Home, beside: tuple[Table, str]) -> None:
    """Neither by the clock, nor with all the others, nor by name; resumed, it goes on from where it was."""
    table, _ = beside
    await home.ask("source_stop", name="liste")
    table.hold(rows(10))
    home.clock[0] += 86_400 * 2
    from convergences_node.sources.keeper import Keeper

    assert await Keeper(home.town).run_due() == []
    assert (await home.ask("source_run"))["sources"] == []
    with pytest.raises(LocalError) as refused:
        await home.run("liste")
    assert refused.value.fault is not None and refused.value.fault.code == "source_is_stopped"
    ((told),) = (await home.ask("source_list"))["sources"]
    assert told["outcome"] == "stopped"
    await home.ask("source_stop", name="liste", resume=True)
    assert await Keeper(home.town).run_due() == ["liste"]
    assert len(await home.found("actor")) == 10
