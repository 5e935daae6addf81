# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files broken by chance or on purpose: whatever it is given, a reader ends with rows and reasons."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from convergences_node.imports.convert import BadRow, Converter
from convergences_node.imports.formats import FORMATS
from convergences_node.imports.known import known_mapping
from convergences_node.imports.mapping import plain_mapping
from convergences_node.imports.rows import Dialect, Row, read_rows, sniff
from convergences_node.territories.communes import Communes, communes
from convergences_protocol.errors import LocalError

from .beside import data
from .memory_desk import MemoryDesk, import_file

PAIR = "http://virtual-assembly.org/ontologies/pair#"
SAMPLES: dict[str, Any] = {
    "csv": 'nom;ville;lat\nLe 6b;"Saint-Denis";48.9\n',
    "geojson": {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": {"a": 1}, "geometry": {"type": "Point", "coordinates": [2, 48]}}
        ],
    },
    "ics": "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nSUMMARY:x\nDTSTART;TZID=Europe/Paris:20260101T100000\n"
    "DURATION:PT1H\nRRULE:FREQ=WEEKLY;COUNT=5\nEXDATE;TZID=Europe/Paris:20260108T100000\nGEO:48;2\n"
    "CATEGORIES:a,b\nORGANIZER;CN=x:mailto:a@example.org\nEND:VEVENT\nEND:VCALENDAR\n",
    "feed": '<rss version="2.0"><channel><title>t</title><item><guid>1</guid><title>F</title><category>C</category>'
    "<pubDate>Sat, 21 Jun 2026 18:00:00 +0200</pubDate><description>&lt;p&gt;x</description></item></channel></rss>",
    "gpx": '<gpx version="1.1"><metadata><name>m</name></metadata><wpt lat="48.9" lon="2.3"><name>x</name></wpt></gpx>',
    "gogocarto": {
        "ontology": "gogocompact",
        "data": [["A", ["J", "C"], 48.93, 2.36, ["a"], 4]],
        "mapping": ["id", ["name", "sourceKey"], "latitude", "longitude", "categories", "status"],
    },
    "openagenda": {
        "events": [
            {
                "uid": 1,
                "title": {"fr": "x"},
                "longDescription": {"fr": "<p>x</p>"},
                "timings": [{"begin": "2026-07-11T14:00:00+02:00", "end": "2026-07-11T18:00:00+02:00"}],
                "location": {"city": "Saint-Denis", "postalCode": "93200", "latitude": 48.9, "longitude": 2.3},
                "status": {"id": 1},
                "keywords": ["a"],
            }
        ]
    },
    "mobilizon": {
        "type": "Create",
        "object": {
            "type": "Event",
            "id": "https://m.example/1",
            "name": "x",
            "content": "<p>x</p>",
            "startTime": "2026-07-11T14:00:00Z",
            "location": {"name": "y", "address": {"postalCode": "93200"}, "latitude": 48.9, "longitude": 2.3},
            "tag": [{"type": "Hashtag", "name": "#a"}],
        },
    },
    "schema_org": {
        "@context": "https://schema.org",
        "@graph": [
            {"@type": "Event", "name": "x", "location": {"address": {"postalCode": "93"}, "geo": {"latitude": 1}}}
        ],
    },
    "jsonld": {
        "@context": ["https://www.w3.org/ns/activitystreams", {"pair": PAIR}],
        "@graph": [
            {"@id": "http://a/1", "@type": "pair:Event", "pair:label": [{"@value": "x", "@language": "fr"}, "y"]}
        ],
    },
    "turtle": f"@prefix p: <{PAIR}> .\n"
    '<http://a/1> a p:Event ; p:label "x"@fr ; p:l [ p:lat 1.5 ; p:n 3 ; p:b true ] .\n',
}
STRANGE: list[Any] = [None, 1, -1, 1e300, "", "x", [], {}, [[]], True, {"a": None}]
STRANGE += ["\ud800", 2**70, "9" * 400, "\x00", " "]
PIECES = [b'"', b"<", b"[", b"{", b"\x00", b"&", b"<!--", b"\n", b"BEGIN:VEVENT\n", b"]]>", b"9" * 30, b"\xff"]


@pytest.fixture(scope="module", autouse=True)
def held() -> Iterator[Communes]:
    yield communes()


@pytest.mark.parametrize("format", sorted(SAMPLES))
def test_a_broken_document_is_rows_and_reasons(format: str, tmp_path: Path) -> None:
    """A hundred documents broken by a seed, byte by byte and value by value; in this process, where nothing hides."""
    chance = random.Random(format)
    sample = SAMPLES[format]
    mapping = known_mapping(format, "essai")
    converter = Converter(mapping) if mapping else None
    path = tmp_path / "t"
    for number in range(100):
        if isinstance(sample, str) or number % 2:
            path.write_bytes(_cut(sample if isinstance(sample, str) else json.dumps(sample), chance))
        else:
            path.write_text(json.dumps(_bent(sample, chance)))
        with path.open("rb") as file:
            for row in FORMATS[format].reader()(file, Dialect(format, "utf-8", ";", timezone="Europe/Paris")):
                json.dumps(row.cells)
                _converted(row, converter)
        sniff(path)


def _converted(row: Row, converter: Converter | None) -> None:
    try:
        if converter and not row.fault:
            converter.convert(row)
    except BadRow as error:
        assert error.faults


def _cut(text: str, chance: random.Random) -> bytes:
    data = bytearray(text.encode())
    for _ in range(chance.randint(1, 12)):
        at = chance.randrange(len(data))
        if chance.random() < 0.5:
            data[at : at + chance.randint(0, 40)] = chance.choice(PIECES)
        else:
            data[at] = chance.randrange(256)
    return bytes(data)


def _bent(value: Any, chance: random.Random) -> Any:
    if chance.random() < 0.15:
        return chance.choice(STRANGE)
    if isinstance(value, dict):
        return {name: _bent(inner, chance) for name, inner in value.items()}
    return [_bent(inner, chance) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "start",
    [b"BEGIN:VCALENDAR\nBEGIN:VEVENT\n", b"<gpx>", b"<html>", b"@prefix a: <b> .", b'{"@id": ', b"PK\x03\x04"],
)
def test_a_gigabyte_that_begins_well_is_refused_or_passed_over(tmp_path: Path, start: bytes) -> None:
    """Sparse, so that it costs nobody a disk; never more than its reader's window in memory."""
    path = tmp_path / "t"
    with path.open("wb") as file:
        file.write(start)
        file.truncate(1024**3)
    rows = list(read_rows(path, sniff(path)))
    assert len(rows) == 1
    assert rows[0].fault is not None


def test_what_is_not_a_file_is_not_waited_for(tmp_path: Path) -> None:
    """A device has no end, a pipe no beginning, and a folder neither."""
    for path in (Path("/dev/zero"), tmp_path):
        with pytest.raises(LocalError, match="not a file"):
            sniff(path)


def gpx(path: Path, text: str) -> list[Row]:
    path.write_text(text)
    assert sniff(path).format == "gpx"
    return list(read_rows(path, sniff(path)))


def test_waypoints_are_places_and_tracks_are_not(tmp_path: Path) -> None:
    rows = gpx(tmp_path / "t", SAMPLES["gpx"])
    mapping = known_mapping("gpx", "t")
    assert mapping is not None
    found = Converter(mapping).convert(rows[0])
    assert (found.source, found.fields["name"], found.fields["location"]) == ("m", "x", [489_000_000, 23_000_000])
    (row,) = gpx(tmp_path / "t", "<gpx><trk><trkseg><trkpt lat='1' lon='2'/></trkseg></trk></gpx>")
    assert row.fault is not None
    assert (row.fault.code, row.fault.params) == ("gpx_no_waypoint", {"tracks": 1})


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("<!DOCTYPE gpx [<!ENTITY a 'b'>]><gpx><wpt lat='1' lon='2'><name>&a;</name></wpt></gpx>", "xml_entities"),
        ('<!DOCTYPE gpx SYSTEM "file:///etc/passwd"><gpx/>', "xml_entities"),
        ("<gpx>" + "<a>" * 100_000, "xml_broken"),
        ("<gpx><wpt lat='1'", "xml_broken"),
    ],
)
def test_a_gpx_that_means_harm_is_refused(tmp_path: Path, text: str, code: str) -> None:
    assert [row.fault.code for row in gpx(tmp_path / "t", text) if row.fault] == [code]


def test_the_gpx_of_the_suite_give_their_waypoints() -> None:
    files = sorted(data("conformance/gpx").glob("*.gpx"))
    assert len(files) == 28
    rows = [row for path in files for row in read_rows(path, sniff(path))]
    assert sum(row.fault is None for row in rows) >= 50
    assert {row.fault.code for row in rows if row.fault} == {"gpx_no_waypoint"}


def test_an_archive_in_three_forms_has_the_same_subjects() -> None:
    """JSON-LD, Turtle and N-Triples of the same graph: the same rows, whatever their order."""
    told = []
    for suffix in ("jsonld", "ttl", "nt"):
        path = data(f"linked/pair-archipel-av/archipel.{suffix}")
        rows = [row.cells for row in read_rows(path, sniff(path))]
        told.append({cells["id"]: cells for cells in rows if cells["id"]})
        assert len(rows) == 381
    assert told[0].keys() == told[1].keys() == told[2].keys()
    one = next(cells for cells in told[0].values() if cells["type"] == "pair:Organization")
    assert one["pair:label"] == told[1][one["id"]]["pair:label"] == told[2][one["id"]]["pair:label"]


def test_a_context_that_would_be_fetched_is_named(tmp_path: Path) -> None:
    """A server that is not there, a file of this machine: neither is asked."""
    path = tmp_path / "t"
    for address in ("https://203.0.113.1/context.json", "file:///etc/passwd"):
        path.write_text(json.dumps({"@context": address, "@id": "http://a/1", "name": "x"}))
        (row,) = read_rows(path, sniff(path))
        assert row.fault is not None
        assert (row.fault.code, row.fault.params) == ("linked_context", {"given": address})


async def test_empty_names_and_twice_the_same_id_are_said(tmp_path: Path) -> None:
    """A name of spaces, visible or not, is no name; the second row of an id names the line of the first."""
    path = tmp_path / "t.csv"
    names = ["Le 6b", "   ", "\u00a0\u2003", "\u200b \ufeff", "encore"]
    ids = ["1", "2", "3", "4", "1"]
    path.write_text("id;name;type\n" + "".join(f"{i};{n};venue\n" for i, n in zip(ids, names, strict=True)))
    desk = MemoryDesk()
    report = await import_file(desk, path, plain_mapping("place", ["id", "name", "type"], "t"), lambda event: None)
    refused = {entry["line"]: entry["code"] for entry in report["refused"]}
    assert {line: refused.get(line) for line in (3, 4, 5, 6)} == {
        3: "missing",
        4: "missing",
        5: "missing",
        6: "row_taken",
    }
    assert report["created"] == 1
