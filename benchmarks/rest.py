# SPDX-License-Identifier: AGPL-3.0-or-later
"""A node that nobody asks anything: how soon it is ready with its records, its memory, its processor time, its bytes;
and its memory once it has imported a large table in one go.

A bare Python process that has imported what every node needs (aiohttp, libp2p) is the reference of its memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from convergences_node.config import load_config
from convergences_node.control import call
from convergences_node.index.index import QUIET_SECONDS

from .backlog import connected, received_bytes, wait_until
from .figures import Figure
from .imports import MAPPING, write_table
from .world import TOWN, durable_size, found, running, searchable_size

REST_SECONDS = 60
SETTLE_SECONDS = 15
MIB = 1024


def measure(town: Path, agglomeration: Path, seconds: int = REST_SECONDS) -> Iterator[Figure]:
    """`town` and `agglomeration` have joined and hold the backlog of `backlog.py`."""
    records = durable_size(agglomeration, TOWN)
    with running(agglomeration) as (holder,):
        wait_until(lambda: _healthy(agglomeration), "the agglomeration is ready")
        ready = time.perf_counter() - holder.started_at
        with running(town):
            wait_until(lambda: connected(agglomeration), "the town is connected")
            time.sleep(SETTLE_SECONDS)
            before, cpu = received_bytes(agglomeration), holder.cpu_seconds()
            time.sleep(seconds)
            heard, used = received_bytes(agglomeration) - before, holder.cpu_seconds() - cpu
            resident = holder.resident_mib()
    bare = _bare_process_mib()
    yield Figure(f"ready with {records:,} records", ready, "s", None, "", "3", ready <= 3)
    yield Figure(
        "resident at rest", resident, "MiB", bare, "Python with aiohttp and libp2p", "under 140", resident < 140
    )
    yield Figure("processor at rest", 100 * used / seconds, "%", None, "", "under 0.5", used / seconds < 0.005)
    minute = heard * 60 / seconds
    yield Figure("frames heard at rest, a minute a peer", minute, "bytes", 1024, "1 KiB", "at most 1", minute <= 1024)


def measure_imported(scratch: Path, rows: int) -> Iterator[Figure]:
    """A town that imports a table of `rows` in one go, and then rests without being started again."""
    scratch.mkdir(parents=True)
    folder, table, mapping = scratch / "town", scratch / "table.csv", scratch / "mapping.toml"
    write_table(table, rows)
    mapping.write_text(MAPPING)
    asyncio.run(found(folder, TOWN, "town"))
    with running(folder) as (town,):
        wait_until(lambda: _healthy(folder), "the town is ready")
        time.sleep(SETTLE_SECONDS)
        before = town.resident_mib()
        call(folder, "import", {"path": str(table), "mapping": str(mapping)})
        wait_until(lambda: searchable_size(folder, TOWN) > rows, "all of it is indexed")
        time.sleep(QUIET_SECONDS + SETTLE_SECONDS)
        resident, most = town.resident_mib(), town.resident_mib("VmHWM")
    name = f"resident at rest after an import of {rows:,} rows"
    yield Figure(name, resident, "MiB", before, "the town before", "under 140", resident < 140)
    yield Figure("most that it held meanwhile", most, "MiB", before, "the town before", "under 400", most < 400)


def _healthy(folder: Path) -> bool:
    http = load_config(folder).http
    address = f"http://{http.host}:{http.port}/healthz"
    with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(address, timeout=2) as answer:
        return bool(answer.status == 200)
    return False


def _bare_process_mib() -> float:
    code = "import aiohttp, libp2p, libp2p.pubsub.gossipsub; print(open('/proc/self/status').read())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / MIB
