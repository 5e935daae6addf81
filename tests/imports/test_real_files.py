# SPDX-License-Identifier: AGPL-3.0-or-later
"""Real tables of open data, suites that others wrote, and a file larger than a small machine's memory."""

import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from convergences_node.imports.mapping import load_mapping, plain_mapping
from convergences_node.imports.report import LISTED_MAX
from convergences_node.imports.rows import read_rows, sniff

from .memory_desk import MemoryDesk, import_file

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parents[1] / "examples"
DATA = HERE.parents[2] / "shared" / "data"


def data(name: str) -> Path:
    """A file beside the repository, never copied in; without it, nothing is proved and the test says so."""
    path = DATA / name
    if not path.exists():
        warnings.warn(f"{name} is not at {path}: nothing was proved", stacklevel=2)
        pytest.skip(f"{name} is not beside this repository")
    return path


async def run(path: Path, mapping: Path, desk: MemoryDesk | None = None) -> dict[str, Any]:
    return await import_file(desk or MemoryDesk(), path, load_mapping(mapping), lambda event: None)


@pytest.mark.parametrize(
    ("table", "rows"),
    [
        ("plaine-commune", 649),
        ("valence-romans-agglo", 598),
        ("rennes-metropole", 449),
        ("saint-brieuc-armor-agglomeration", 104),
    ],
)
async def test_the_tables_of_four_agglomerations_come_in_whole(table: str, rows: int) -> None:
    """Every row of real tables, twice: all new, then all unchanged."""
    desk = MemoryDesk()
    mapping = HERE / "mappings" / "tidy.toml"
    first = await run(data(f"tidy/{table}.ndjson"), mapping, desk)
    accounted = first["created"] + first["refused_count"]
    assert (first["rows"], accounted) == (rows, rows)
    assert first["refused_count"] <= rows // 100, first["refused"]
    again = await run(data(f"tidy/{table}.ndjson"), mapping, desk)
    assert (again["created"], again["changed"], again["unchanged"]) == (0, 0, first["created"])


async def test_the_table_of_the_whole_country_comes_in() -> None:
    """11,776 rows; what is refused is said, and is little."""
    report = await run(data("tidy/france.ndjson"), HERE / "mappings" / "tidy.toml")
    assert report["rows"] == 11_776
    assert report["created"] > 11_700, report["refused"][:5]
    assert report["created"] + report["refused_count"] == 11_776


@pytest.mark.parametrize(
    ("table", "mapping", "rows", "least"),
    [
        ("festivals-france/festivals-global-festivals-_-pl.csv", "festivals", 7282, 7000),
        ("mediation-numerique/gironde/gironde.json", "gironde", 347, 300),
        ("mediation-numerique/angers/angers.json", "angers", 63, 60),
        ("osm-france-lieux/data/libraries_france.geojson", "libraries", 267, 240),
    ],
)
async def test_tables_as_they_are_published_come_in(table: str, mapping: str, rows: int, least: int) -> None:
    """CSV with semicolons, JSON lists, GeoJSON, each by a mapping of a few lines."""
    report = await run(data(f"actors/{table}"), HERE / "mappings" / f"{mapping}.toml")
    assert report["rows"] == rows
    assert report["created"] >= least, report["refused"][:5]
    assert report["created"] + report["refused_count"] == rows


async def test_every_file_of_actors_ends_in_a_report() -> None:
    """Whatever the file (tables, settings, licences), by whatever mapping: accounted for to the last row."""
    files = [path for path in sorted(data("actors").rglob("*")) if path.is_file()]
    assert len(files) > 12
    for path in files:
        for mapping in ("libraries", "angers"):
            report = await run(path, HERE / "mappings" / f"{mapping}.toml")
            assert report["rows"] == report["created"] + report["refused_count"], path.name


def test_csv_is_read_as_the_spectrum_says() -> None:
    """csv-spectrum: every file reads as its JSON twin."""
    folder = data("conformance/csv-spectrum")
    files = sorted(folder.glob("csvs/*.csv"))
    assert len(files) == 11
    for path in files:
        # Their CRLF files lost their CR on the way here; what is compared is everything else.
        expected = json.loads((folder / "json" / f"{path.stem}.json").read_text("utf-8").replace("\\r\\n", "\\n"))
        assert [row.cells for row in read_rows(path, sniff(path))] == expected, path.name


async def test_naughty_strings_are_written_or_refused(tmp_path: Path) -> None:
    """The big list of naughty strings, as names, in NDJSON and in CSV: each is a record or a line of the report."""
    strings = json.loads(data("conformance/blns/blns.json").read_text("utf-8"))
    ndjson = tmp_path / "naughty.ndjson"
    ndjson.write_text(
        "".join(json.dumps({"id": n, "name": s, "type": "other", "website": s}) + "\n" for n, s in enumerate(strings))
    )
    mapping = plain_mapping("place", ["id", "name", "type"], "naughty")
    report = await import_file(MemoryDesk(), ndjson, mapping, lambda event: None)
    assert report["rows"] == len(strings)
    assert report["created"] + report["refused_count"] == len(strings)
    assert report["created"] > len(strings) * 0.9
    report = await import_file(MemoryDesk(), data("conformance/blns/blns.txt"), mapping, lambda event: None)
    assert report["rows"] == report["refused_count"]


async def test_naughty_strings_as_themes_references_and_sources(tmp_path: Path) -> None:
    """Where a string is looked up rather than kept, it does no more harm."""
    strings = json.loads(data("conformance/blns/blns.json").read_text("utf-8"))
    path = tmp_path / "naughty.ndjson"
    rows = [
        {
            "source": s,
            "id": s,
            "type": "action",
            "nom": s,
            "thematiques": [s],
            "organisateur": s,
            "lat": s,
            "lon": s,
            "debut": s,
        }
        for s in [*strings, "\ud800", "a:\ud800", 1.5, True, {"a": 1}, [1, [2]], None]
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = await run(path, EXAMPLES / "plaine-commune" / "mapping.toml")
    assert report["created"] + report["refused_count"] == report["rows"] == len(rows)


@pytest.mark.parametrize("name", ["LICENSE", "blns.json", "blns.base64.txt"])
async def test_a_file_that_is_no_table_is_a_report(name: str) -> None:
    """A licence, a list of strings: refused rows, no traceback."""
    report = await run(data(f"conformance/blns/{name}"), HERE / "mappings" / "festivals.toml")
    assert report["created"] == 0


async def test_noise_is_a_report(tmp_path: Path) -> None:
    """A photograph given by mistake."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(bytes(n * n * 31 % 251 for n in range(300_000)))
    report = await run(path, HERE / "mappings" / "festivals.toml")
    assert report["created"] == 0


GENERATED = '{{"id": "{n}", "name": "Association numéro {n}", "type": "association", "description": "{text}"}}\n'
CHILD = """
import asyncio, json, sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from convergences_node.imports.mapping import plain_mapping
from memory_desk import MemoryDesk, import_file

class Forgetful(MemoryDesk):
    async def append(self, records):
        self.appends = [len(records)]

mapping = plain_mapping("actor", ["id", "name", "type", "description"], "large")
report = asyncio.run(import_file(Forgetful(), Path(sys.argv[1]), mapping, lambda event: None))
del report["refused"], report["left_out"]
# Not getrusage: its peak is inherited from the process that forked this one.
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(json.dumps(report | {"kib": int(peak.split()[1])}))
"""


@pytest.mark.slow
def test_two_hundred_megabytes_need_no_more_memory_than_two(tmp_path: Path) -> None:
    """Good rows and bad ones, to the last; the process stays small."""
    path = tmp_path / "large.ndjson"
    text = "Un texte de quelques lignes. " * 90
    with path.open("w", encoding="utf-8") as file:
        for n in range(70_000):
            file.write(GENERATED.format(n=n, text=text) if n % 7 else f'{{"id": "{n}", "name": ""}}\n')
        file.write('{"id": "cut", "name": "Cou')
    size = path.stat().st_size
    assert size > 150_000_000
    paths = [str(HERE), *(p for p in sys.path if p)]
    result = subprocess.run(
        [sys.executable, "-c", CHILD, str(path), *paths], capture_output=True, text=True, check=True
    )
    report = json.loads(result.stdout)
    assert report["rows"] == 70_001
    assert report["created"] == 60_000
    assert report["refused_count"] == 10_001
    assert report["kib"] < 80 * 1024


async def test_a_million_faults_are_counted_and_a_thousand_listed(tmp_path: Path) -> None:
    """The report stays short enough for a person, whatever the file."""
    path = tmp_path / "bad.csv"
    path.write_text("id;name;type\n" + "1;;\n" * 5000)
    report = await import_file(
        MemoryDesk(), path, plain_mapping("place", ["id", "name", "type"], "bad"), lambda event: None
    )
    assert report["refused_count"] == 5000
    assert len(report["refused"]) == LISTED_MAX
