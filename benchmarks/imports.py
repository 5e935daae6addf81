# SPDX-License-Identifier: AGPL-3.0-or-later
"""A table of 100,000 rows is imported: rows a second beside the plain append of as many records in the same run, the
importing process's memory, and what it costs to run a declared source again that has not changed.

Each measurement is a process of its own (`python -m benchmarks.imports …`), which tells its figures as JSON; append and
import take turns, so that a noisy moment meets both.
"""

from __future__ import annotations

import asyncio
import csv
import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from convergences_node.archive.archive import Archive
from convergences_node.imports.importer import Import
from convergences_node.imports.mapping import parse_mapping
from convergences_node.imports.verb import TownDesk
from convergences_node.town import Town
from convergences_node.verbs import perform

from .figures import Figure
from .world import TOWN, found, made_up, write_records

ROWS = 100_000
ROUNDS = 2
SECONDS_MAX = 600
COLUMNS = ("source_id", "name", "start", "lat", "lon", "summary", "description")
MAPPING = """
[source]
name = "benchmark"
id = "source_id"

[[element]]
kind = "action"
[element.fields]
name = "name"
type = { value = "event" }
start = "start"
location = { columns = ["lat", "lon"] }
summary = "summary"
description = "description"
"""


def measure(scratch: Path, rows: int = ROWS, rounds: int = ROUNDS) -> Iterator[Figure]:
    """All figures of an import. Yields as it goes."""
    scratch.mkdir(parents=True, exist_ok=True)
    table = scratch / "table.csv"
    write_table(table, rows)
    appended, imported = [], []
    for number in range(rounds):
        appended.append(_child("append", _town(scratch / f"append{number}"), table, rows))
        imported.append(_child("import", _town(scratch / f"import{number}"), table, rows))
    plain, best = max(one["rate"] for one in appended), max(one["rate"] for one in imported)
    yield Figure(f"import of {rows:,} rows of CSV", best, "rows/s", plain, "plain append of as many records",
                 "at least half", best >= plain / 2)  # fmt: skip
    needed, plainly = min(one["cpu_us"] for one in imported), min(one["cpu_us"] for one in appended)
    yield Figure("processor time of one imported row", needed, "us", plainly, "of one appended record",
                 "at most twice", needed <= 2 * plainly)  # fmt: skip
    peak, early = max(one["peak_mib"] for one in imported), max(one["early_mib"] for one in imported)
    yield Figure("importing process's peak memory, whole table", peak, "MiB", early, "at its first tenth",
                 "flat: at most 1.15", peak <= 1.15 * early)  # fmt: skip
    again = _child("again", _town(scratch / "again"), table, rows)
    yield Figure("the same file imported again by hand: seconds", again["again_s"], "s", again["first_s"],
                 "the first import", "at least 10 times faster", again["again_s"] * 10 <= again["first_s"])  # fmt: skip
    yield Figure("the same file again after its last row was edited here: seconds", again["edited_s"], "s",
                 again["first_s"], "the first import", "at least 10 times faster",
                 again["edited_s"] * 10 <= again["first_s"])  # fmt: skip
    yield Figure("the importing process's peak memory, the same file again", again["peak_mib"], "MiB",
                 again["first_mib"], "after the first import", "flat: at most 1.15",
                 again["peak_mib"] <= 1.15 * again["first_mib"])  # fmt: skip
    source = _child("source", _town(scratch / "source"), table, rows)
    yield Figure("a declared source, run and indexed meanwhile", source["rate"], "rows/s", plain,
                 "plain append of as many records")  # fmt: skip
    yield Figure("the same source again: seconds", source["again_s"], "s", source["first_s"], "the first run",
                 "at least 10 times faster", source["again_s"] * 10 <= source["first_s"])  # fmt: skip
    yield Figure("the same source again: records written", source["again_records"], "records", None, "",
                 "none", source["again_records"] == 0)  # fmt: skip


def write_table(path: Path, rows: int) -> None:
    """As CSV, the very records that `append` makes, as a spreadsheet would write them."""
    dice = random.Random(0)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(COLUMNS)
        for number in range(rows):
            fields = made_up(number, dice).fields
            assert fields is not None
            lat, lon = (degrees / 1e7 for degrees in fields["location"])
            cells = {**fields, "lat": lat, "lon": lon}
            writer.writerow([cells[name] for name in COLUMNS])


def _town(folder: Path) -> Path:
    if folder.exists():
        shutil.rmtree(folder)
    asyncio.run(found(folder, TOWN, "town"))
    return folder


def _child(what: str, folder: Path, table: Path, rows: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.imports", what, str(folder), str(table), str(rows)]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=SECONDS_MAX).stdout
    figures: dict[str, Any] = json.loads(told)
    return figures


# --------------------------------------------------------------------------------------------- in the child
async def _append(folder: Path, table: Path, rows: int) -> dict[str, Any]:
    started, used = time.perf_counter(), time.process_time()
    await write_records(folder, 0, rows)
    return {"rate": rows / (time.perf_counter() - started), "cpu_us": (time.process_time() - used) / rows * 1e6}


async def _import(folder: Path, table: Path, rows: int) -> dict[str, Any]:
    early = 0.0

    def tell(event: dict[str, Any]) -> None:
        nonlocal early
        if not early and event["what"] == "import" and event["done"] >= rows // 10:
            early = _peak_mib()

    async with await Archive.open(folder) as archive:
        started, used = time.perf_counter(), time.process_time()
        desk = TownDesk(archive, TOWN, {})
        with Import(desk, [table], parse_mapping(MAPPING.encode()), tell) as run:
            await run.write()
            report = run.told()
        seconds, used = time.perf_counter() - started, time.process_time() - used
    assert report["created"] == rows, report["refused"][:3]
    return {"rate": rows / seconds, "cpu_us": used / rows * 1e6, "early_mib": early, "peak_mib": _peak_mib()}


async def _again(folder: Path, table: Path, rows: int) -> dict[str, Any]:
    mapping = table.with_suffix(".toml")
    mapping.write_text(MAPPING)
    asked = {"path": str(table), "mapping": str(mapping)}
    seconds, written, first_mib = [], [], 0.0
    last_id = await asyncio.to_thread(lambda: table.read_text().splitlines()[-1].partition(";")[0])
    async with Town.open(folder) as town:
        for number in range(3):
            if number == 2:
                await _edit(town, last_id)
            started = time.perf_counter()
            report = await perform(town, "import", asked, lambda event: None)
            seconds.append(time.perf_counter() - started)
            written.append(report["created"] + report["changed"])
            first_mib = first_mib or _peak_mib()
    assert written == [rows, 0, 0], written
    return {
        "first_s": seconds[0],
        "again_s": seconds[1],
        "edited_s": seconds[2],
        "first_mib": first_mib,
        "peak_mib": _peak_mib(),
    }


async def _edit(town: Town, source_id: str) -> None:
    """Somebody writes about the element that a row became, and something else."""
    found = await town.archive.read(lambda reader: reader.source("benchmark", source_id))
    assert found is not None, "it was imported"
    fields = {"name": "Edited here", "type": "event", "start": "2026-05-01"}
    await perform(town, "add", {"kind": "action", "element": str(found[0]), "fields": fields}, lambda event: None)
    await perform(town, "add", {"kind": "theme", "fields": {"name": "benchmark"}}, lambda event: None)


async def _source(folder: Path, table: Path, rows: int) -> dict[str, Any]:
    text = f'[where]\nfile = "{table}"\n{MAPPING}'
    async with Town.open(folder) as town:
        await perform(town, "source_add", {"name": "benchmark", "text": text}, lambda event: None)
        seconds, sizes = [], []
        for _ in range(2):
            started = time.perf_counter()
            await perform(town, "source_run", {"name": "benchmark"}, lambda event: None)
            seconds.append(time.perf_counter() - started)
            sizes.append(await town.archive.read(lambda reader: reader.own_log().size))
    return {
        "rate": rows / seconds[0],
        "first_s": seconds[0],
        "again_s": seconds[1],
        "again_records": sizes[1] - sizes[0],
    }


def _peak_mib() -> float:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


if __name__ == "__main__":
    work = {"append": _append, "import": _import, "again": _again, "source": _source}[sys.argv[1]]
    print(json.dumps(asyncio.run(work(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])))))
