# SPDX-License-Identifier: AGPL-3.0-or-later
"""Search by HTTP beside Datasette: the same elements, the same questions, four connections, rounds in turn.

Datasette is not among our dependencies: it is installed in a folder of its own when a package index can be reached, and
when not the figures stand without it. It is given the settings of the peers' own scripts.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import aiohttp

from benchmarks.figures import Figure
from benchmarks.questions import questions
from benchmarks.world import free_port

CONNECTIONS = 4
ROUNDS = 2
INSTALL_SECONDS_MAX = 180
READY_SECONDS_MAX = 60
WANTED = {
    "territory + kind + dates, 20": 3.0,
    "theme + territory + dates, 20": 3.0,
    "box 0.2 deg + kind, 20": 3.0,
    "counts by kind, one territory": 3.0,
}
"""How many times Datasette's rate is wanted, where it is."""
LATE_MS_WANTED = 100.0
SETTINGS = ("sql_time_limit_ms 20000", "facet_time_limit_ms 20000", "num_sql_threads 3", "default_cache_ttl 0")


@dataclass
class Load:
    """What one server gave."""

    seconds: float = 0.0
    taken: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return len(self.taken) / self.seconds

    @property
    def late_ms(self) -> float:
        return sorted(self.taken)[min(len(self.taken) - 1, int(len(self.taken) * 0.99))] * 1e3


def install_datasette(folder: Path) -> Path | None:
    """Its command, installed in `folder`; None if that cannot be done here."""
    command = folder / "bin" / "datasette"
    if not command.exists():
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "datasette", "httpx"]
        try:
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=INSTALL_SECONDS_MAX)
            subprocess.run(pip, check=True, timeout=INSTALL_SECONDS_MAX, capture_output=True)
        except (subprocess.SubprocessError, OSError):
            return None
    return command


def compare(index: Path, reference: Path, count: int, seconds: float, datasette: Path | None) -> Iterator[Figure]:
    """Each question, of ours and of Datasette."""
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(_ours(index))
        theirs = stack.enter_context(_datasette(datasette, reference)) if datasette else None
        for name in questions(0):
            mine, other = Load(), Load()
            for _ in range(ROUNDS):
                asyncio.run(_load(partial(_our_address, ours, name), seconds / ROUNDS, mine))
                if theirs:
                    asyncio.run(_load(partial(_address, theirs, name), seconds / ROUNDS, other))
            yield from _figures(f"{name}, of {count:,}, by HTTP", mine, other if theirs else None, WANTED.get(name))


def _figures(name: str, mine: Load, other: Load | None, wanted: float | None) -> Iterator[Figure]:
    rate = other.rate if other else None
    reached = None if not (wanted and rate) else mine.rate >= wanted * rate
    yield Figure(
        name, mine.rate, "a second", rate, "Datasette" if other else "", f"{wanted:g}" if wanted else "", reached
    )
    late = mine.late_ms
    against = other.late_ms if other else None
    yield Figure(f"{name}: p99", late, "ms", against, "Datasette" if other else "", "< 100", late < LATE_MS_WANTED)


def _our_address(base: str, name: str, seed: int) -> str:
    question = questions(seed)[name]
    return f"{base}/api/v1/{'facets' if question.facets else 'search'}?{urlencode(question.query.to_params())}"


def _address(base: str, name: str, seed: int) -> str:
    question = questions(seed)[name]
    return f"{base}.json?{urlencode({'sql': question.sql, '_shape': 'array', **question.values})}"


async def _load(address: Callable[[int], str], seconds: float, load: Load) -> None:
    """Ask again and again over a few connections; an answer that is not 200 stops it all."""
    end = time.perf_counter() + seconds
    begun = time.perf_counter()
    asked = 0

    async def ask(session: aiohttp.ClientSession) -> None:
        nonlocal asked
        while time.perf_counter() < end:
            asked += 1
            url = address(asked * 97 + 5)
            start = time.perf_counter()
            async with session.get(url) as response:
                body = await response.read()
                if response.status != 200:
                    raise RuntimeError(f"{url} answered {response.status}: {body[:200]!r}")
            load.taken.append(time.perf_counter() - start)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:
        await asyncio.gather(*(ask(session) for _ in range(CONNECTIONS)))
    load.seconds += time.perf_counter() - begun


@contextlib.contextmanager
def _ours(index: Path) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.search_server", str(index), str(port)]
    with _serving(command, f"http://127.0.0.1:{port}", "/api/v1/search?limit=1") as base:
        yield base


@contextlib.contextmanager
def _datasette(command: Path, reference: Path) -> Iterator[str]:
    port = free_port()
    settings = [word for setting in SETTINGS for word in ("--setting", *setting.split())]
    arguments = ["serve", "-i", str(reference), "-p", str(port), "-h", "127.0.0.1", *settings]
    with _serving([str(command), *arguments], f"http://127.0.0.1:{port}", "/-/versions.json") as base:
        yield f"{base}/{reference.stem}"


@contextlib.contextmanager
def _serving(command: list[str], base: str, probe: str) -> Iterator[str]:
    """A server until the end of the block; it is waited for, and stopped by its own handle."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ.copy())
    try:
        end = time.monotonic() + READY_SECONDS_MAX
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(base + probe, timeout=5) as answer:
                json.load(answer)
                break
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{command[0]} did not begin to serve")
            time.sleep(0.05)
        yield base
    finally:
        process.terminate()
        process.wait(10)
