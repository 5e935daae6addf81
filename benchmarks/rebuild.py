# SPDX-License-Identifier: AGPL-3.0-or-later
"""A town of 100,000 records backed up, wiped and made again: time, processor and memory of each command.

The commands are those that an operator types, each in a process of its own, so that what it used is the kernel's word
(wait4(2)). Time and processor are held against hashing and verifying the same archive in the same run.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from convergences_node.config import load_config
from convergences_node.control import call
from convergences_node.founding import create_town

from .backlog import RECORDS, answers, wait_until, write_and_index
from .figures import Figure
from .world import AGGLOMERATION, TOWN, durable_size, found, free_port, running

MEMORY_MIB_MAX = 400
"""What a node may use at any time on a Pi of 1 GB."""
WAIT_S = 600


@dataclass(frozen=True)
class Used:
    """What one command cost, and what it answered."""

    seconds: float
    cpu: float
    peak_mib: float
    answer: Any


def measure(scratch: Path, records: int = RECORDS) -> Iterator[Figure]:
    """Backups, bundle and the ways of rebuilding. Yields as it goes."""
    town, agglomeration, stick = scratch / "town", scratch / "agglomeration", scratch / "stick"
    stick.mkdir(parents=True)
    sheet = _pair(town, agglomeration, scratch)
    (stick / "early").mkdir()
    (stick / "late").mkdir()
    typed("backup", str(stick / "early"), folder=town)
    write_and_index(town, 0, records)
    origin, size = _replicated(town, agglomeration)
    hashed, verified = _hashed(town / "archive.db"), typed("verify", str(town))

    backup = typed("backup", str(stick / "late"), folder=town)
    yield from _figures("backup", backup, hashed, "hashing archive.db")
    yield Figure("backup: size", backup.answer["bytes"], "bytes", (town / "archive.db").stat().st_size, "archive.db")
    bundle = typed("bundle", "write", str(stick / "logs"), folder=town)
    yield from _figures("bundle write", bundle, hashed, "hashing archive.db")
    again = typed("bundle", "write", str(stick / "logs"), folder=town)
    yield Figure("bundle write again: bytes", again.answer["bytes"], "bytes", bundle.answer["bytes"], "the first time",
                 "0", again.answer["bytes"] == 0)  # fmt: skip
    with running(agglomeration, town):
        wait_until(lambda: answers(town) and answers(agglomeration), "both nodes answer")
        left = typed("backup", "--vault", folder=town)
    yield from _figures("backup at the agglomeration", left, hashed, "hashing archive.db")
    yield Figure(
        "backup at the agglomeration: size", left.answer["bytes"], "bytes", backup.answer["bytes"], "a stick's"
    )
    kept = shutil.copytree(agglomeration, scratch / "kept", ignore=shutil.ignore_patterns("node.sock"))
    http = load_config(agglomeration).http
    ways = (
        ("rebuild, all from the backup", "--backup", str(stick / "late")),
        ("rebuild, all from the agglomeration", "--backup", str(stick / "early")),
        ("rebuild from the vault", "--at", f"http://{http.host}:{http.port}"),
    )
    for way, *given in ways:
        shutil.rmtree(agglomeration)
        shutil.copytree(kept, agglomeration)  # the one before has enrolled the town's new epoch already
        with running(agglomeration):
            shutil.rmtree(town)
            wait_until(lambda: answers(agglomeration), "the agglomeration answers")
            rebuilt = typed("rebuild", *given, "--sheet", str(sheet), "--wait", str(WAIT_S), folder=town)
        (log,) = [log for log in rebuilt.answer["logs"] if log["origin"] == origin]
        yield Figure(f"{way}: records of the old log", log["size"], "records", size, "before",
                     "all, and settled", log["size"] == size and rebuilt.answer["state"] == "settled")  # fmt: skip
        yield from _figures(way, rebuilt, verified, "convergences verify")


def _figures(name: str, used: Used, reference: Used, reference_name: str) -> Iterator[Figure]:
    yield Figure(f"{name}: time", used.seconds, "s", reference.seconds, reference_name)
    yield Figure(f"{name}: processor", used.cpu, "s", reference.cpu, reference_name)
    yield Figure(f"{name}: peak memory", used.peak_mib, "MiB", None, "", f"at most {MEMORY_MIB_MAX}",
                 used.peak_mib <= MEMORY_MIB_MAX)  # fmt: skip


def typed(*words: str, folder: Path | None = None) -> Used:
    """Type `convergences <words> --json` and take what it used."""
    command = [str(Path(sys.executable).with_name("convergences")), *words, "--json"]
    command += ["--folder", str(folder)] if folder else []
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    assert process.returncode == 0, f"{' '.join(words)}: {said.decode()[-2000:]}"
    return Used(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, json.loads(said))


def _pair(town: Path, agglomeration: Path, scratch: Path) -> Path:
    """A joined town and agglomeration; the town's sheet."""
    settings = {
        "http": {"port": free_port()},
        "p2p": {"listen": [f"/ip4/127.0.0.1/tcp/{free_port()}"]},
        "discovery": {"zeroconf": False},
        "logs": {"level": "warning"},
    }
    founded = asyncio.run(create_town(town, TOWN, "town", TOWN, settings=settings))
    asyncio.run(found(agglomeration, AGGLOMERATION, "agglomeration"))
    sheet = scratch / "sheet.txt"
    sheet.write_text("\n".join(founded.recovery_sheet), "utf-8")
    with running(agglomeration, town):
        wait_until(lambda: answers(town) and answers(agglomeration), "both nodes answer")
        invitation = call(agglomeration, "invite", {"territory": TOWN})
        call(town, "join", {"invitation": invitation["invitation"]})
    return sheet


def _replicated(town: Path, agglomeration: Path) -> tuple[str, int]:
    """The town's log, once the agglomeration has all of it."""
    with running(agglomeration, town):
        wait_until(lambda: answers(town) and answers(agglomeration), "both nodes answer")
        log = call(town, "status", {})["log"]
        wait_until(lambda: durable_size(agglomeration, TOWN) >= log["size"], "the town's log is kept", WAIT_S)
    return str(log["origin"]), int(log["size"])


def _hashed(path: Path) -> Used:
    began, cpu = time.perf_counter(), time.process_time()
    with path.open("rb") as file:
        digest = sha256()
        while piece := file.read(1 << 20):
            digest.update(piece)
    return Used(time.perf_counter() - began, time.process_time() - cpu, 0, digest.hexdigest())
