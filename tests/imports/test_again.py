# SPDX-License-Identifier: AGPL-3.0-or-later
"""The same file imported a second time: only rows that something may come of are looked at, and each of those is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from convergences_node.founding import create_town
from convergences_node.imports import importer
from convergences_node.imports.convert import Converter
from convergences_node.imports.rows import Row, read_rows
from convergences_node.town import Town
from convergences_node.verbs import perform

TABLE = "source_id,name,type\n1,Chorale,association\n2,Jardin,association\n3,,association\n"
THEMED = """
[source]
name = "asso"
id = "id"

[[element]]
kind = "actor"
[element.fields]
name = "nom"
type = { value = "association" }
themes = { column = "theme", unknown = "leave_out" }
"""
REFERRING = """
[source]
name = "fêtes"
id = "id"

[[element]]
kind = "action"
[element.fields]
name = "nom"
type = { value = "event" }
start = "jour"
[[element.relations]]
predicate = "organises"
subject = "organisateur"
"""

Counts = tuple[int, int, int, int]


class Desk:
    """A town, the files given to it, and how many rows were looked at to the end."""

    def __init__(self, town: Town, folder: Path) -> None:
        self.town = town
        self.folder = folder
        self.files_read = 0
        self.rows_judged = 0

    async def do(self, verb: str, **params: Any) -> Any:
        return await perform(self.town, verb, params, lambda event: None)

    async def bring(self, name: str = "asso.csv", **params: Any) -> Counts:
        """Created, changed, unchanged, refused."""
        params = params or {"kind": "actor"}
        report = await self.do("import", path=str(self.folder / name), **params)
        taken = report["created"], report["changed"], report["unchanged"], report["refused_count"]
        assert sum(taken) == report["rows"] and len(report["refused"]) == report["refused_count"], report
        self.codes = [entry["code"] for entry in report["refused"]]
        return taken

    def write(self, text: str, name: str = "asso.csv") -> Path:
        path = self.folder / name
        path.write_text(text, "utf-8")
        return path

    async def element(self, source: str, source_id: str) -> str:
        found = await self.town.archive.read(lambda reader: reader.source(source, source_id))
        assert found is not None
        return str(found[0])

    async def size(self) -> int:
        return await self.town.archive.read(lambda reader: reader.own_log().size)


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    settings: Any = {"http": {"port": 0}, "p2p": {"enabled": False}, "discovery": {"zeroconf": False}}
    await create_town(tmp_path / "town", "FR-93066", "town", "Saint-Denis", settings=settings)
    async with Town.open(tmp_path / "town") as opened:
        desk = Desk(opened, tmp_path)
        convert = Converter.convert

        def counted_file(*given: Any) -> Iterator[Row]:
            desk.files_read += 1
            return read_rows(*given)

        def counted_row(self: Converter, *given: Any) -> Any:
            desk.rows_judged += 1
            return convert(self, *given)

        monkeypatch.setattr(importer, "read_rows", counted_file)
        monkeypatch.setattr(Converter, "convert", counted_row)
        desk.write(TABLE)
        yield desk


async def test_what_is_written_elsewhere_makes_nobody_read(desk: Desk) -> None:
    """A second time, and after other news, another file and its second edition: the report, and no row judged."""
    assert (await desk.bring(kind="actor", dry_run=True), await desk.bring()) == ((2, 0, 0, 1), (2, 0, 0, 1))
    assert desk.files_read == 2
    await desk.do("add", kind="theme", fields={"name": "Musique"})
    other = desk.write("source_id,name,type\n9,Atelier,association\n", "other.csv")
    assert await desk.bring("other.csv") == (1, 0, 0, 0)
    other.write_text("source_id,name,type\n9,Ateliers,association\n", "utf-8")
    files, size = desk.files_read, await desk.size()
    assert await desk.bring() == (0, 0, 2, 1) == await desk.bring(kind="actor", dry_run=True)
    assert (desk.files_read, await desk.size()) == (files, size)
    assert await desk.bring("other.csv") == (0, 1, 0, 0)
    rows = desk.rows_judged
    assert await desk.bring() == (0, 0, 2, 1), "an imported row changed: which one is found by reading, none is judged"
    assert (desk.files_read, desk.rows_judged, await desk.size()) == (files + 2, rows, size + 1)
    desk.write(TABLE.replace("Jardin", "Jardins"))
    assert await desk.bring() == (0, 1, 1, 1), "another byte"


async def test_what_people_did_to_a_row_is_seen(desk: Desk) -> None:
    """Edited, withdrawn, erased beside its row: said as a first reading would, and again as long as it is so."""
    await desk.bring()
    chorale, jardin = await desk.element("asso", "1"), await desk.element("asso", "2")
    await desk.do("add", kind="actor", element=chorale, fields={"name": "La Chorale", "type": "association"})
    desk.rows_judged = 0
    assert (await desk.bring(), desk.rows_judged) == ((0, 0, 2, 1), 1), "the row says what it said: hers stays"
    assert (await desk.bring(), desk.rows_judged) == ((0, 0, 2, 1), 1), "it has been looked at"

    desk.write(TABLE.replace("Chorale", "Chorale 93"))
    assert (await desk.bring(), desk.codes) == ((0, 0, 1, 2), ["row_edited", "missing"])
    assert (await desk.bring(), desk.codes) == ((0, 0, 1, 2), ["row_edited", "missing"])
    await desk.do("add", kind="theme", fields={"name": "Musique"})
    assert (await desk.bring(), desk.codes) == ((0, 0, 1, 2), ["row_edited", "missing"])
    size = await desk.size()

    await desk.do("withdraw", element=jardin)
    for _ in range(2):
        assert (await desk.bring(), desk.codes) == ((0, 0, 0, 3), ["row_edited", "row_withdrawn", "missing"])
    back = {"name": "Jardin", "type": "association", "source": "asso", "source_id": "2"}
    await desk.do("add", kind="actor", element=jardin, fields=back)
    assert (await desk.bring(), desk.codes) == ((0, 0, 1, 2), ["row_edited", "missing"]), "put back by hand"
    await desk.do("erase", element=jardin, reason="asked")
    for _ in range(2):
        assert (await desk.bring(), desk.codes) == ((0, 0, 0, 3), ["row_edited", "row_erased", "missing"])
    assert await desk.size() == size + 3, "the town's own words, and nothing of an import"


async def test_two_that_are_one_stay_as_they_are(desk: Desk) -> None:
    """Saying that two rows are the same is a relation beside them: neither is written again."""
    await desk.bring()
    await desk.town.index.catch_up()
    one, other = await desk.element("asso", "1"), await desk.element("asso", "2")
    await desk.do("same_accept", one=one, other=other)
    size = await desk.size()
    assert (await desk.bring(), await desk.size()) == ((0, 0, 2, 1), size)


async def test_what_was_imported_in_between_counts(desk: Desk) -> None:
    """An older edition of the file, which is remembered, after a newer one: what differs is written, and it alone."""
    await desk.bring()
    desk.write(TABLE.replace("Jardin", "Jardins"))
    await desk.bring()
    desk.write(TABLE)
    desk.rows_judged = 0
    assert (await desk.bring(), desk.rows_judged) == ((0, 1, 1, 1), 1)
    assert await desk.bring() == (0, 0, 2, 1)


async def test_a_theme_that_came_meanwhile_is_found(desk: Desk) -> None:
    """A name that meant nothing means a theme now, and all rows are read; another theme changes nothing."""
    mapping = str(desk.write(THEMED, "asso.toml"))
    desk.write("id,nom,theme\n1,Chorale,Musique\n2,Jardin,\n")
    assert await desk.bring(mapping=mapping) == (2, 0, 0, 0)
    await desk.do("add", kind="theme", fields={"name": "Cuisine"})
    assert (await desk.bring(mapping=mapping), desk.files_read) == ((0, 0, 2, 0), 1)
    await desk.do("add", kind="theme", fields={"name": "Musique"})
    assert (await desk.bring(mapping=mapping), desk.files_read) == ((0, 1, 1, 0), 2)
    assert await desk.bring(mapping=mapping) == (0, 0, 2, 0)


async def test_a_row_that_another_file_explains_is_taken(desk: Desk) -> None:
    """A relation to a row that nobody knew is refused, until the file that has the row was imported."""
    mapping = str(desk.write(REFERRING, "fêtes.toml"))
    desk.write("id,nom,jour,organisateur\n1,Bal,2026-07-14,asso:1\n", "fêtes.csv")
    assert (await desk.bring("fêtes.csv", mapping=mapping), desk.codes) == ((0, 0, 0, 1), ["row_unknown"])
    await desk.do("add", kind="theme", fields={"name": "Musique"})
    files = desk.files_read
    assert (await desk.bring("fêtes.csv", mapping=mapping), desk.files_read) == ((0, 0, 0, 1), files)
    await desk.bring()
    assert await desk.bring("fêtes.csv", mapping=mapping) == (1, 0, 0, 0)
    await desk.do("erase", element=await desk.element("asso", "1"), reason="asked")
    assert (await desk.bring("fêtes.csv", mapping=mapping), desk.codes) == ((0, 0, 0, 1), ["row_unknown"])


async def test_what_is_no_file_is_said_as_before(desk: Desk) -> None:
    with pytest.raises(Exception, match=r"nothing\.csv"):
        await desk.bring("nothing.csv")
