# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a node holds in memory while it does each of its heavy duties, in a group of 400 MiB that it cannot leave.

A town takes in a table of 100,000 rows, is asked by a crowd, is reindexed and backed up; its agglomeration takes its
backlog in, makes its triple store, writes a bundle, and is asked by a crowd. One process does one duty after the other,
as a node that runs for years does. What counts is all that the node's processes hold together (`cage.py`).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from convergences_node.config import load_config
from convergences_node.control import call

from . import flood, imports
from .backlog import RECORDS, answers, joined_pair, wait_until
from .cage import Cage, NoCage, Watch, cage, watched
from .figures import Figure
from .world import TOWN, durable_size, running, searchable_size

LIMIT_MIB = 400
"""At any time (issue 5)."""
REST_MIB = 140
"""At rest, with the records."""
SETTLE_SECONDS = 20
FLOOD_SECONDS = 20
DUTY_SECONDS_MAX = 900

Duty = tuple[str, Callable[[], object]]


def measure(scratch: Path, records: int = RECORDS) -> Iterator[Figure]:
    """The peak of each duty beside the limit. Yields as it goes."""
    town, agglomeration = joined_pair(scratch)
    table, mapping = scratch / "table.csv", scratch / "mapping.toml"
    imports.write_table(table, records)
    mapping.write_text(imports.MAPPING, "utf-8")
    given, stick = {"path": str(table), "mapping": str(mapping)}, scratch / "stick"
    stick.mkdir()
    try:
        yield from _duties(
            town,
            "town",
            [
                (f"import of {records:,} rows", lambda: call(town, "import", given)),
                ("the index catches up", lambda: _indexed(town, TOWN, records)),
                ("crowd", lambda: _crowd(town)),
                ("reindex", lambda: call(town, "reindex")),
                ("backup", lambda: call(town, "backup", {"target": str(stick)})),
            ],
        )
        with running(town):
            yield from _duties(
                agglomeration,
                "agglomeration",
                [
                    (f"backlog of {records:,} records from a peer", lambda: _indexed(agglomeration, TOWN, records)),
                    ("triple store made anew", lambda: call(agglomeration, "reindex", {"linked": True})),
                    ("crowd", lambda: _crowd(agglomeration)),
                    ("reindex", lambda: call(agglomeration, "reindex")),
                    ("export", lambda: call(agglomeration, "export", {"to": str(scratch / "tables")})),
                    ("bundle write", lambda: call(agglomeration, "bundle_write", {"path": str(stick / "logs")})),
                    (
                        "backup of all logs",
                        lambda: call(agglomeration, "backup", {"target": str(stick), "archive": "all"}),
                    ),
                ],
            )
    except NoCage as error:
        raise RuntimeError(f"nothing was measured: {error}") from error


def _duties(folder: Path, who: str, duties: list[Duty]) -> Iterator[Figure]:
    """Each duty in turn in one process, then a new one at rest."""
    with cage(LIMIT_MIB) as group:
        with running(folder, within=group.command), watched(group) as watch:
            wait_until(lambda: answers(folder), "the node answers")
            for name, duty in duties:
                yield from _peak(f"{who}: {name}", watch, duty)
        yield Figure(f"{who}: processes ended for want of memory", group.killed(), "processes", None, "", "none",
                     group.killed() == 0)  # fmt: skip
        yield from _rest(folder, who, group)


def _peak(name: str, watch: Watch, duty: Callable[[], object]) -> Iterator[Figure]:
    watch.begin()
    duty()
    peak, much = watch.peak.resident_mib, watch.peak.anonymous_mib
    yield Figure(name, peak, "MiB", LIMIT_MIB, "the limit that it runs in", f"under {LIMIT_MIB}", peak < LIMIT_MIB)
    yield Figure(f"{name}: of it anonymous", much, "MiB", peak, "resident")


def _rest(folder: Path, who: str, group: Cage) -> Iterator[Figure]:
    with running(folder, within=group.command):
        wait_until(lambda: answers(folder), "the node answers")
        time.sleep(SETTLE_SECONDS)
        held = group.held().resident_mib
    yield Figure(f"{who}: at rest with the records", held, "MiB", None, "", f"under {REST_MIB}", held < REST_MIB)


def _indexed(folder: Path, territory: str, records: int) -> None:
    """Wait until all these records of a territory are searchable there."""
    wait_until(lambda: durable_size(folder, territory) > records, "the records are kept", DUTY_SECONDS_MAX)
    whole = durable_size(folder, territory)
    wait_until(lambda: searchable_size(folder, territory) >= whole, "they are searchable", DUTY_SECONDS_MAX)


def _crowd(folder: Path) -> None:
    """A crowd comes and goes; the node answers it, and others after it."""
    found = call(folder, "search", {"query": {"limit": "50"}})["items"]
    answered = flood.crowd(load_config(folder).http.port, flood.paths([each["id"] for each in found]), FLOOD_SECONDS)
    print(f"    the crowd was answered: {dict(answered)}", file=sys.stderr)
    if not answered["200"]:
        raise RuntimeError(f"nobody in the crowd was answered: {answered}")
    call(folder, "search", {"query": {"q": "jardin"}})
