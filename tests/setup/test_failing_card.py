# SPDX-License-Identifier: AGPL-3.0-or-later
"""A card that returns errors: nothing is acknowledged that is not there, residents search, and nothing of it stays.

The node is a process of its own, whose reads, writes and syncs fail with EIO while the test says so (`failing_card.c`).
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from convergences_node.archive.verifying import verify_folder
from convergences_node.control import call
from convergences_node.founding import Settings, create_town
from convergences_protocol.errors import ConvergencesError

from tests.drills.power import compiler

from .processes import COMMAND, Process, until

SOURCE = Path(__file__).parents[1] / "awkward" / "failing_card.c"
ANSWER_S = 30.0
SETTINGS: Settings = {
    "p2p": {"enabled": False},
    "discovery": {"zeroconf": False},
    "http": {"port": 0},
    "limits": {"http_poll_s": 1},
}
CANNOT_FOLLOW = "the index could not follow the archive"
WRITES_FAIL = ("ws ", "s archive.db-wal", "w archive.db-wal", "ws head.guard")
"""All of the card; then one file of it, so that each place is reached: the guard is always written first."""


class OnAFailingCard(Process):
    """A node's process on such a card."""

    def __init__(self, folder: Path, library: Path) -> None:
        self.folder = folder
        self._fails = folder.with_name("fails")
        self._log = folder.with_name("failing.log")
        environment = {"LD_PRELOAD": str(library), "CARD_ROOT": str(folder), "CARD_FAILS": str(self._fails)}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*COMMAND, "serve", "--folder", str(folder)],
                stderr=log,
                env=os.environ | {"LC_ALL": "C.UTF-8"} | environment,
            )

    @contextmanager
    def failing(self, what: str) -> Iterator[None]:
        """The card fails so, for a while."""
        new = self._fails.with_name("next")
        new.write_text(what)
        new.rename(self._fails)
        try:
            yield
        finally:
            self._fails.unlink()

    def add(self, name: str) -> None:
        """A resident's save."""
        call(self.folder, "add", {"kind": "actor", "fields": {"name": name, "type": "association"}})

    def found(self) -> set[str]:
        """What a resident finds; nothing while the index is made again (503)."""
        try:
            return {each["name"] for each in self.get("api/v1/search?q=amicale&limit=100")["items"]}
        except urllib.error.HTTPError:
            return set()

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.address() + path, timeout=ANSWER_S) as answer:
            return json.loads(answer.read())


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    name = compiler()
    if name is None:
        pytest.skip("SKIPPED: a failing card needs a C compiler")
    path = tmp_path_factory.mktemp("card") / "failing_card.so"
    subprocess.run([name, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", str(path), str(SOURCE)], check=True)
    return path


def test_errors_lose_nothing_that_was_acknowledged(tmp_path: Path, library: Path) -> None:
    folder = tmp_path / "node"
    asyncio.run(create_town(folder, "FR-93066", "town", "Saint-Denis", facts=None, settings=SETTINGS))
    node = OnAFailingCard(folder, library)
    try:
        node.address()
        kept = _saves(node)
        until(lambda: node.found() == kept)
        _errors_of_the_index(node, kept)
        _errors_in_reading(node, kept)
    finally:
        node.kill()
    assert verify_folder(folder).sound
    again = Process(folder)
    try:
        again.address()
        status = call(folder, "status", {})
        assert (status["log"]["size"], status["doubts"]) == (1 + len(kept), [])
    finally:
        assert again.stop() == 0


def _saves(node: OnAFailingCard) -> set[str]:
    """Saves before, while and after each sort of failure; those that were acknowledged."""
    node.add("Amicale du début")
    kept = {"Amicale du début"}
    until(lambda: node.found() == kept)
    for what in WRITES_FAIL:
        with node.failing(what):
            for _ in range(2):
                with pytest.raises(ConvergencesError) as refused:
                    node.add("Amicale refusée")
                assert refused.value.fault is not None, refused.value
            assert node.found() == kept, "residents search"
        node.add(f"Amicale après {what}")
        kept.add(f"Amicale après {what}")
        until(lambda: node.found() == kept)
    return kept


def _errors_of_the_index(node: OnAFailingCard, kept: set[str]) -> None:
    """It is made again as soon as it can be; what asks for a figure of it meanwhile gets the last."""
    with node.failing("ws index.db"):
        node.add("Amicale pendant que la recherche échoue")
        until(lambda: node.log().count(CANNOT_FOLLOW) >= 2)  # when it was to write, and when it was to be made again
        assert call(node.folder, "status", {})["log"]["size"] == 2 + len(kept)
    node.add("Amicale d’après")
    kept |= {"Amicale pendant que la recherche échoue", "Amicale d’après"}
    _is_well(node, kept)


def _errors_in_reading(node: OnAFailingCard, kept: set[str]) -> None:
    with node.failing("r "):
        node.add("Amicale pendant que rien ne se lit")  # what it needs was read before
        with pytest.raises(urllib.error.HTTPError):
            node.get("healthz")
    node.add("Amicale de la fin")
    kept |= {"Amicale pendant que rien ne se lit", "Amicale de la fin"}
    _is_well(node, kept)


def _is_well(node: OnAFailingCard, kept: set[str]) -> None:
    until(lambda: node.found() == kept)
    assert call(node.folder, "status", {})["log"]["size"] == 1 + len(kept)
    assert node.get("healthz")["status"] == "well"
