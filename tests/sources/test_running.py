# SPDX-License-Identifier: AGPL-3.0-or-later
"""A declared source is relayed: what changed and nothing else, never a flood of deletions, people's edits first."""

import json
from pathlib import Path

import pytest
from convergences_node.fault_sentences import fault_sentence
from convergences_node.imports.titles import read_titles
from convergences_protocol.errors import Fault, LocalError

from .conftest import TERRITORY, Home
from .tables import MAPPING, Table, declaration, declared, rows


async def test_a_source_is_relayed_and_then_only_what_changed(home: Home, table: Table) -> None:
    """Each record says where it is from, under what licence, and when it was fetched."""
    table.hold(rows(10))
    await declared(home, table)
    told = await home.run("liste")
    assert (told["outcome"], told["rows"], told["counts"]["created"]) == ("imported", 10, 10)
    element = (await home.found("actor"))[0]["id"]
    fields = (await home.ask("show", element=element))["fields"]
    assert (fields["source"], fields["source_id"], fields["licence"]) == ("mairie", "0", "etalab-2.0")
    assert fields["fetched"] == "2026-11-22"
    size = await home.size()
    home.clock[0] += 86_400
    assert (await home.run("liste"))["outcome"] == "unchanged"
    again = await home.run("liste", whole=True)
    assert (again["outcome"], again["counts"]["unchanged"], await home.size()) == ("imported", 10, size)
    changed = rows(10)
    changed[3]["nom"] = "Le 6b"
    table.hold(changed)
    told = await home.run("liste")
    assert (told["counts"]["changed"], told["counts"]["unchanged"], await home.size()) == (1, 9, size + 1)


async def test_what_residents_call_a_source_is_kept_from_its_declaration_and_from_a_mapping(
    home: Home, table: Table, tmp_path: Path
) -> None:
    """Not by a run that only looks; the records say the source's name as before."""
    table.hold(rows(2))
    await declared(home, table, more='title = "Annuaire de la mairie"')
    path = home.town.web_settings.source_titles
    assert path is not None
    await home.run("liste", dry_run=True)
    assert read_titles(path) == {}
    await home.run("liste")
    assert read_titles(path) == {"mairie": "Annuaire de la mairie"}
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(MAPPING.replace('id = "id"', 'id = "id"\ntitles = { other = "Autre", mairie = "La mairie" }'))
    await home.ask("import", path=str(table.path), mapping=str(mapping), dry_run=True)
    assert len(read_titles(path)) == 1
    await home.ask("import", path=str(table.path), mapping=str(mapping))
    assert read_titles(path) == {"mairie": "La mairie", "other": "Autre"}


async def test_a_source_that_shrinks_is_held_back_until_a_person_has_looked(home: Home, table: Table) -> None:
    """Six of ten are more than half: nothing is written, and the reason is told; four are ended."""
    table.hold(rows(10))
    await declared(home, table)
    await home.run("liste")
    size = await home.size()
    table.hold([*rows(4), {"id": "new", "sorte": "asso", "nom": "neuf"}])
    held = await home.run("liste")
    assert (held["outcome"], held["reason"]["code"], await home.size()) == ("held", "source_shrunk", size)
    assert "6" in held["sentence"]["fr"] and held["reason"]["params"] == {"before": 10, "gone": 6, "percent": 50}
    assert (await home.ask("source_list"))["sources"][0]["outcome"] == "held"
    table.hold(rows(6))
    told = await home.run("liste")
    assert (told["outcome"], told["gone_done"], await home.size()) == ("imported", {"ended": 4}, size + 4)
    table.hold(rows(1))
    assert (await home.run("liste"))["outcome"] == "held"
    accepted = await home.run("liste", accept=True)
    assert (accepted["outcome"], accepted["gone_done"]) == ("imported", {"ended": 5})


@pytest.mark.parametrize(
    ("now", "code"),
    [
        ("[]", "source_empty"),
        ('[{"id": "0", "sorte": "asso", "nom": "n° 000"}, {"id": "1", "so', "source_broken_off"),
        ('{"data": []}', "source_empty"),
        ("<!doctype html><title>Maintenance</title>", "source_other_format"),
        ('[{"x": 1}, {"x": 2}]', "source_unreadable"),
        ("", "source_other_format"),
    ],
)
async def test_what_comes_empty_cut_or_as_something_else_is_held_back(
    home: Home, table: Table, now: str, code: str
) -> None:
    """Never taken for deletions, and the next good answer goes on as if nothing had been."""
    table.hold(rows(10))
    await declared(home, table, gone="withdraw", shrink=0.9)
    await home.run("liste")
    size = await home.size()
    table.path.write_text(now, encoding="utf-8")
    held = await home.run("liste")
    assert (held["outcome"], held["reason"]["code"], await home.size()) == ("held", code, size)
    table.hold(rows(9))
    assert (await home.run("liste"))["gone_done"] == {"withdrawn": 1}


async def test_what_is_no_list_is_not_taken_the_first_time_either(home: Home, table: Table) -> None:
    table.path.write_text("<!doctype html>\n<title>Maintenance</title>\n<p>Bientôt", encoding="utf-8")
    await home.declare("liste", declaration(f'file = "{table.path}"') + '[file]\nformat = "csv"\n')
    size = await home.size()
    told = await home.run("liste")
    assert (told["outcome"], told["reason"]["code"], await home.size()) == ("held", "source_unreadable", size)
    assert "“id” is empty" in fault_sentence(Fault(**told["reason"]), "en"), "the first row's own reason"


async def test_what_is_cut_the_first_time_is_shown_and_read_again(home: Home, table: Table) -> None:
    """Its rows are good, and what is missing was never here: nothing disappears when it comes whole."""
    table.path.write_text(json.dumps(rows(10))[:-30], encoding="utf-8")
    await declared(home, table, gone="withdraw")
    told = await home.run("liste")
    assert (told["outcome"], told["reason"]["code"], told["counts"]["created"]) == ("held", "source_broken_off", 9)
    table.hold(rows(10))
    told = await home.run("liste")
    assert (told["outcome"], told["counts"]["created"], told["gone_done"]) == ("imported", 1, {})


async def test_a_mapping_beside_is_read_again_when_it_changes(home: Home, table: Table) -> None:
    """Although the table itself did not."""
    table.hold(rows(3))
    beside = home.folder / "sources" / "noms.mapping"
    beside.parent.mkdir()
    beside.write_text(MAPPING)
    await home.declare("liste", f'mapping = "noms.mapping"\n[where]\nfile = "{table.path}"\n')
    assert (await home.run("liste"))["counts"]["created"] == 3
    assert (await home.run("liste"))["outcome"] == "unchanged"
    beside.write_text(MAPPING.replace('"association"', '"collective"'))
    assert (await home.run("liste"))["counts"]["changed"] == 3


async def test_edits_made_here_are_kept_and_shown_beside_the_source(home: Home, table: Table) -> None:
    """The source changes what people have changed: theirs stays, and status shows both; so does what disappears."""
    table.hold(rows(4))
    await declared(home, table, gone="withdraw")
    await home.run("liste")
    element = (await home.found("actor"))[1]["id"]
    fields = (await home.ask("show", element=element))["fields"]
    await home.ask("add", kind="actor", element=element, fields=fields | {"name": "Notre association"})
    changed = rows(4)
    changed[1] |= {"nom": "Leur association", "site": "leur.example"}
    table.hold(changed)
    assert (await home.run("liste"))["edited_count"] == 1
    (beside,) = (await home.ask("source_status", name="liste"))["edited"]
    assert (beside["element"], beside["name"]) == (element, "Notre association")
    assert beside["differences"] == {
        "name": {"here": "Notre association", "there": "Leur association"},
        "website": {"here": None, "there": "https://leur.example"},
    }
    assert (await home.run("liste"))["edited_count"] == 1
    del changed[1]
    table.hold(changed)
    told = await home.run("liste")
    assert told["gone_done"] == {"edited": 1}
    assert (await home.ask("show", element=element))["fields"]["name"] == "Notre association"


async def test_what_a_source_brings_is_its_actors(home: Home, table: Table) -> None:
    """An agenda declared for an association: it organises what is in it; said once."""
    actor = (await home.ask("add", kind="actor", fields={"name": "Le 6b", "type": "association"}))["element"]
    table.hold(rows(3, "agenda"))
    await declared(home, table, more=f'actor = "{actor}"')
    assert (await home.run("liste"))["counts"]["relations"] == 3
    assert (await home.run("liste", whole=True))["counts"]["relations"] == 0
    nobody = declaration('file = "x"', more=f'actor = "{TERRITORY}:00000000-0000-7000-8000-000000000000"')
    with pytest.raises(LocalError, match="known"):
        await home.declare("autre", nobody)


async def test_a_dry_run_writes_nothing_and_remembers_nothing(home: Home, table: Table) -> None:
    table.hold(rows(3))
    await declared(home, table)
    size = await home.size()
    assert (await home.run("liste", dry_run=True))["counts"]["created"] == 3
    assert await home.size() == size
    assert (await home.ask("source_list"))["sources"][0]["outcome"] == "new"


async def test_losing_what_was_remembered_costs_a_run_and_nothing_else(home: Home, table: Table) -> None:
    """No row is taken to have disappeared that nobody remembers."""
    table.hold(rows(10))
    await declared(home, table, gone="withdraw")
    await home.run("liste")
    size = await home.size()
    for path in home.folder.glob("sources.db*"):
        path.unlink()
    table.hold(rows(8))
    told = await home.run("liste")
    assert (told["counts"]["unchanged"], told["gone_done"], await home.size()) == (8, {}, size)
