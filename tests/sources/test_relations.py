# SPDX-License-Identifier: AGPL-3.0-or-later
"""A row that changes its mind: the relation that it no longer implies is ended as its source declares."""

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import Home

DECLARATION = """licence = "etalab-2.0"
gone = "{gone}"
shrink = 0.5
[where]
file = "{path}"
[source]
name = "agenda"
id = "id"
[[element]]
kind = "actor"
when = {{ sorte = "asso" }}
[element.fields]
name = "nom"
type = {{ value = "association" }}
[[element]]
kind = "action"
[element.fields]
name = "nom"
type = {{ value = "event" }}
start = {{ column = "jour" }}
[[element.relations]]
predicate = "organises"
subject = "par"
unknown = "leave_out"
"""
CLUBS = [{"id": f"c{n}", "sorte": "asso", "nom": f"Club {n}"} for n in range(2)]


def events(by: str, **more: str) -> list[dict[str, str]]:
    kept = [{"id": f"k{n}", "nom": f"Cours {n}", "jour": "2027-01-05", "par": "c0"} for n in range(4)]
    return [*CLUBS, *kept, {"id": "e", "nom": "Tournoi", "jour": "2027-02-01", "par": by, **more}]


class Agenda:
    """An agenda of which one event changes its organiser."""

    def __init__(self, home: Home, path: Path) -> None:
        self.home, self.path = home, path

    async def says(self, rows: list[dict[str, str]]) -> dict[str, Any]:
        self.path.write_text(json.dumps(rows), "utf-8")
        return await self.home.run("agenda")

    async def organisers(self) -> list[tuple[str, str | None]]:
        """Who organises the tournament, and until when; withdrawn relations are not shown."""
        (item,) = [one for one in await self.home.found("action") if one["name"] == "Tournoi"]
        view = await self.home.town.index.element(item["id"])
        assert view is not None
        found = []
        for each in view.relations:
            other = await self.home.town.index.element(each.other)
            assert other is not None
            found.append((str(other.item.name), each.until))
        return sorted(found)


async def agenda(home: Home, path: Path, gone: str) -> Agenda:
    await home.declare("agenda", DECLARATION.format(path=path, gone=gone))
    found = Agenda(home, path)
    assert (await found.says(events("c0")))["counts"]["relations"] == 5
    return found


@pytest.mark.parametrize(
    ("gone", "left", "done"),
    [
        ("end", [("Club 0", "2026-11-22"), ("Club 1", None)], {"ended": 1}),
        ("withdraw", [("Club 1", None)], {"withdrawn": 1}),
        ("leave", [("Club 0", None), ("Club 1", None)], {"left": 1}),
    ],
)
async def test_another_organiser_ends_the_first(
    home: Home, tmp_path: Path, gone: str, left: list[tuple[str, str | None]], done: dict[str, int]
) -> None:
    """As declared; and when the first comes back, so does the relation that there was."""
    here = await agenda(home, tmp_path / "agenda.json", gone)
    told = await here.says(events("c1"))
    assert (told["outcome"], told["gone_done"]) == ("imported", done)
    assert await here.organisers() == left
    again = await here.says(events("c0"))
    assert again["gone_done"] == done
    assert ("Club 0", None) in await here.organisers()


async def test_a_row_that_is_refused_today_keeps_its_relation(home: Home, tmp_path: Path) -> None:
    """Its date is a mistake: that says nothing of who organises it."""
    here = await agenda(home, tmp_path / "agenda.json", "withdraw")
    told = await here.says(events("c0", jour="le 32 janvier"))
    assert (told["counts"]["refused_count"], told["gone_done"]) == (1, {})
    assert await here.organisers() == [("Club 0", None)]


async def test_a_relation_that_people_have_edited_is_theirs(home: Home, tmp_path: Path) -> None:
    here = await agenda(home, tmp_path / "agenda.json", "withdraw")
    (item,) = [one for one in await home.found("action") if one["name"] == "Tournoi"]
    view = await home.town.index.element(item["id"])
    assert view is not None
    (relation,) = view.relations
    fields = (await home.ask("show", element=relation.id))["fields"]
    await home.ask("add", kind="relation", element=relation.id, fields=fields | {"role": "arbitre"})
    assert (await here.says(events("c1")))["gone_done"] == {"edited": 1}
    assert await here.organisers() == [("Club 0", None), ("Club 1", None)]
