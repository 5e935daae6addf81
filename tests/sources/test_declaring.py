# SPDX-License-Identifier: AGPL-3.0-or-later
"""A source is declared, previewed, and removed."""

from typing import Any

import pytest
from convergences_node.sources.drafting import Drafts
from convergences_protocol.errors import LocalError, RemoteError

from .conftest import TERRITORY, Home
from .tables import MAPPING, Table, declaration, declared, rows
from .test_fetching import ok, serving


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[where]\n", "exactly one"),
        ('[where]\nurl = "ftp://x"\n', "not an address"),
        ('[where]\nfile = "x"\n[when]\nat = "25:00"\n' + MAPPING, "not an hour"),
        ('[where]\nfile = "x"\n[when]\nhours = 0\n' + MAPPING, "hours"),
        ('shrink = 2.0\n[where]\nfile = "x"\n' + MAPPING, "share"),
        ('gone = "delete"\n[where]\nfile = "x"\n' + MAPPING, "gone"),
        ('wher = 1\n[where]\nfile = "x"\n' + MAPPING, "wher"),
        ('actor = "Le 6b"\n[where]\nfile = "x"\n' + MAPPING, "actor"),
        ('[where]\nfolder = "x"\npattern = "../*"\n' + MAPPING, "pattern"),
        ('proposed = true\n[where]\nfile = "x"\n' + MAPPING, "guessed"),
        ('mapping = "known"\n[where]\nfile = "x"\n' + MAPPING, "written out"),
        ('[where]\nfile = "x"\n[file]\nformat = "csv"\n', "no mapping"),
        ("[where", "TOML"),
    ],
)
async def test_a_wrong_declaration_is_refused_with_its_reason(home: Home, text: str, reason: str) -> None:
    with pytest.raises(LocalError, match=reason):
        await home.declare("liste", text)
    assert (await home.ask("source_list"))["sources"] == []


@pytest.mark.parametrize("name", ["", "../x", "Liste", "a" * 61, "-x", "a/b"])
async def test_a_name_is_a_name(home: Home, name: str) -> None:
    with pytest.raises(LocalError, match="name"):
        await home.declare(name, declaration('file = "x"'))


async def test_a_preview_shows_and_writes_nothing(home: Home, table: Table) -> None:
    """Of what nobody has declared, a mapping is proposed; of a source, its own is shown; refused rows say why."""
    table.hold([{"id": "1", "nom": "Le 6b", "adresse": "6 quai de Seine, 93200 Saint-Denis"}, {"id": "2", "nom": ""}])
    size = await home.size()
    seen = await home.ask("source_preview", where=str(table.path))
    assert (seen["guessed"], seen["rows"], seen["format"]) == (True, 2, "json")
    assert seen["elements"][0]["fields"]["town"] == TERRITORY
    assert seen["elements"][1]["refused"][0]["code"] == "missing"
    assert "proposed = true" in seen["declaration"]
    async with serving(table_answer(table)) as address:
        seen = await home.ask("source_preview", where=f"{address}/liste", private=True)
        assert seen["elements"][0]["fields"]["name"] == "Le 6b"
        with pytest.raises(RemoteError, match="Internet"):
            await home.ask("source_preview", where=f"{address}/liste")
    await declared(home, table)
    seen = await home.ask("source_preview", name="liste", rows=1)
    assert (seen["guessed"], seen["declaration"], len(seen["elements"])) == (False, None, 1)
    assert (await home.size(), (await home.ask("source_list"))["sources"][0]["outcome"]) == (size, "new")


def table_answer(table: Table) -> Any:
    async def answer(request: bytes, writer: Any) -> None:
        writer.write(ok(table.path.read_bytes()))

    return answer


async def test_a_source_is_removed_and_what_it_brought_stays(home: Home, table: Table) -> None:
    table.hold(rows(3))
    await declared(home, table)
    await home.run("liste")
    await home.ask("source_remove", name="liste")
    assert (await home.ask("source_list"))["sources"] == []
    assert len(await home.found("actor")) == 3
    with pytest.raises(LocalError, match="no source"):
        await home.run("liste")


async def test_two_files_that_arrive_at_once_leave_each_other_alone(home: Home) -> None:
    """What one person sends is not what another has left; and what comes to nothing leaves nothing."""
    drafts = Drafts(home.town)
    table = "nom;ville\nAtelier;Stains\n"
    with drafts.new_file() as slow:
        slow.write_text(table[:5])
        with drafts.new_file() as other:
            other.write_text(table)
            draft = await drafts.of_file(other, "other.csv")
        with pytest.raises(LocalError), drafts.new_file() as empty:
            empty.write_text("")
            await drafts.of_file(empty, "empty.csv")
        slow.write_text(table)
        assert (await drafts.of_file(slow, "slow.csv")).rows == draft.rows
    assert {path.name for path in slow.parent.iterdir()} == {slow.name, other.name}
    with Drafts(home.town).new_file() as fresh:
        assert list(fresh.parent.iterdir()) == [], "another start of the node has no use for them"
