# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rows that were refused are seen on the operator's page and in `convergences status`, and ask for a person if many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from convergences_node.checkup import sentence, signs, what_to_do
from convergences_node.checkup.sign import CARE, GOOD, Sign
from convergences_node.sources.memory import MEMORY_NAME

from .conftest import Home
from .tables import MAPPING, Table, declared, rows


def bad(count: int) -> list[dict[str, Any]]:
    """Rows without the name that an actor must have."""
    return [{"id": f"bad {n}", "sorte": "asso", "nom": ""} for n in range(count)]


async def seen(home: Home) -> list[Sign]:
    return [each for each in await signs(home.town) if each.name == "sources"]


async def test_a_bad_row_each_night_is_said_and_is_no_alarm(home: Home, table: Table) -> None:
    """Also when the source has not changed since; gone when the row is mended."""
    table.hold([*rows(9), *bad(1)])
    await declared(home, table)
    for outcome in ("imported", "unchanged"):
        assert (await home.run("liste"))["outcome"] == outcome
        (found,) = await seen(home)
        assert (found.level, found.form, found.values) == (GOOD, "some", {"refused": 1, "names": "liste"})
        assert sentence(found, "en") == "When last read, 1 row was refused (liste); see the page Sources."
        assert what_to_do(found, "fr") == ""
    table.hold(rows(10))
    await home.run("liste")
    assert await seen(home) == []


async def test_most_of_a_source_refused_asks_for_a_person(home: Home, table: Table) -> None:
    """Its columns were renamed: nothing has disappeared, so nothing is held back, and nothing new comes any more."""
    table.hold([*rows(4), *bad(5)])
    await declared(home, table)
    assert (await home.run("liste"))["outcome"] == "imported"
    (found,) = await seen(home)
    assert (found.level, found.form) == (CARE, "many")
    assert sentence(found, "fr") == "Source «\u00a0liste\u00a0»\u00a0: 5 lignes refusées sur 9 à la dernière lecture."
    assert "colonnes" in what_to_do(found, "fr")
    await home.ask("source_stop", name="liste")
    assert await seen(home) == [], "somebody has seen to it"


async def test_what_people_have_edited_is_not_a_bad_row(home: Home, table: Table) -> None:
    """It is left as they wrote it, and shown beside; the source has done nothing wrong."""
    table.hold(rows(3))
    await declared(home, table)
    await home.run("liste")
    element = (await home.found("actor"))[0]["id"]
    fields = (await home.ask("show", element=element))["fields"]
    await home.ask("add", kind="actor", element=element, fields=fields | {"name": "Notre association"})
    table.hold([*rows(3, name="leur n°"), *bad(1)])
    told = await home.run("liste")
    assert (told["counts"]["refused_count"], told["edited_count"], told["refused"]) == (2, 1, 1)
    (found,) = await seen(home)
    assert found.values["refused"] == 1


async def test_an_import_by_hand_is_said_again_until_the_next(home: Home, table: Table, tmp_path: Path) -> None:
    """Who ran it was told; a trial is no import; and looking begins no memory where nothing was ever imported."""
    assert await seen(home) == [] and not (home.folder / MEMORY_NAME).exists()
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(MAPPING)

    async def imported(**params: Any) -> list[Sign]:
        await home.ask("import", path=str(table.path), mapping=str(mapping), **params)
        return await seen(home)

    table.hold([*rows(2), *bad(2)])
    assert await imported(dry_run=True) == []
    (found,) = await imported()
    assert (found.level, found.form, found.values) == (GOOD, "by_hand", {"refused": 2, "rows": 4})
    assert sentence(found, "fr").startswith("Au dernier import à la main, 2 lignes refusées sur 4\u00a0;")
    table.hold(rows(4))
    assert await imported() == []
