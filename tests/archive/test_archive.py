# SPDX-License-Identifier: AGPL-3.0-or-later
"""The archive as the node uses it: awaited, from many tasks, with one writer and several readers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from convergences_node.archive.archive import Archive
from convergences_node.archive.model import (
    Closed,
    Conflict,
    ErasuresCame,
    Event,
    HeadCame,
    LogGrew,
    NewRecord,
    Placed,
    Signed,
)
from convergences_node.archive.options import Options
from convergences_protocol import checkpoint
from convergences_protocol.element import ElementId
from convergences_protocol.erasure import GRACE_SECONDS, Erasure
from convergences_protocol.errors import LocalError, Refused
from convergences_protocol.tiles import Slot

from .making import NOW, RemoteLog, Town, key_of

OPTIONS = Options(clock=lambda: NOW, machine=lambda: "board 1")


def actor(name: str, element: ElementId | None = None, previous: bytes | None = None) -> NewRecord:
    return NewRecord("actor", {"name": name, "type": "association"}, element, previous)


async def create(folder: Path, options: Options = OPTIONS) -> Archive:
    key, recovery = key_of("FR-93066"), key_of("FR-93066 recovery")
    return await Archive.create(folder, "FR-93066", key, recovery.public, name="Saint-Denis", options=options)


async def queued(archive: Archive, count: int) -> None:
    """Wait until so many appends wait for the writer."""
    async with asyncio.timeout(10):
        while len(archive._turns._appends) < count:  # noqa: ASYNC110 -- the queue tells nobody when it grows
            await asyncio.sleep(0)


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    async with await create(tmp_path) as opened:
        yield opened


async def test_what_was_appended_is_there_after_a_restart(tmp_path: Path) -> None:
    async with await create(tmp_path) as archive:
        (placed,) = await archive.append([actor("Amicale")])
    async with await Archive.open(tmp_path, options=OPTIONS) as archive:
        assert archive.findings == []
        assert archive.territory == "FR-93066"
        entry = await archive.read(lambda reader: reader.entry(placed.origin, placed.index))
        assert entry is not None and entry.digest == placed.header_digest and entry.body is not None


async def test_an_edit_names_what_its_author_read(archive: Archive) -> None:
    (first,) = await archive.append([actor("Amicale")])
    (second,) = await archive.append([actor("Amicale laïque", first.element, first.header_digest)])
    with pytest.raises(Conflict) as refused:
        await archive.append([actor("L'Amicale", first.element, first.header_digest)])
    assert (refused.value.current, refused.value.given) == (second.header_digest.hex(), first.header_digest.hex())


async def test_a_record_with_faults_is_refused_with_all_of_them(archive: Archive) -> None:
    with pytest.raises(Refused) as refused:
        await archive.append([NewRecord("actor", {"type": "no such type", "website": "no address"})])
    assert len(refused.value.faults) >= 3
    state = await archive.read(lambda reader: reader.own_log())
    assert state.size == 1


async def test_another_territorys_element_is_not_ours_to_write_about(archive: Archive) -> None:
    element = ElementId.new("FR-93059", NOW * 1000, bytes(10))
    with pytest.raises(LocalError, match="another territory"):
        await archive.append([actor("Amicale", element)])


async def test_a_record_signed_elsewhere_has_to_be_signed(archive: Archive) -> None:
    """Our own log holds nothing that its own readers could not read."""
    (record,) = Town().actors("Amicale")
    raw = record.header.raw
    with pytest.raises(LocalError, match="signature"):
        await archive.append([Signed(raw[:-1] + bytes([raw[-1] ^ 1]), record.body)])
    (placed,) = await archive.append([Signed(raw, record.body)])
    assert placed.header_digest == record.header.digest


async def test_appends_that_wait_together_share_one_head(tmp_path: Path) -> None:
    """A hundred residents at once cost one fsync of the archive, one guard and one signature."""
    gate = threading.Event()
    archive = await create(tmp_path, replace(OPTIONS, step=lambda name: None))
    async with archive:
        heads: list[HeadCame] = []
        archive.subscribe(lambda event: heads.append(event) if isinstance(event, HeadCame) else None)
        blocked = asyncio.ensure_future(archive.write(lambda writer: gate.wait(10)))
        appends = [asyncio.ensure_future(archive.append([actor(f"actor {at}")])) for at in range(100)]
        await queued(archive, 100)
        gate.set()
        answers = await asyncio.gather(*appends)
        assert await blocked
        assert sorted(placed.index for (placed,) in answers) == list(range(1, 101))
        assert [head.size for head in heads] == [101]


async def test_nothing_is_shown_before_the_guard_is_durable(tmp_path: Path) -> None:
    """Whoever reads between the commit and the guard sees the log as it was: no leaf, head, proof or place."""
    reached, go_on = threading.Event(), threading.Event()
    armed = False

    def step(name: str) -> None:
        if armed and name == "archive.committed":
            reached.set()
            assert go_on.wait(10)

    async with await create(tmp_path, replace(OPTIONS, step=step)) as archive:
        await archive.append([actor("shown")])
        (record,) = Town().actors("not yet")
        before = await archive.read(lambda reader: reader.own_log())
        armed = True
        appending = asyncio.ensure_future(archive.append([Signed(record.header.raw, record.body)]))
        await asyncio.to_thread(reached.wait, 10)
        element, digest = record.header.element, record.header.digest
        assert element is not None
        state = await archive.read(lambda reader: reader.own_log())
        assert (state.size, state.root, state.head_note) == (before.size, before.root, before.head_note)
        assert await archive.read(lambda reader: reader.entry(before.origin, 2)) is None
        assert await archive.read(lambda reader: reader.entries(before.origin, 2)) == []
        assert await archive.read(lambda reader: reader.locate(digest)) is None
        assert await archive.read(lambda reader: reader.history(element)) == []
        tile = await archive.read(lambda reader: reader.tile(before.origin, 0, 0))
        assert tile is not None and len(tile) == 64
        assert not appending.done()
        go_on.set()
        ((placed),) = await appending
        assert placed.index == 2
        state = await archive.read(lambda reader: reader.own_log())
        assert state.size == state.head_size == 3


async def test_local_appends_go_before_batches_that_wait(archive: Archive) -> None:
    neighbour = Town("FR-93059")
    remote = RemoteLog(neighbour, neighbour.actors(*(f"actor {at}" for at in range(50))))
    await archive.keep_log(neighbour.identity)
    gate = threading.Event()
    order: list[str] = []
    archive.subscribe(
        lambda event: order.append("own" if event.own else "other") if isinstance(event, LogGrew) else None
    )
    blocked = asyncio.ensure_future(archive.write(lambda writer: gate.wait(10)))
    batches = [
        asyncio.ensure_future(archive.keep_batch(*remote.batch(start, start + 17))) for start in range(0, 51, 17)
    ]
    append = asyncio.ensure_future(archive.append([actor("Amicale")]))
    await queued(archive, 1)
    gate.set()
    await asyncio.gather(blocked, append, *batches)
    assert order == ["own", "other", "other", "other"]


async def test_a_batch_and_a_call_keep_the_order_in_which_they_were_asked(archive: Archive) -> None:
    neighbour = Town("FR-93059")
    remote = RemoteLog(neighbour, neighbour.actors("a", "b"))
    await archive.keep_log(neighbour.identity)
    sizes: list[int] = []

    def size(writer: object) -> None:
        state = writer.reader.log(neighbour.origin)  # type: ignore[attr-defined]
        sizes.append(state.size)

    await asyncio.gather(
        archive.write(size),
        archive.keep_batch(*remote.batch(0, 2)),
        archive.write(size),
        archive.keep_batch(*remote.batch(2, 3)),
        archive.write(size),
    )
    assert sizes == [0, 2, 3]


async def test_events_come_in_order_before_the_answer(archive: Archive) -> None:
    events: list[Event] = []
    stop = archive.subscribe(events.append)
    await archive.append([actor("Amicale")])
    assert [type(event) for event in events] == [LogGrew, HeadCame]
    stop()
    await archive.append([actor("Amicale")])
    assert len(events) == 2


async def test_a_subscriber_that_fails_harms_nobody(archive: Archive) -> None:
    events: list[Event] = []

    def fail(event: Event) -> None:
        raise RuntimeError("a subscriber's own affair")

    archive.subscribe(fail)
    archive.subscribe(events.append)
    await archive.append([actor("Amicale")])
    assert len(events) == 2


async def test_one_process_a_folder(archive: Archive) -> None:
    """Two writers would sign two histories."""
    with pytest.raises(LocalError, match="in use by process"):
        await Archive.open(archive.folder, options=OPTIONS)


async def test_what_is_no_folder_is_said(tmp_path: Path) -> None:
    """A sentence, and no traceback."""
    (tmp_path / "file").touch()
    with pytest.raises(LocalError, match="cannot be locked"):
        await Archive.open(tmp_path / "file", options=OPTIONS)


async def test_an_archive_is_not_made_over_another(tmp_path: Path) -> None:
    async with await create(tmp_path):
        pass
    with pytest.raises(LocalError, match="already has an archive"):
        await create(tmp_path)


async def test_no_archive_is_a_question_for_a_person(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="no archive in"):
        await Archive.open(tmp_path, options=OPTIONS)
    with pytest.raises(LocalError, match="no node's folder"):
        await Archive.open(tmp_path / "nowhere", options=OPTIONS)


async def test_closing_writes_what_was_asked_and_refuses_what_comes_after(tmp_path: Path) -> None:
    archive = await create(tmp_path)
    appends = [asyncio.ensure_future(archive.append([actor(f"actor {at}")])) for at in range(20)]
    await appends[0]
    await archive.close()
    await archive.close()
    answers = await asyncio.gather(*appends, return_exceptions=True)
    kept = [answer for answer in answers if isinstance(answer, list)]
    refused = [answer for answer in answers if not isinstance(answer, list)]
    assert all(isinstance(answer, Closed) for answer in refused)
    async with await Archive.open(tmp_path, options=OPTIONS) as archive:
        state = await archive.read(lambda reader: reader.own_log())
        assert state.size == 1 + len(kept)
    with pytest.raises(Closed):
        await archive.append([actor("too late")])
    with pytest.raises(Closed):
        await archive.read(lambda reader: reader.logs())


async def test_an_erasure_of_ones_own_is_done_at_once(tmp_path: Path) -> None:
    now = NOW
    async with await create(tmp_path, replace(OPTIONS, clock=lambda: now)) as archive:
        events: list[Event] = []
        archive.subscribe(events.append)
        (placed,) = await archive.append([actor("Jeanne")])
        assert placed.element is not None
        await archive.erase(Erasure("asked for", placed.element))
        assert any(isinstance(event, ErasuresCame) for event in events)
        assert await slot_of(archive, placed) is Slot.ERASED
        assert await archive.read(lambda reader: reader.is_erased(placed.element or actor_id()))
        now += GRACE_SECONDS
        (event,) = await archive.sweep_erasures()
        assert event.dropped
        (later,) = await archive.append([actor("Paul")])
        assert later.element is not None
        await archive.erase(Erasure("asked for", later.element), at_once=True)
        states = await archive.read(lambda reader: [row.state for row in reader.erasures()])
        assert states == ["dropped", "dropped"]


def actor_id() -> ElementId:
    return ElementId.new("FR-93066", NOW * 1000, bytes(10))


async def slot_of(archive: Archive, placed: Placed) -> Slot | None:
    entry = await archive.read(lambda reader: reader.entry(placed.origin, placed.index))
    return None if entry is None else entry.slot


async def test_another_territorys_erasure_needs_the_charter(archive: Archive) -> None:
    """Without a charter, one's own logs speak for one's own territory only."""
    neighbour = Town("FR-93059")
    remote = RemoteLog(neighbour, neighbour.actors("Jeanne"))
    await archive.keep_log(neighbour.identity)
    await archive.keep_batch(*remote.batch(0))
    erasure = Erasure("asked for", origin=neighbour.origin, ranges=((1, 2),))
    await archive.erase(erasure)
    body = await archive.read(lambda reader: reader.entries(neighbour.origin, 1))
    assert body[0].slot is Slot.HERE
    asked: list[tuple[str, int]] = []

    def by_charter(erasure: Erasure, origin: str, index: int) -> bool:
        asked.append((origin, index))
        return True

    await archive.sweep_erasures(by_charter)
    body = await archive.read(lambda reader: reader.entries(neighbour.origin, 1))
    assert body[0].slot is Slot.ERASED and len(asked) == 1


async def test_the_same_head_heard_again_is_no_doubt(archive: Archive) -> None:
    await archive.append([actor("Amicale")])
    state = await archive.read(lambda reader: reader.own_log())
    assert state.head_note is not None
    assert await archive.doubt(state.head_note) is None
    root = await archive.read(lambda reader: reader.root_at(state.origin, 1))
    old = checkpoint.sign(checkpoint.Checkpoint(state.origin, 1, root), archive.keys.node)
    assert await archive.doubt(old) is None
