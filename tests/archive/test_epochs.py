# SPDX-License-Identifier: AGPL-3.0-or-later
"""An old backup restored, a cloned card, a guard that is gone: never two histories under one origin."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from convergences_node.archive.archive import Archive
from convergences_node.archive.guard import GUARD_NAME
from convergences_node.archive.keys import Keyring
from convergences_node.archive.model import ArchiveFull, EpochOpened, Event, HeadCame, LogGrew, NewRecord, Placed
from convergences_node.archive.options import Options
from convergences_protocol import checkpoint, merkle
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.errors import LocalError, RemoteError
from convergences_protocol.keys import SigningKey
from convergences_protocol.opening import read_opening
from convergences_protocol.record import read_header
from convergences_protocol.replication import messages
from convergences_protocol.replication.check import check_batch, examine
from convergences_protocol.replication.views import Held

from .making import NOW, key_of

OPTIONS = Options(clock=lambda: NOW, machine=lambda: "board 1, card 1")


def actor(name: str, of: Placed | None = None) -> NewRecord:
    fields = {"name": name, "type": "association"}
    return NewRecord("actor", fields, of.element, of.header_digest) if of else NewRecord("actor", fields)


async def make(folder: Path, *names: str) -> list[Placed]:
    """A node's folder with these actors in it, closed."""
    recovery = key_of("recovery").public
    async with await Archive.create(
        folder, "FR-93066", key_of("node"), recovery, name="Saint-Denis", options=OPTIONS
    ) as archive:
        return [placed for name in names for placed in await archive.append([actor(name)])]


async def reason_of_doubt(folder: Path, options: Options = OPTIONS) -> str | None:
    """Why the archive doubted itself at start, if it did; checks that it then writes in another log."""
    async with await Archive.open(folder, options=options) as archive:
        logs = await archive.read(lambda reader: reader.logs())
        doubts = [finding for finding in archive.findings if finding.code == "archive.doubt"]
        if not doubts:
            assert [log.status for log in logs] == ["open"]
            return None
        old, new = logs
        assert (old.status, new.status, new.size) == ("closed", "open", 1)
        assert doubts[0].params == {"reason": doubts[0].params["reason"], "old": old.origin, "new": new.origin}
        entry = await archive.read(lambda reader: reader.entry(new.origin, 0))
        assert entry is not None
        opening = read_opening(read_header(entry.header))
        assert opening.previous == Checkpoint(old.origin, old.size, old.root)
        assert (opening.name, opening.recovery_key) == ("Saint-Denis", key_of("recovery").public)
        (placed,) = await archive.append([actor("residents can still write")])
        assert placed.origin == new.origin
        return str(doubts[0].params["reason"])


async def test_an_ordinary_morning_is_no_doubt(tmp_path: Path) -> None:
    await make(tmp_path, "a", "b")
    assert await reason_of_doubt(tmp_path) is None


async def test_an_old_backup_restored_beside_its_guard(tmp_path: Path) -> None:
    """The guard, which stays out of backups, has a head that the archive does not reach."""
    node, backup = tmp_path / "node", tmp_path / "backup"
    await make(node, "a")
    shutil.copytree(node, backup)
    async with await Archive.open(node, options=OPTIONS) as archive:
        await archive.append([actor("b")])
    shutil.copy(backup / "archive.db", node / "archive.db")
    assert await reason_of_doubt(node) == "archive_behind_guard"


async def test_a_backup_restored_without_a_guard(tmp_path: Path) -> None:
    await make(tmp_path, "a")
    (tmp_path / GUARD_NAME).unlink()
    assert await reason_of_doubt(tmp_path) == "guard_missing"


async def test_a_guard_that_is_torn(tmp_path: Path) -> None:
    await make(tmp_path, "a")
    guard = tmp_path / GUARD_NAME
    guard.write_bytes(guard.read_bytes()[:-20])
    assert await reason_of_doubt(tmp_path) == "guard_torn"


async def test_a_card_cloned_into_another_board(tmp_path: Path) -> None:
    """Every file is there, and the machine is another."""
    await make(tmp_path, "a")
    assert await reason_of_doubt(tmp_path, replace(OPTIONS, machine=lambda: "board 2, card 1")) == "machine_changed"


async def test_a_guard_of_another_history(tmp_path: Path) -> None:
    """The guard of a clone that wrote on: same origin, same size, another tree."""
    node, clone = tmp_path / "node", tmp_path / "clone"
    await make(node, "a")
    shutil.copytree(node, clone)
    for folder, name in ((node, "ours"), (clone, "theirs")):
        async with await Archive.open(folder, options=OPTIONS) as archive:
            await archive.append([actor(name)])
    shutil.copy(clone / GUARD_NAME, node / GUARD_NAME)
    assert await reason_of_doubt(node) == "archive_differs_from_guard"


async def test_a_doubt_is_settled_by_the_new_epoch(tmp_path: Path) -> None:
    """The next start is ordinary."""
    await make(tmp_path, "a")
    (tmp_path / GUARD_NAME).unlink()
    assert await reason_of_doubt(tmp_path) is not None
    async with await Archive.open(tmp_path, options=OPTIONS) as archive:
        assert archive.findings == []


async def test_an_edit_follows_what_was_written_before_the_doubt(tmp_path: Path) -> None:
    """Elements live on in the new epoch, under the same ids."""
    (placed,) = await make(tmp_path, "a")
    (tmp_path / GUARD_NAME).unlink()
    async with await Archive.open(tmp_path, options=OPTIONS) as archive:
        (edited,) = await archive.append([actor("a, edited", placed)])
        assert placed.element is not None
        element = placed.element
        history = await archive.read(lambda reader: reader.history(element))
        assert [entry.origin for entry in history] == [placed.origin, edited.origin]


async def test_a_head_of_ours_that_we_do_not_extend_raises_doubt_at_any_time(tmp_path: Path) -> None:
    """The whole disk went back, guard and all; only a peer knows better."""
    node, image = tmp_path / "node", tmp_path / "image"
    await make(node, "a")
    shutil.copytree(node, image)
    async with await Archive.open(node, options=OPTIONS) as archive:
        await archive.append([actor("b"), actor("c")])
        heard = (await archive.read(lambda reader: reader.own_log())).head_note
        assert heard is not None
    async with await Archive.open(image, options=OPTIONS) as archive:
        assert archive.findings == []
        (ours,) = await archive.append([actor("written by residents meanwhile")])
        events: list[Event] = []
        archive.subscribe(events.append)
        opened = await archive.doubt(heard)
        assert opened is not None and opened.reason == "head_heard"
        assert [type(event) for event in events] == [EpochOpened, LogGrew, HeadCame]
        assert (await archive.append([actor("d")]))[0].origin == opened.origin
        assert await archive.doubt(heard) is None, "the log is closed: there is nothing more to doubt"
        await pull_the_other_history(node, archive, ours)


async def pull_the_other_history(node: Path, archive: Archive, ours: Placed) -> None:
    """The charter ends the old log with the history that peers have: ours is appended again, theirs is pulled."""
    async with await Archive.open(node, options=OPTIONS) as peer:
        theirs = await peer.read(lambda reader: reader.log(ours.origin))
        entries = await peer.read(lambda reader: reader.entries(ours.origin, 2))
        assert theirs is not None and theirs.head_note is not None
    assert await archive.rewind(ours.origin, 2) == 1
    again = await archive.read(lambda reader: reader.locate(ours.header_digest))
    assert again is not None and again.origin != ours.origin and again.body is not None
    state = await archive.read(lambda reader: reader.log(ours.origin))
    assert state is not None and state.size == 2
    held = Held(theirs.size, theirs.root, theirs.head_note)
    batch = messages.Batch(1, 2, tuple(e.header for e in entries), tuple(e.body or False for e in entries), ())
    checked = check_batch(state.frontier, batch, held)
    assert await archive.keep_batch(ours.origin, checked, examine(checked)) == theirs.size
    state = await archive.read(lambda reader: reader.log(ours.origin))
    assert state is not None and (state.root, state.status) == (theirs.root, "closed")


async def test_a_head_that_our_key_did_not_sign_raises_nothing(tmp_path: Path) -> None:
    """A peer can raise doubt only with our own signature."""
    await make(tmp_path, "a")
    async with await Archive.open(tmp_path, options=OPTIONS) as archive:
        own = await archive.read(lambda reader: reader.own_log())
        forged = checkpoint.sign(Checkpoint(own.origin, 99, merkle.EMPTY_ROOT), SigningKey.from_seed(bytes(32)))
        with pytest.raises(RemoteError):
            await archive.doubt(forged)
        other = checkpoint.sign(Checkpoint(own.origin.replace("93066", "93059"), 99, bytes(32)), archive.keys.node)
        assert await archive.doubt(other) is None
        assert (await archive.read(lambda reader: reader.own_log())).origin == own.origin


async def test_a_new_key_is_a_new_epoch(tmp_path: Path) -> None:
    """The old key was stolen: what is signed from now on is in a log of another key, under the same recovery key."""
    await make(tmp_path, "a")
    async with await Archive.open(tmp_path, options=OPTIONS) as archive:
        event = await archive.open_epoch("key stolen", key_of("new node"))
        own = await archive.read(lambda reader: reader.own_log())
        assert (own.origin, own.key) == (event.origin, key_of("new node").public)
        assert own.head_note is not None
        checkpoint.verify(own.head_note, own.origin, key_of("new node").public)
    assert await plainly_opens(tmp_path)


async def plainly_opens(folder: Path) -> bool:
    async with await Archive.open(folder, options=OPTIONS) as archive:
        return archive.findings == []


async def test_another_key_in_the_folder_opens_an_epoch_of_its_own(tmp_path: Path) -> None:
    """A head signed by another key than its log's would be worth nothing."""
    await make(tmp_path, "a")
    Keyring.open(tmp_path).replace_node_key(key_of("new node"))
    assert await reason_of_doubt(tmp_path) == "key_changed"


async def test_a_secret_that_was_lost_is_not_the_end(tmp_path: Path) -> None:
    """New keys, a new epoch that names the old log, and the archive as it was."""
    (placed,) = await make(tmp_path, "a")
    (tmp_path / "node.secret").unlink()
    with pytest.raises(LocalError, match=r"secret .* is missing"):
        await Archive.open(tmp_path, options=OPTIONS)
    Keyring.renew(tmp_path, key_of("new node"))
    assert await reason_of_doubt(tmp_path) == "key_changed"
    async with await Archive.open(tmp_path, options=OPTIONS) as archive:
        entry = await archive.read(lambda reader: reader.locate(placed.header_digest))
        assert entry is not None and entry.body is not None


async def test_a_doubt_for_which_there_is_no_room_stops_the_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than one more record in a log that may be forked."""

    def no_space(*args: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    await make(tmp_path, "a")
    async with await Archive.open(tmp_path, options=OPTIONS) as archive:
        await archive.append([actor("b")])
        own = await archive.read(lambda reader: reader.own_log())
        heard = checkpoint.sign(Checkpoint(own.origin, 99, bytes(32)), archive.keys.node)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", no_space)
            with pytest.raises(ArchiveFull):
                await archive.doubt(heard)
        with pytest.raises(LocalError, match="stopped writing: its log is in doubt"):
            await archive.append([actor("c")])
        assert (await archive.read(lambda reader: reader.own_log())).origin == own.origin
