# SPDX-License-Identifier: AGPL-3.0-or-later
"""Any archive, as the tests of its promises get it: SQLite's and the one in memory.

Each file `test_promises_….py` has one class of tests, and runs it on both. Another implementation is one more class
here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from convergences_node.archive.guard import Guard
from convergences_node.archive.model import Event, Placed
from convergences_node.archive.revealed import Revealed
from convergences_node.archive.writer import ArchiveWriter

from . import interface
from .making import Town
from .memory import MemoryArchive


def placed(answer: object) -> list[Placed]:
    assert isinstance(answer, list), answer
    return answer


class Promised:
    """What the tests of one archive need, whatever keeps it. A subclass gives the fixture `archive`."""

    @pytest.fixture
    def events(self) -> list[Event]:
        return []

    @pytest.fixture
    def town(self) -> Town:
        return Town()

    @pytest.fixture
    def own(self, archive: interface.Writing, town: Town) -> interface.Writing:
        """An archive with a log of its own."""
        archive.begin_log(town.identity, town.opening(), town.key)
        return archive


class InMemory(Promised):
    @pytest.fixture
    def archive(self, events: list[Event]) -> interface.Writing:
        return MemoryArchive(events.append)


class OnDisk(Promised):
    @pytest.fixture
    def archive(self, events: list[Event], tmp_path: Path) -> Iterator[interface.Writing]:
        writer = ArchiveWriter(tmp_path, Guard(tmp_path, None), Revealed(), tell=events.append)
        yield writer
        writer.close()
