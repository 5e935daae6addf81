# SPDX-License-Identifier: AGPL-3.0-or-later
"""PAIR in and out: an export comes back as it was, and a real archive of somebody else's loses nothing that a kind can
hold; what cannot be held is listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unicodedata import normalize

import pytest
import rdflib
from aiohttp.test_utils import TestClient
from convergences_node.founding import Settings, create_town
from convergences_node.linked.pair_graph import speaks_pair
from convergences_node.linked.pair_words import CLASSES, CLASSES_NEAR, LINKS_NEAR, NEAR, PREDICATES
from convergences_node.town import Town
from convergences_node.verbs import perform
from convergences_node.web.surfaces.linked_context import full
from convergences_node.web.surfaces.pair_terms import INVERSES
from convergences_protocol.errors import LocalError
from convergences_protocol.kinds import KINDS

from tests.web.reading_back import DC, LINKED, PAIR
from tests.web.small_town import TERRITORY, SmallTown, asking

from .conftest import BASE

ARCHIPEL = LINKED / "pair-archipel-av" / "archipel.ttl"
NOT_HELD = {
    "as:preferredUsername": 147, "as:image": 30, "pair:Folder": 3,
    "pair:containedIn": 3, "pair:hasLocation": 1, "pair:homePage": 1, "as:name": 1,
}  # fmt: skip
"""Of the archive of the Assemblée Virtuelle: accounts of ActivityPub, images at an address, folders; a second place of
one organisation, a second page of one event, a name that is not the label."""
RDF = rdflib.RDF


@asynccontextmanager
async def empty_town(folder: Path) -> AsyncIterator[Town]:
    """A node of the same town that nothing was written in."""
    settings: Settings = {"http": {"public_url": BASE}, "limits": {"requests_per_second": 0.0}}
    await create_town(folder, TERRITORY, "town", "Saint-Denis", settings=settings)
    async with Town.open(folder) as opened:
        yield opened


async def brought(town: Town, path: Path, **params: Any) -> dict[str, Any]:
    """The report of an import; what it wrote can be found."""
    report: dict[str, Any] = await perform(town, "import", {"path": str(path), **params}, lambda _: None)
    await town.index.catch_up()
    return report


async def exported(town: Any, path: str = "/data/all.nq", accept: str = "*/*") -> bytes:
    async with asking(town) as client:
        answer = await client.get(path, headers={"Accept": accept})
        assert answer.status == 200, await answer.text()
        return await answer.read()


def statements(data: bytes, form: str = "nquads") -> set[tuple[Any, Any, Any]]:
    """What a dump says, without when it was written; things without a name are called by what they are in."""
    dataset = rdflib.Dataset()
    dataset.parse(data=data.decode(), format=form)
    quads = [(s, p, o) for s, p, o, _ in dataset.quads() if p != DC.modified]
    inside = {o: (s, p) for s, p, o in quads if isinstance(o, rdflib.BNode)}

    def called(node: Any) -> Any:
        if not isinstance(node, rdflib.BNode):
            return node
        holder, property_ = inside[node]
        return called(holder), property_

    return {(called(s), p, called(o)) for s, p, o in quads}


async def test_an_export_comes_back_as_it_was(client: TestClient, town: SmallTown, tmp_path: Path) -> None:
    """Exported, imported into an empty node of the same town, exported again: the same statements."""
    await town.add(
        "place", "Tout", type="park", other_names=["Parc", "Square"], summary="a\\b", description="ligne\n\"ligne\"",
        themes=[town.elements["Vélo"]], address="2 rue", postcode="93200", locality="Saint-Denis", town="FR-93066",
        location=[-489360001, -23540007], opening_hours="24/7", accessibility="oui", website="https://x.example/é",
        began="1987-05", ended="2020", source="s", source_id="1", licence="CC0", fetched="2026-11-22", language="fr",
    )  # fmt: skip
    club, choir = town.elements["Atelier vélo du Canal"], town.elements["Chœur des Joncherolles"]
    ended = {"from": "2001", "to": "2003-05"}
    await town.add("relation", "member", subject=club, predicate="member_of", object=choir, role="trésorier", **ended)
    await town.add("theme", "Coloré", colour="#aabbcc", other_names=["Autre"], broader=town.elements["Culture"])
    await town.index.catch_up()
    first = await exported(town)
    path = tmp_path / "all.nq"
    path.write_bytes(first)
    async with empty_town(tmp_path / "again") as again:
        report = await brought(again, path)
        assert (report["refused"], report["not_held"]) == ([], [])
        assert report["created"] == report["rows"] == len(list(_identifiers(first)))
        second = await exported(again)
        assert statements(second) == statements(first)
        report = await brought(again, path)
        assert (report["created"], report["changed"], report["relations"]) == (0, 0, 0)
        assert report["unchanged"] == report["rows"]


def _identifiers(data: bytes) -> list[bytes]:
    return [line for line in data.splitlines() if b"ontologies/pair#identifier>" in line]


async def test_a_node_that_describes_its_territory_keeps_its_own_record(tmp_path: Path) -> None:
    """As every node that was founded does: another's record of the same territory is not taken in beside it."""
    dump = tmp_path / "dump.ttl"
    dump.write_text(
        f"@prefix pair: <{PAIR}> .\n@prefix dc: <{DC}> .\n"
        f'<https://elsewhere.example/t> a pair:Town ; pair:label "Saint-Denis" ; dc:identifier "{TERRITORY}" .\n',
        "utf-8",
    )
    facts = {"name": "Saint-Denis", "code": TERRITORY, "type": "commune", "former_codes": ["FR-93059"]}
    await create_town(tmp_path / "town", TERRITORY, "town", "Saint-Denis", facts=facts)
    async with Town.open(tmp_path / "town") as town:
        report = await brought(town, dump)
        assert (report["created"], report["unchanged"]) == (0, 1), report
        assert [each.name for each in await town.index.territories()].count("Saint-Denis") == 1


async def test_a_folder_of_containers_comes_back_too(client: TestClient, town: SmallTown, tmp_path: Path) -> None:
    """JSON-LD as Archipelago fetches it, each container a file; the contexts are inside."""
    folder = tmp_path / "containers"
    folder.mkdir()
    for name in ("organizations", "groups", "actors", "events", "activities", "places", "themes", "documents"):
        (folder / f"{name}.jsonld").write_bytes(await exported(town, f"/{name}", "application/ld+json"))
    async with empty_town(tmp_path / "again") as again:
        report = await brought(again, folder)
        assert (report["refused"], report["not_held"]) == ([], [])
        view = await again.index.element(town.elements["Festival des Murs"])
        assert view is not None
        assert view.fields["start"] == "2026-12-05"
        assert view.fields["type"] == "festival"
        # The choir's part in it is only said by a link here: the relation itself was in no container.
        assert [each.predicate for each in view.relations] == ["about", "takes_part_in"]


async def test_a_real_archive_loses_nothing_that_a_kind_can_hold(tmp_path: Path) -> None:
    """The archive of the Assemblée Virtuelle: every statement is found again in our export, or is listed."""
    if not ARCHIPEL.exists():
        pytest.skip("the archive is not beside the repository")
    async with empty_town(tmp_path / "node") as town:
        report = await brought(town, ARCHIPEL)
        assert report["refused"] == []
        assert {each["what"]: each["count"] for each in report["not_held"]} == NOT_HELD
        counted = Counter({kind: count for (kind, _), count in _by_kind(await town.index.types()).items()})
        assert counted == {
            "actor": 115, "action": 67, "theme": 80, "content": 4, "resource": 91, "relation": 94 + 59,
        }  # fmt: skip
        lost = missing(rdflib.Graph().parse(ARCHIPEL), statements(await exported(town)))
        assert lost == []
        again = await brought(town, ARCHIPEL)
        assert (again["created"], again["changed"], again["relations"]) == (0, 0, 0)


def _by_kind(types: Any) -> dict[tuple[str, str], int]:
    found: Counter[tuple[str, str]] = Counter()
    for (kind, _), count in types.items():
        found[kind, ""] += count
    return found


def missing(theirs: rdflib.Graph, ours: set[tuple[Any, Any, Any]]) -> list[tuple[Any, Any, Any]]:
    """Their statements about what we hold that are not among ours, by their own addresses."""
    held = {str(o): s for s, p, o in ours if p == DC.identifier}
    said = {(s, p, str(o).strip()) for s, p, o in ours}
    near = {full(name): full(other) for name, other in LINKS_NEAR.items()}
    pages = {full(name): PAIR.aboutPage for table in NEAR.values() for name in table if "Page" in name}
    lost = []
    for s, p, o in theirs:
        property_ = near.get(str(p), str(p))
        short_ = f"pair:{str(p).removeprefix(str(PAIR))}"
        if str(s) not in held or short_ in NOT_HELD or not str(p).startswith(str(PAIR)) or isinstance(o, rdflib.BNode):
            continue
        there = held.get(str(o), rdflib.Literal(normalize("NFC", str(o))))
        turned_ = rdflib.URIRef(full(INVERSES[short_])) if short_ in INVERSES else None
        candidates: set[tuple[Any, Any, Any]] = {(held[str(s)], rdflib.URIRef(property_), str(there).strip())}
        candidates |= {(held[str(s)], pages.get(str(p), rdflib.URIRef(str(p))), str(there).strip())}
        candidates |= {(there, turned_, str(held[str(s)]))}
        candidates |= {(held[str(s)], PAIR.about, str(there)), (there, PAIR.about, str(held[str(s)]))}
        if p in (PAIR.startDate, PAIR.endDate):
            candidates |= {(held[str(s)], p, str(rdflib.Literal(str(o).replace(".000Z", "+00:00"))))}
        if p == PAIR.comment:
            candidates |= {(held[str(s)], PAIR.description, str(there).strip())}
        if not candidates & said:
            lost.append((s, p, o))
    return lost


async def test_what_people_did_since_is_left_as_they_left_it(tmp_path: Path) -> None:
    """Edited, withdrawn: importing again says so and writes neither."""
    path = tmp_path / "two.ttl"
    head = "@prefix pair: <http://virtual-assembly.org/ontologies/pair#> .\n"
    path.write_text(
        head + "".join(f'<https://x.example/o/{n}> a pair:Organization ; pair:label "O{n}" .\n' for n in (1, 2, 3))
    )
    async with empty_town(tmp_path / "node") as town:
        assert (await brought(town, path, dry_run=True))["created"] == 3
        assert (await brought(town, path))["created"] == 3
        (first, second, _) = [item.id for item in (await town.index.listing(["actor"])).items]
        await perform(
            town, "add", {"kind": "actor", "fields": {"name": "Ici", "type": "other"}, "element": first}, lambda _: None
        )
        await perform(town, "withdraw", {"element": second}, lambda _: None)
        path.write_text(path.read_text().replace('"O', '"Nouveau '))
        report = await brought(town, path)
        assert report["changed"] == 1
        assert {each["code"] for each in report["refused"]} == {"row_edited", "row_withdrawn"}
        view = await town.index.element(first)
        assert view is not None
        assert view.fields["name"] == "Ici"


async def test_a_file_that_cannot_be_read_is_refused_with_its_place(tmp_path: Path) -> None:
    """Broken Turtle, and JSON-LD whose context is elsewhere: nothing is fetched, nothing is written."""
    broken = tmp_path / "broken.ttl"
    broken.write_text('# virtual-assembly.org/ontologies/pair\n<a> <b> "c .\n')
    elsewhere = tmp_path / "elsewhere.jsonld"
    elsewhere.write_text('{"@context":"https://127.0.0.1:9/c.json","x":"http://virtual-assembly.org/ontologies/pair#"}')
    async with empty_town(tmp_path / "node") as town:
        for path in (broken, elsewhere):
            assert speaks_pair(path)
            with pytest.raises(LocalError, match=path.name):
                await brought(town, path)
        table = tmp_path / "table.csv"
        table.write_text("name\nx\n")
        assert not speaks_pair(table)
        with pytest.raises(LocalError, match="mapping"):
            await brought(town, table)


def test_every_near_word_is_near_to_a_word_that_we_have() -> None:
    assert set(CLASSES_NEAR.values()) <= set(CLASSES)
    assert set(LINKS_NEAR.values()) <= set(PREDICATES)
    for kind, table in NEAR.items():
        assert set(table.values()) <= set(KINDS[kind].by_name)
