# SPDX-License-Identifier: AGPL-3.0-or-later
"""Nodes to measure: made on disk through the node's own code, run as real processes on loopback, watched from outside.

What a node holds is read from its files by a connection of our own, read only, so that watching costs it nothing.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from convergences_node.archive.archive import Archive
from convergences_node.archive.model import NewRecord
from convergences_node.founding import create_town
from convergences_protocol.keys import SigningKey

TOWN, AGGLOMERATION = "FR-93066", "FR-200057867"
AUTHORS = 20
BODY_BYTES = 600
RECORDS_A_CALL = 1_000
READY_SECONDS_MAX = 60
WORDS = [
    "association",
    "jardin",
    "partage",
    "atelier",
    "vélo",
    "réparation",
    "alimentation",
    "solidarité",
    "concert",
    "quartier",
    "mairie",
    "énergie",
    "coopérative",
    "logement",
    "culture",
    "marché",
    "paysan",
    "bibliothèque",
    "jeunesse",
    "école",
    "sport",
    "danse",
    "théâtre",
    "cuisine",
    "repas",
    "compost",
    "arbre",
    "rivière",
    "pont",
    "place",
    "rue",
    "fabrique",
    "numérique",
    "libre",
    "radio",
    "journal",
    "fête",
    "rencontre",
    "débat",
    "habitants",
]


def free_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def found(folder: Path, territory: str, kind: str) -> None:
    """A node that speaks on loopback only and finds nobody by itself."""
    settings = {
        "http": {"port": free_port()},
        "p2p": {"listen": [f"/ip4/127.0.0.1/tcp/{free_port()}"]},
        "discovery": {"zeroconf": False},
        "logs": {"level": "warning"},
        "limits": {"requests_per_second": 0.0},
    }
    await create_town(folder, territory, kind, territory, settings=settings)


def made_up(number: int, dice: random.Random) -> NewRecord:
    """An event whose body is about 600 bytes, signed by one of twenty authors."""
    fields = {
        "name": " ".join(dice.choices(WORDS, k=6)),
        "type": "event",
        "start": f"2026-{dice.randrange(1, 13):02d}-{dice.randrange(1, 29):02d}T18:00:00+01:00",
        "location": [dice.randrange(470_000_000, 490_000_000), dice.randrange(-45_000_000, 25_000_000)],
        "summary": " ".join(dice.choices(WORDS, k=16)),
        "source": "benchmark",
        "source_id": str(number),
    }
    used = sum(len(str(value).encode()) + 12 for value in fields.values())
    fields["description"] = ("".join(f"{word} " for word in dice.choices(WORDS, k=90)).encode())[
        : max(1, BODY_BYTES - used - 20)
    ].decode(errors="ignore")
    return NewRecord("action", fields, author=_AUTHORS[number % AUTHORS])


_AUTHORS = [SigningKey.from_seed(sha256(b"benchmark author %d" % number).digest()) for number in range(AUTHORS)]


async def write_records(folder: Path, first: int, count: int) -> None:
    """Append made-up records to a node's own log, while it does not run."""
    dice = random.Random(first)
    async with await Archive.open(folder) as archive:
        for start in range(first, first + count, RECORDS_A_CALL):
            stop = min(start + RECORDS_A_CALL, first + count)
            await archive.append([made_up(number, dice) for number in range(start, stop)])


def headers_and_bodies(folder: Path, limit: int) -> tuple[list[bytes], list[bytes]]:
    """The logged bytes of a node's first records."""
    with contextlib.closing(_open(folder / "archive.db")) as db:
        rows = db.execute("SELECT header, body FROM entries JOIN bodies USING (place) LIMIT ?", (limit,)).fetchall()
    return [header for header, _ in rows], [body for _, body in rows]


class Running:
    """A node's process. Stopped by its process id."""

    def __init__(self, folder: Path, within: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> None:
        """`within` is what its command is put behind, which must replace itself by it; `environment` is added."""
        self.folder = folder
        command = [*within, str(Path(sys.executable).with_name("convergences")), "serve", "--folder", str(folder)]
        self.started_at = time.perf_counter()
        self.log = (folder / "bench.log").open("ab")
        self.process = subprocess.Popen(
            command, stdout=self.log, stderr=self.log, start_new_session=True, env={**os.environ, **(environment or {})}
        )

    def stop(self) -> None:
        """Ask it to stop, and wait until it has."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=20)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def resident_mib(self, field: str = "VmRSS") -> float:
        """Resident memory now, or at its peak (`VmHWM`)."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
        raise RuntimeError(f"no {field} for process {self.process.pid}")

    def cpu_seconds(self) -> float:
        """Processor time used since it started, by all its threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def running(
    *folders: Path, within: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> Iterator[list[Running]]:
    """The nodes of these folders, until the block ends."""
    nodes: list[Running] = []
    try:
        for folder in folders:
            nodes.append(Running(folder, within, environment))
        yield nodes
    finally:
        for node in nodes:
            node.stop()


DURABLE = "archive.db", "SELECT max(size) FROM logs WHERE territory = ?"
SEARCHABLE = "index.db", "SELECT max(applied) FROM logs WHERE territory = ?"


def durable_size(folder: Path, territory: str) -> int:
    """Records of that territory's log which this node's archive has committed."""
    with contextlib.closing(Watched(folder, territory, DURABLE)) as watched:
        return watched.size()


def searchable_size(folder: Path, territory: str) -> int:
    """Records of that territory's log which this node's index has taken in."""
    with contextlib.closing(Watched(folder, territory, SEARCHABLE)) as watched:
        return watched.size()


class Watched:
    """One size of a node's, asked again and again: to open a database takes ten times as long as to ask it, on the
    processors whose time is measured."""

    def __init__(self, folder: Path, territory: str, what: tuple[str, str]) -> None:
        name, self._sql = what
        self._path, self._territory = folder / name, territory
        self._db: sqlite3.Connection | None = None

    def size(self) -> int:
        """The size now; 0 as long as there is no file."""
        try:
            self._db = self._db or _open(self._path)
            return int(self._db.execute(self._sql, (self._territory,)).fetchone()[0] or 0)
        except sqlite3.OperationalError:  # not there yet
            self.close()
            return 0

    def close(self) -> None:
        """Let go of the file."""
        if self._db is not None:
            self._db.close()
            self._db = None


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)
