# SPDX-License-Identifier: AGPL-3.0-or-later
"""Documents whose shape is known: GoGoCarto, OpenAgenda, Mobilizon, schema.org; read and mapped by what comes along."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from convergences_node.imports.convert import BadRow, Converted, Converter
from convergences_node.imports.known import known_formats, known_mapping
from convergences_node.imports.rows import Row, read_rows, sniff
from convergences_node.territories.communes import Communes, communes

from .beside import data
from .memory_desk import MemoryDesk, import_file


@pytest.fixture(scope="module", autouse=True)
def held() -> Iterator[Communes]:
    """The communes of France, read once: whoever converts rows holds them."""
    yield communes()


def rows_of(path: Path, document: Any, format: str) -> list[Row]:
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    dialect = sniff(path)
    assert dialect.format == format
    return list(read_rows(path, dialect))


def mapped(row: Row, format: str) -> Converted:
    mapping = known_mapping(format, "essai")
    assert mapping is not None
    return Converter(mapping).convert(row)


def codes(rows: list[Row]) -> list[str]:
    return [row.fault.code for row in rows if row.fault]


def test_every_known_mapping_is_short_and_sound() -> None:
    """Read against the kinds as any other, at most forty lines; what nobody knows has none."""
    assert {"ics", "gpx", "feed", "gogocarto", "openagenda", "mobilizon", "schema_org"} <= set(known_formats())
    folder = Path(__file__).parents[2] / "node/convergences_node/imports/known"
    for name in known_formats():
        mapping = known_mapping(name, "essai")
        assert mapping is not None
        assert len((folder / f"{name}.toml").read_text().splitlines()) <= 40
    assert known_mapping("csv") is None
    assert known_mapping("../known/ics") is None


ELEMENT = {
    "id": "AEW",
    "name": "Jardin partagé",
    "geo": {"latitude": 48.93, "longitude": 2.36},
    "sourceKey": "Colibris",
    "address": {"streetAddress": "1 rue X", "addressLocality": "Saint-Denis", "postalCode": "93200"},
    "status": 4,
    "categories": ["Alimentation", "Circuits courts"],
    "email": "private",
    "website": "https://jardin.example",
    "description": "<b>Ouvert</b> le samedi",
}
FULL = {"licence": "https://opendatacommons.org/licenses/odbl/", "ontology": "gogofull", "data": [ELEMENT]}
COMPACT: dict[str, Any] = {
    "ontology": "gogocompact",
    "data": [["AEW", ["Jardin partagé", "Colibris"], 48.93, 2.36, ["Alimentation", "Circuits courts"], 4]],
    "mapping": ["id", ["name", "sourceKey"], "latitude", "longitude", "categories", "status"],
}


@pytest.mark.parametrize("document", [FULL, COMPACT, FULL | {"data": ELEMENT}], ids=["full", "compact", "alone"])
def test_an_element_of_a_map_is_an_actor(tmp_path: Path, document: dict[str, Any]) -> None:
    """The same from its three shapes, even where the names of the places come after the places."""
    (row,) = rows_of(tmp_path / "t", document, "gogocarto")
    found = mapped(row, "gogocarto")
    assert (found.kind.name, found.source, found.source_id) == ("actor", "Colibris", "AEW")
    assert found.fields["name"] == "Jardin partagé"
    assert found.fields["location"] == [489_300_000, 23_600_000]
    assert [label.text for label in found.fields["themes"]] == ["Alimentation", "Circuits courts"]
    assert "email" not in found.fields
    if "address.postalCode" in row.cells:
        assert (found.fields["postcode"], found.fields["town"]) == ("93200", "FR-93066")
        assert found.fields["description"] == "**Ouvert** le samedi"


def test_a_list_of_ids_is_refused_with_a_sentence(tmp_path: Path) -> None:
    """gogosync names elements and says nothing of them."""
    assert codes(rows_of(tmp_path / "t", {"ontology": "gogosync", "data": [{"id": "AEW"}]}, "gogocarto")) == [
        "gogo_sync"
    ]


@pytest.mark.parametrize("status", [-1, 0])
def test_what_its_map_does_not_show_does_not_come_in(tmp_path: Path, status: int) -> None:
    assert codes(rows_of(tmp_path / "t", FULL | {"data": [ELEMENT | {"status": status}]}, "gogocarto")) == [
        "gogo_status"
    ]


def test_a_taxonomy_is_a_tree_of_themes(tmp_path: Path) -> None:
    """Options are themes; the categories between them only hold them. A tree without end is walked to its bounds."""
    tree = {
        "name": "Principal",
        "options": [
            {
                "id": 1,
                "name": "Alimentation",
                "color": "#A1B",
                "subcategories": [{"name": "Type", "options": [{"id": 2, "name": "AMAP", "nameShort": "Amap"}]}],
            }
        ],
    }
    first, second = rows_of(tmp_path / "t", tree, "gogocarto")
    assert mapped(first, "gogocarto").fields["colour"] == "#aa11bb"
    below = mapped(second, "gogocarto")
    assert (below.kind.name, str(below.fields["broader"])) == ("theme", "essai:option-1")
    deep: dict[str, Any] = {"id": 0, "name": "fond"}
    for number in range(1, 200):
        deep = {"id": number, "name": f"n{number}", "suboptions": [deep]}
    assert 10 < len(rows_of(tmp_path / "t", [deep], "gogocarto")) < 100


V2 = {
    "uid": 7,
    "slug": "fete",
    "title": {"fr": "Fête des communs", "en": "Commons"},
    "longDescription": {"fr": "Un *texte*"},
    "keywords": {"fr": ["fête", "communs"]},
    "timings": [
        {"begin": "2026-07-11T14:00:00+02:00", "end": "2026-07-11T18:00:00+02:00"},
        {"begin": "2026-07-10T14:00:00+02:00", "end": "2026-07-10T18:00:00+02:00"},
    ],
    "dateRange": {"fr": "10 et 11 juillet"},
    "status": 6,
    "location": {
        "name": "Le 6b",
        "address": "6 quai de Seine",
        "city": "Saint-Denis",
        "insee": "93066",
        "latitude": 48.9,
        "longitude": 2.3,
        "postalCode": "93200",
    },
    "nextTiming": None,
}


KEPT = ("name", "start", "end", "recurrence", "timezone", "period", "status", "town", "website", "address")


def test_an_event_of_openagenda_s_api_is_an_action(tmp_path: Path) -> None:
    """In French where there is French; its two sittings of one hour are two days, and not one night and two days."""
    (row,) = rows_of(tmp_path / "t", {"total": 1, "events": [V2]}, "openagenda")
    fields = mapped(row, "openagenda").fields
    told = {name: fields[name] for name in KEPT}
    assert told == {
        "name": "Fête des communs",
        "start": "2026-07-10T14:00+02:00",
        "end": "2026-07-10T18:00+02:00",
        "recurrence": "FREQ=WEEKLY;BYDAY=FR,SA;UNTIL=20260711T120000Z",
        "timezone": "Europe/Paris",
        "period": "10 et 11 juillet",
        "status": "cancelled",
        "town": "FR-93066",
        "website": "https://openagenda.com/events/fete",
        "address": "Le 6b, 6 quai de Seine",
    }


@pytest.mark.parametrize(("name", "events"), [("france-100", 100), ("drome-1068", 1068)])
def test_exports_of_openagenda_come_in_whole(name: str, events: int) -> None:
    """Two of them, flattened and renamed each in its own way; all are placed that take place in France."""
    path = data(f"events/openagenda/{name}.json")
    every = [mapped(row, "openagenda") for row in read_rows(path, sniff(path))]
    found = [one for one in every if "#" not in one.source_id]
    assert len(found) == events
    assert all(one.fields["start"] for one in found)
    abroad = {"Hô Chi Minh-Ville", "Aoste", "Montréal", "Tripoli"}
    in_france = [one for one in found if one.fields.get("locality") and one.fields["locality"] not in abroad]
    assert len(in_france) >= events * 0.9
    assert sum("town" in one.fields for one in in_france) >= len(in_france) * 0.98


EVENT = {
    "type": "Event",
    "id": "https://mobilizon.example/events/1",
    "name": "Fête",
    "content": "<p>Venez <strong>nombreux</strong></p><script>x()</script>",
    "startTime": "2026-07-10T14:00:00+02:00",
    "timezone": "Europe/Paris",
    "ical:status": "TENTATIVE",
    "to": ["https://www.w3.org/ns/activitystreams#Public"],
    "tag": [{"type": "Hashtag", "name": "#communs"}, {"type": "Mention", "name": "@ana@example.org"}],
    "location": {
        "type": "Place",
        "name": "Le 6b",
        "latitude": 48.9,
        "longitude": 2.3,
        "address": {"postalCode": "93200", "addressLocality": "Saint-Denis"},
    },
}
AS = {"@context": ["https://www.w3.org/ns/activitystreams"]}


@pytest.mark.parametrize(
    "document",
    [
        AS | EVENT,
        AS | {"type": "Create", "id": "x", "object": EVENT},
        AS | {"type": "OrderedCollection", "orderedItems": [{"type": "Announce", "object": EVENT}]},
        AS | {"type": "OrderedCollection", "first": {"type": "OrderedCollectionPage", "orderedItems": [EVENT]}},
        {"orderedItems": [EVENT], "type": "OrderedCollectionPage"} | AS,
    ],
)
def test_an_event_is_found_in_what_carries_it(tmp_path: Path, document: dict[str, Any]) -> None:
    (row,) = rows_of(tmp_path / "t", document, "mobilizon")
    fields = mapped(row, "mobilizon").fields
    assert (fields["name"], fields["status"], fields["town"]) == ("Fête", "tentative", "FR-93066")
    assert fields["description"] == "Venez **nombreux**"
    assert [label.text for label in fields["themes"]] == ["communs"]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (EVENT | {"draft": True}, "ics_private"),
        (EVENT | {"to": ["https://mobilizon.example/@club/members"]}, "ics_private"),
        ({"type": "Announce", "object": "https://mobilizon.example/events/2"}, "mobilizon_address"),
        ({"type": "Person", "name": "Ana"}, "mobilizon_type"),
    ],
)
def test_what_is_not_everybody_s_event_is_refused(tmp_path: Path, document: dict[str, Any], code: str) -> None:
    assert codes(rows_of(tmp_path / "t", AS | document, "mobilizon")) == [code]


def test_real_documents_of_the_fediverse_are_events_or_reasons() -> None:
    found = 0
    for path in sorted(data("linked/activitypub-mobilizon").glob("*.json")):
        for row in read_rows(path, sniff(path)):
            if row.fault is None and row.cells.get("type") == "Event":
                try:
                    found += mapped(row, "mobilizon").kind.name == "action"
                except BadRow as error:
                    assert error.faults
    assert found >= 4


PAGE = """<!DOCTYPE html><html><head><title>t</title>
<script>document.write('<script type="application/ld+json">{}<' + '/script>')</script>
<script type="application/ld+json">{"@context": "https://schema.org", "@graph": [
 {"@type": "MusicEvent", "@id": "https://e.example/1", "name": "Concert &amp; bal", "startDate": "2026-07-10T20:00",
  "eventStatus": "https://schema.org/EventCancelled", "location": {"@type": "Place", "name": "Le 6b",
  "address": {"streetAddress": "6 quai de Seine", "postalCode": "93200", "addressLocality": "Saint-Denis"},
  "geo": {"latitude": "48.93", "longitude": "2.36"}}},
 {"@type": ["NGO"], "name": "Club", "url": "https://c.example", "email": "mailto:a@c.example"},
 {"@type": "WebPage", "mainEntity": {"@type": "Library", "name": "Médiathèque"}}, {"@type": "BreadcrumbList"}]}</script>
<script type="application/ld+json">{"@type": "Event", </script></head><body onload="x()"></body></html>"""


def test_a_page_says_its_events_and_those_who_make_them(tmp_path: Path) -> None:
    """Four kinds, from wherever they stand; a script that is not JSON costs itself."""
    rows = rows_of(tmp_path / "t", PAGE, "schema_org")
    assert codes(rows) == ["row_not_json"]
    event, actor, place = [mapped(row, "schema_org") for row in rows if not row.fault]
    assert [one.kind.name for one in (event, actor, place)] == ["action", "actor", "place"]
    assert (event.fields["name"], event.fields["start"]) == ("Concert & bal", "2026-07-10T20:00:00+02:00")
    assert (event.fields["status"], event.fields["town"]) == ("cancelled", "FR-93066")
    assert event.fields["address"] == "Le 6b, 6 quai de Seine"
    assert (actor.fields["email"], place.fields["name"]) == ("a@c.example", "Médiathèque")


@pytest.mark.parametrize(
    "page",
    [
        "<html></html>",
        "<html>" + "<div>" * 200_000,
        "<!doctype html>" + "<script type='application/ld+json'>" * 100_000,
        "<html><script type='application/ld+json'>" + "[" * 100_000 + "</script>",
        "<html><!--" + "<!" * 500_000,
    ],
    ids=["empty", "deep", "scripts", "lists", "comment"],
)
def test_a_page_that_means_harm_is_a_reason(tmp_path: Path, page: str) -> None:
    assert codes(rows_of(tmp_path / "t", page, "schema_org"))


@pytest.mark.parametrize(
    ("format", "text", "kind", "fields"),
    [
        (
            "ics",
            "BEGIN:VCALENDAR\nX-WR-CALNAME:Le 6b\nBEGIN:VEVENT\nUID:1\nSUMMARY:Atelier\nDTSTART:20260106T180000\n"
            "RRULE:FREQ=WEEKLY\nEXDATE:20260113T180000\nEND:VEVENT\nEND:VCALENDAR\n",
            "action",
            {
                "start": "2026-01-06T18:00+01:00",
                "recurrence": "FREQ=WEEKLY",
                "exceptions": ["2026-01-13T18:00+01:00"],
                "timezone": "Europe/Paris",
                "source": "Le 6b",
            },
        ),
        ("gogocarto", json.dumps(FULL), "actor", {"town": "FR-93066", "licence": FULL["licence"]}),
        ("openagenda", json.dumps([V2]), "action", {"status": "cancelled", "source": "openagenda", "language": "fr"}),
    ],
)
async def test_a_known_file_is_imported_without_a_mapping_and_once(
    tmp_path: Path, format: str, text: str, kind: str, fields: dict[str, Any]
) -> None:
    """Through the whole import, to a signed record; a second time nothing is written."""
    path = tmp_path / "document"
    path.write_text(text)
    mapping = known_mapping(sniff(path).format, nameless=path.stem)
    assert mapping is not None
    desk = MemoryDesk()
    report = await import_file(desk, path, mapping, lambda event: None)
    assert (report["created"], report["refused_count"], report["file"]["format"]) == (1, 0, format)
    (record,) = desk.of_kind(kind)
    assert {name: record.get(name) for name in fields} == fields
    again = await import_file(desk, path, mapping, lambda event: None)
    assert (again["created"], again["unchanged"]) == (0, 1)
