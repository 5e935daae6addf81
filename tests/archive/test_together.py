# SPDX-License-Identifier: AGPL-3.0-or-later
"""A resident's save that comes while a backlog is stored is stored with it: one transaction, one wait for the card."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from convergences_node.archive.guard import Guard
from convergences_node.archive.model import ArchiveFull, Conflict, Event, HeadCame, LogGrew
from convergences_node.archive.revealed import Revealed
from convergences_node.archive.writer import ArchiveWriter

from .making import RemoteLog, Town


@pytest.fixture
def own() -> Town:
    return Town(epoch=2)


@pytest.fixture
def remote() -> RemoteLog:
    town = Town("FR-93059")
    return RemoteLog(town, town.actors("a", "b", "c"))


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def writer(tmp_path: Path, own: Town, remote: RemoteLog, events: list[Event]) -> Iterator[ArchiveWriter]:
    writer = ArchiveWriter(tmp_path, Guard(tmp_path, None), Revealed(), tell=events.append)
    writer.begin_log(own.identity, own.opening(), own.key)
    writer.keep_log(remote.town.identity)
    events.clear()
    yield writer
    writer.close()


def sizes(writer: ArchiveWriter) -> list[int]:
    return [state.size for state in writer.reader.logs()]


def test_both_are_durable_after_one_commit(
    writer: ArchiveWriter, own: Town, remote: RemoteLog, events: list[Event]
) -> None:
    """And whoever listens hears of both, in the order in which they were written."""
    said: list[str] = []
    writer.db.set_trace_callback(said.append)
    kept, (placed,) = writer.keep_and_append(
        iter([remote.batch(0, 2), remote.batch(2)]), lambda: False, lambda: [own.actors("x")]
    )
    assert kept == [2, 4] and isinstance(placed, list) and placed[0].index == 1
    assert said.count("COMMIT") == 1 and sizes(writer) == [2, 4]
    heard = [(event.origin, event.own) for event in events if isinstance(event, LogGrew | HeadCame)]
    others, ours = (remote.town.origin, False), (own.origin, True)
    assert heard == [others, others, others, ours, ours]


def test_nothing_to_append_shows_no_head(writer: ArchiveWriter, remote: RemoteLog, events: list[Event]) -> None:
    assert writer.keep_and_append([remote.batch(0)], lambda: False, list) == ([4], [])
    assert not [event for event in events if isinstance(event, HeadCame) and event.own]


def test_a_save_that_is_refused_keeps_no_batch_out(writer: ArchiveWriter, own: Town, remote: RemoteLog) -> None:
    """Nor a batch that is refused a save."""
    (first,) = own.actors("x")
    writer.append([[first]])
    writer.append([[own.edit(first, "y")]])
    kept, (answer,) = writer.keep_and_append([remote.batch(0)], lambda: False, lambda: [[own.edit(first, "z")]])
    assert kept == [4] and isinstance(answer, Conflict)
    kept, (answer,) = writer.keep_and_append([remote.batch(0)], lambda: False, lambda: [own.actors("w")])
    assert isinstance(kept[0], Exception) and isinstance(answer, list)
    assert sizes(writer) == [4, 4]


def test_where_there_is_no_room_neither_is_written(
    writer: ArchiveWriter, own: Town, remote: RemoteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it or nothing; and both can be once there is room again."""

    def full(note: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(ArchiveFull):
        patch.setattr(writer.guard, "prepare", full)
        writer.keep_and_append([remote.batch(0)], lambda: False, lambda: [own.actors("x")])
    assert sizes(writer) == [1, 0]
    kept, (placed,) = writer.keep_and_append([remote.batch(0)], lambda: False, lambda: [own.actors("x")])
    assert kept == [4] and isinstance(placed, list)
