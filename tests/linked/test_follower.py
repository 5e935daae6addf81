# SPDX-License-Identifier: AGPL-3.0-or-later
"""A node that answers SPARQL keeps what is asked up to date by itself, and one that does not pays nothing for it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import msgspec
import pyoxigraph
import pytest
from convergences_node.config import parse_config
from convergences_node.founding import create_town
from convergences_node.linked import follower, following, layout
from convergences_node.linked.follower import base_of
from convergences_node.linked.settings import is_on
from convergences_node.town import Town
from convergences_node.verbs import perform

from tests.web.small_town import SmallTown

from .conftest import BASE

SETTINGS = {"linked": {"sparql": "on"}, "http": {"public_url": "https://x.example"}}
LABEL = "http://virtual-assembly.org/ontologies/pair#label"


def labels(town: Town) -> list[str] | None:
    """The names that may be asked now; None if nothing is answered."""
    current = layout.current(town.folder / layout.FOLDER)
    if current is None:
        return None
    try:
        store = pyoxigraph.Store.read_only(str(town.folder / layout.FOLDER / current.name))
    except RuntimeError:
        return None  # the whole store has made way for another since
    found = store.query(f"SELECT ?l {{ ?s <{LABEL}> ?l }} ORDER BY ?l", use_default_graph_as_union=True)
    return [row[0].value for row in found]  # type: ignore[union-attr]


async def until(town: Town, wanted: list[str] | None) -> None:
    async with asyncio.timeout(60):
        while labels(town) != wanted:  # noqa: ASYNC110 - it is another process that is waited for
            await asyncio.sleep(0.1)


async def add(town: Town, name: str) -> str:
    placed: dict[str, Any] = await perform(town, "add", {"kind": "theme", "fields": {"name": name}}, lambda _: None)
    return str(placed["element"])


async def test_what_is_written_and_erased_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "REST_SECONDS", 0.2)
    monkeypatch.setattr(follower, "LOOK_SECONDS", 0.1)
    await create_town(tmp_path / "node", "FR-93066", "town", "Saint-Denis", settings=SETTINGS)
    async with Town.open(tmp_path / "node") as town:
        town.linked.start()
        assert labels(town) is None
        await until(town, [])
        forgotten = await add(town, "Oublier")
        await until(town, ["Oublier"])
        await add(town, "Garder")
        await until(town, ["Garder", "Oublier"])
        await perform(town, "erase", {"element": forgotten, "reason": "asked for"}, lambda _: None)
        assert labels(town) in (None, ["Garder"])
        await until(town, ["Garder"])
        told: list[dict[str, Any]] = []
        answer = await perform(town, "reindex", {"linked": True}, told.append)
        assert answer["entries"] == 1
        assert told[-1] == {"what": "reindex", "done": 1, "total": 1}
        assert labels(town) == ["Garder"]
        await town.linked.stop()


def test_an_agglomeration_answers_and_a_town_does_not_unless_it_is_told() -> None:
    def config(kind: str, said: str) -> Any:
        text = f'[node]\nname = "x"\nterritory = "FR-93066"\nkind = "{kind}"\n[linked]\nsparql = "{said}"\n'
        return parse_config(text.encode())

    assert [is_on(config("town", said)) for said in ("auto", "on", "off")] == [False, True, False]
    assert [is_on(config("agglomeration", said)) for said in ("auto", "on", "off")] == [True, True, False]
    assert base_of(config("town", "on")) == "http://localhost:8750"


def test_a_node_does_not_import_what_it_is_asked_with() -> None:
    """Neither the store nor the tables of researchers are in the memory of a node that serves its pages."""
    program = (
        "import sys, convergences_node.serve, convergences_node.web.app;"
        "print([name for name in ('pyoxigraph', 'duckdb', 'rdflib', 'matplotlib') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


async def test_one_that_a_killed_node_left_at_its_work_is_waited_for(town: SmallTown, tmp_path: Path) -> None:
    """The store has one writer; the next finds what that one has written."""
    told = following.Told(base=BASE, zone="Europe/Paris", now=town.now())
    following.follow(tmp_path / "node", told)
    await town.add("theme", "Jardins")
    await town.index.catch_up()
    with ThreadPoolExecutor() as threads:
        next_one: list[Future[int]] = []

        def tell(done: int, total: int) -> None:
            if not next_one:
                next_one.append(threads.submit(following.follow, tmp_path / "node", told))
                wait(next_one, timeout=1.0)  # it would have failed by then, for want of the store

        assert following.follow(tmp_path / "node", told, tell) == 1
        assert next_one[0].result() == 0


ENDING = """
import fcntl, os, sys
from convergences_node.linked import following

def end(code, really=os._exit):
    try:
        fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.write(2, b"locked")
    really(code)

os._exit = end
following.main()
"""


async def test_one_whose_node_is_gone_lets_go_of_nothing_before_it_ends(town: SmallTown, tmp_path: Path) -> None:
    """The folder and the store at once: the next one, which waits for the folder, would find the store locked."""
    await town.index.catch_up()
    told = following.Told(base=BASE, zone="Europe/Paris", now=town.now())
    nobody, pipe = os.pipe()
    os.close(nobody)
    try:
        ended = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", ENDING, str(tmp_path / "node")],
            input=msgspec.json.encode(told) + b"\n",
            stdout=pipe,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(pipe)
    assert (ended.returncode, ended.stderr) == (1, b"locked")
