# SPDX-License-Identifier: AGPL-3.0-or-later
"""A town made again knows what it had imported, also what came after its backup, from the records themselves."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from convergences_node.archive.model import NewRecord
from convergences_node.backup.rebuilding import from_backup, from_sheet, newest
from convergences_node.backup.settling import settled
from convergences_node.imports.remembering import CHOICE, known_until, remember_again
from convergences_protocol.element import ElementId
from convergences_protocol.keys import SigningKey
from convergences_protocol.recovery import read_sheet

from ..awkward.cluster import Cluster, Node

MAPPING = """
[source]
name = "annuaire"
id = "id"

[[element]]
kind = "actor"
[element.fields]
name = "name"
type = { value = "association" }
"""
RESIDENT = SigningKey.from_seed(bytes(range(32)))


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    cluster = Cluster(tmp_path)
    yield cluster
    await cluster.close()


def quiet(*event: Any) -> None:
    """Nobody looks at the progress."""


async def imported(node: Node, folder: Path, rows: dict[str, str], **counts: int) -> None:
    """Import these rows, by id, and expect what the report counts."""
    table, mapping = folder / "table.csv", folder / "mapping.toml"
    table.write_text("id;name\n" + "".join(f"{number};{name}\n" for number, name in rows.items()), "utf-8")
    mapping.write_text(MAPPING, "utf-8")
    report = await node.ask("import", path=str(table), mapping=str(mapping))
    found = {name: report[name] for name in ("created", "changed", "unchanged")}
    assert found == {"created": 0, "changed": 0, "unchanged": 0, **counts}, report


async def edited(node: Node, name: str) -> str:
    """A resident corrects what was imported under that name; its id."""
    await node.town.index.catch_up()
    (item,) = (await node.ask("search", query={"q": name}))["items"]
    element = ElementId.parse(item["id"])
    current = await node.town.archive.read(lambda reader: reader.current(element))
    assert current is not None
    view = await node.ask("show", element=item["id"])
    fields = {**view["fields"], "summary": "corrigé par une habitante"}
    record = NewRecord("actor", fields, element, current.digest, author=RESIDENT)
    await node.town.archive.append([record])
    return str(element)


async def test_what_was_imported_after_the_backup_is_not_imported_again(cluster: Cluster, tmp_path: Path) -> None:
    """Nor is what a resident has corrected meanwhile written over."""
    agglomeration, town = await cluster.cluster("saint-denis")
    stick = tmp_path / "stick"
    stick.mkdir()
    await imported(town, tmp_path, {"1": "Amap du Nord", "2": "Chorale"}, created=2)
    await town.ask("backup", target=str(stick))
    rows = {"1": "Amap du Sud", "2": "Chorale", "3": "Ludothèque", "4": "Ressourcerie"}
    await imported(town, tmp_path, rows, created=2, changed=1, unchanged=1)
    await edited(town, "Ressourcerie")
    await agglomeration.until_holds(town.origin, await town.size(town.origin))
    await cluster.stop(town)
    shutil.rmtree(town.folder)
    seed = read_sheet("\n".join(town.founded.recovery_sheet))
    from_backup(town.folder, newest(stick, seed), seed, [], quiet)
    await cluster.start(town)
    assert (await settled(town.town, 40, quiet))["state"] == "settled"
    size = await town.size(town.origin)
    await imported(town, tmp_path, rows, unchanged=4)
    assert await town.size(town.origin) == size
    assert await town.town.archive.read(lambda reader: reader.choice(CHOICE)) is None
    rows |= {"3": "Ludothèque du port", "4": "Ressourcerie du port"}
    await imported(town, tmp_path, rows, changed=1, unchanged=2)


async def test_with_the_sheet_alone_all_of_it_is_known_again(cluster: Cluster, tmp_path: Path) -> None:
    """There is no memory left at all, and other keys."""
    agglomeration, town = await cluster.cluster("saint-denis")
    await cluster.stop(agglomeration)
    await cluster.start(agglomeration, pages=True)
    rows = {"1": "Amap du Nord", "2": "Chorale"}
    await imported(town, tmp_path, rows, created=2)
    await agglomeration.until_holds(town.origin, await town.size(town.origin))
    invitation = (await agglomeration.ask("invite", territory="FR-93066", addresses=[cluster.address(agglomeration)]))[
        "invitation"
    ]
    await cluster.stop(town)
    shutil.rmtree(town.folder)
    assert agglomeration.town.http_address is not None
    seed = read_sheet("\n".join(town.founded.recovery_sheet))
    await from_sheet(town.folder, seed, [agglomeration.town.http_address], None, quiet)
    await cluster.start(town)
    await town.ask("join", invitation=invitation)
    await imported(town, tmp_path, rows | {"2": "Chorale du port"}, changed=1, unchanged=1)
    await imported(town, tmp_path, rows | {"3": "Ludothèque"}, created=1, changed=1, unchanged=1)


async def test_a_body_that_is_still_to_come_is_waited_for(cluster: Cluster) -> None:
    """What is behind it is read the next time, and the node goes on knowing that it does not know all."""
    town = await cluster.start(await cluster.found("saint-denis"))
    fields = {"name": "Chorale", "type": "association", "source": "annuaire"}
    await town.town.archive.append([NewRecord("actor", {**fields, "source_id": str(number)}) for number in range(3)])
    archive = town.town.archive
    await archive.choose(CHOICE, known_until({}))
    slots = "UPDATE entries SET slot = {} WHERE place = (SELECT max(place) - 1 FROM entries)"
    await archive.write(lambda writer: writer.db.execute(slots.format(2)))
    assert await remember_again(archive, whole=True) == 1
    assert await archive.read(lambda reader: reader.choice(CHOICE)) is not None
    await archive.write(lambda writer: writer.db.execute(slots.format(1)))
    assert await remember_again(archive, whole=False) == 2
    assert await remember_again(archive, whole=True) == 0
    assert await archive.read(lambda reader: reader.choice(CHOICE)) is None
    assert await archive.read(lambda reader: reader.source("annuaire", "2")) is not None


def test_a_backup_of_a_node_that_had_not_read_its_logs_again_says_so() -> None:
    """How far a log is known is never more than it was."""
    assert known_until({"a": 5}) == '{"a": 5}'
    assert known_until({"a": 5}, '{"a": 3}') == '{"a": 3}'
    assert known_until({"a": 5, "b": 2}, "{}") == '{"a": 0, "b": 0}'
