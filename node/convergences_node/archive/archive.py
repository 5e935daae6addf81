# SPDX-License-Identifier: AGPL-3.0-or-later
"""The archive as the rest of the node sees it: awaited from asyncio, safe from any task.

One thread writes. Local appends go first, and those that wait together become one transaction, one guard, one head.
Replication writes in transactions of at most 1 MiB or 100 ms, so that a resident never waits for a backlog.
Reading runs in a few threads, each with its own read-only connection: `await archive.read(lambda reader: …)`.
A write that was awaited is durable; one that was cancelled may still have been written.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.erasure import KIND as ERASURE
from convergences_protocol.erasure import Erasure, split
from convergences_protocol.errors import Fault, LocalError
from convergences_protocol.keys import SigningKey
from convergences_protocol.opening import Opening
from convergences_protocol.origin import LogIdentity, Origin
from convergences_protocol.replication.check import CheckedBatch

from convergences_node.clock import plausible_time
from convergences_node.read_only import refusal

from . import epochs, erasing, older
from .absent import no_archive
from .authoring import Author, Authored, RandomBytes
from .connection import ARCHIVE_NAME, damage_told
from .guard import Guard, Step, no_step
from .keys import Keyring
from .lock import FolderLock
from .machine import machine_identity
from .model import (
    BodiesErased,
    Closed,
    CosignatureRow,
    EpochOpened,
    Event,
    Finding,
    NewControl,
    NewEntry,
    PeerRow,
    Placed,
)
from .reader import ArchiveReader
from .revealed import Revealed
from .turns import Turns
from .writer import ArchiveWriter

log = logging.getLogger(__name__)
T = TypeVar("T")

Validity = Callable[[Erasure, str, int], bool]
"""Whether the record of that origin and index may say this erasure."""

READERS = 4
"""Threads that read: more would only wait for the same disk, and each keeps a cache."""


def as_the_update_stands(folder: Path) -> bool:
    """A new version on trial keeps what it is about to migrate; another finds its own files again."""
    from convergences_node.updates.before import settle

    return settle(folder)


def _prepare(folder: Path, lock: FolderLock, options: Options) -> bool:
    """Before the archive is opened. Whether it is to be held."""
    if lock.read_only is None:
        older.forget(folder)
        return options.prepare(folder)
    with damage_told():
        older.make_up(folder)
    return False


def _let_go(folder: Path, lock: FolderLock) -> None:
    """The last that is done with the folder."""
    if lock.read_only is not None:
        older.forget(folder)
    lock.release()


@dataclass(frozen=True, slots=True)
class Options:
    """What an archive takes from the world around it. The defaults are the real ones."""

    clock: Callable[[], float] = time.time
    random_bytes: RandomBytes = secrets.token_bytes
    machine: Callable[[], str | None] = machine_identity
    step: Step = no_step
    prepare: Callable[[Path], bool] = as_the_update_stands
    """Done once the folder is locked, before anything in it is opened. Whether the archive is held: see `held`."""
    pages_max: int | None = None
    """Bound on the archive's file, in pages of 4 KiB; None leaves it to the disk."""


class Archive:
    """One node's archive, opened. Make it with `create` or `open`; `async with` closes it."""

    def __init__(self, folder: Path, lock: FolderLock, keys: Keyring, options: Options) -> None:
        self.folder = folder
        self.keys = keys
        self.territory = ""
        self.held = False
        """Takes no new record of this town's: what is written now could be lost by the return of an update."""
        self.read_only = lock.read_only
        """Why its card takes no write; None if it does. Then every write is refused with `ReadOnlyCard`."""
        self.findings: list[Finding] = []
        self.revealed = Revealed()
        self._lock = lock
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._subscribers: list[Callable[[Event], None]] = []
        self._events: list[Event] = []
        self._closing = False
        self._thread_local = threading.local()
        self._open_readers: list[ArchiveReader] = []
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="archive-reader")
        guard = Guard(folder, options.machine(), options.step)
        self._writer = ArchiveWriter(
            folder,
            guard,
            self.revealed,
            tell=self._events.append,
            step=options.step,
            pages_max=options.pages_max,
            read_only=self.read_only,
        )
        self._turns = Turns(self._writer, self._loop, self._events, self._publish)

    # ------------------------------------------------------------------------------------------------ opening, closing
    @classmethod
    async def create(
        cls,
        folder: Path,
        territory: str,
        key: SigningKey,
        recovery_public: bytes,
        *,
        name: str = "",
        epoch: bytes | None = None,
        options: Options | None = None,
    ) -> Archive:
        """Make a new archive in `folder` (made if need be), with the first record of its log, and open it."""
        options = options or Options()
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True, mode=0o700)
        lock = FolderLock(folder)
        try:
            if lock.read_only is not None:
                raise refusal(lock.read_only)
            if (folder / ARCHIVE_NAME).exists():
                raise LocalError(f"{folder} already has an archive")
            archive = cls(folder, lock, Keyring.create(folder, key), options)
        except BaseException:
            lock.release()
            raise
        origin = str(Origin(territory, epoch or options.random_bytes(8)))
        opening = Opening(origin, key.public, recovery_public, name or territory)
        return await archive._start(lambda: archive._begin(opening))

    @classmethod
    async def open(cls, folder: Path, *, options: Options | None = None) -> Archive:
        """Open the archive in `folder`, and decide whether it is the latest: see `findings` for what was found."""
        options = options or Options()
        lock = FolderLock(folder)
        try:
            held = await asyncio.to_thread(_prepare, folder, lock, options)
            if not (folder / ARCHIVE_NAME).exists():
                raise no_archive(folder)
            with damage_told():
                archive = cls(folder, lock, Keyring.open(folder), options)
            archive.held = held
        except BaseException:
            _let_go(folder, lock)
            raise
        return await archive._start(archive._continue)

    async def _start(self, work: Callable[[], None]) -> Archive:
        try:
            with damage_told():
                await asyncio.to_thread(work)
        except BaseException:
            self._release()
            raise
        self._turns.start()
        return self

    def _begin(self, opening: Opening) -> None:
        record = epochs.opening_record(opening, self.keys.node, int(self._options.clock()))
        self._writer.begin_log(opening.identity, record, self.keys.node)
        self._events.clear()
        self.territory = opening.territory

    def _continue(self) -> None:
        options = self._options
        erasing.load(self._writer)
        if self.read_only is not None:
            self.findings = epochs.look(self._writer, self.keys.node)
        else:
            self.findings = epochs.start(self._writer, self.keys.node, options.random_bytes, int(options.clock()))
        self._events.clear()
        self.territory = self._writer.reader.own_log().territory

    async def __aenter__(self) -> Archive:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Write what was asked before this, refuse what comes after, and let the folder go. May be called twice."""
        if not self._closing:
            self._closing = True
            await asyncio.to_thread(self._turns.stop)
            await asyncio.to_thread(self._release)

    def _release(self) -> None:
        self._readers.shutdown(wait=True)
        for reader in self._open_readers:
            reader.close()
        self._writer.close()
        _let_go(self.folder, self._lock)

    # --------------------------------------------------------------------------------------------------------- reading
    async def read(self, ask: Callable[[ArchiveReader], T]) -> T:
        """Run `ask(reader)` in a reading thread, on one snapshot of the archive. Keep it short; give back values."""
        return await self._in_reader(self._read, ask)

    async def _in_reader(self, work: Callable[..., T], *args: object) -> T:
        if self._closing:
            raise Closed("the archive is closed")
        return await self._loop.run_in_executor(self._readers, work, *args)

    def _read(self, ask: Callable[[ArchiveReader], T]) -> T:
        reader: ArchiveReader | None = getattr(self._thread_local, "reader", None)
        if reader is None:
            reader = self._thread_local.reader = ArchiveReader.open(self.folder, self.revealed)
            self._open_readers.append(reader)
        with damage_told(), reader.snapshot():
            return ask(reader)

    def subscribe(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        """Have `callback(event)` called in the event loop after each change, in order. Returns how to stop it.

        An event says what is durable (and revealed, for one's own log); whoever missed some reads the archive.
        """
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    # --------------------------------------------------------------------------------------------------------- writing
    async def append(self, entries: Sequence[NewEntry]) -> list[Placed]:
        """Sign and append records to one's own log, all or none. When it returns they are durable, and shown.

        Raises `Conflict` if an element was changed since its author read it, `Refused` with the faults of a record,
        `ArchiveFull` when there is no room, `ReadOnlyCard` where nothing can be written, `LocalError` while it is
        `held`.
        """
        if self.read_only is not None:
            raise refusal(self.read_only)
        if self.held:
            raise LocalError(
                "the node has just been updated, and is being tried: nothing is written for ten minutes",
                hint="try again in a while",
                fault=Fault("", "update_on_trial"),
            )
        authored = await self._in_reader(self._author_all, entries)
        placed: list[Placed] = await self._turns.append(authored)
        return placed

    async def keep_batch(self, origin: str, batch: CheckedBatch, flags: Sequence[str | None]) -> int:
        """Store a checked batch of another's log, with what `examine` found of its records. Returns the new size."""
        size: int = await self._turns.other((origin, batch, flags))
        return size

    async def keep_log(self, identity: LogIdentity) -> None:
        """Make room for another's log; nothing if it is there already."""
        await self.write(lambda writer: writer.keep_log(identity))

    async def keep_head(self, origin: str, size: int, note: bytes) -> None:
        """Keep a checked signed head: of the tree as it is, or a larger one to fetch towards."""
        await self.write(lambda writer: writer.keep_head(origin, size, note))

    async def keep_bodies(self, bodies: Sequence[tuple[bytes, bytes]]) -> int:
        """Put `(digest, body)`, each proved, wherever it is wanted. Returns how many slots that filled."""
        return await self.write(lambda writer: writer.keep_bodies(bodies))

    async def keep_cosignatures(self, rows: Sequence[CosignatureRow]) -> None:
        """Keep checked cosignatures, and what waited of others'. One transaction, whatever their number."""
        await self.write(lambda writer: writer.keep_cosignatures(rows))

    async def hear_cosignatures(self, rows: Sequence[CosignatureRow]) -> None:
        """Checked cosignatures of others, to be written with whatever is written next: not durable yet."""
        await self.write(lambda writer: writer.hear_cosignatures(rows))

    async def keep_fork(self, origin: str, proof: bytes) -> bool:
        """Keep a checked fork proof. Returns whether it is new."""
        now = int(self._options.clock())
        return await self.write(lambda writer: writer.keep_fork(origin, proof, now))

    async def keep_peer(self, peer: PeerRow) -> None:
        """Write or replace one line of the address book."""
        await self.write(lambda writer: writer.keep_peer(peer))

    async def choose(self, name: str, value: str | None) -> None:
        """Remember a choice of the operator; None forgets it."""
        await self.write(lambda writer: writer.choose(name, value))

    async def erase(self, erasure: Erasure, valid: Validity | None = None, *, at_once: bool = False) -> Placed:
        """Write an erasure in one's own log and do what it asks: hide at once; drop after seven days, or `at_once`."""
        parts = [NewControl(ERASURE, part.content()) for part in split(erasure)]
        placed = await self.append(parts)
        await self.sweep_erasures(valid)
        for part in placed if at_once else ():
            await self.decide_erasure(part.origin, part.index, at_once=True)
        if at_once:
            await self.sweep_erasures(valid)
        return placed[0]

    async def decide_erasure(self, origin: str, index: int, *, released: bool = False, at_once: bool = False) -> None:
        """A person here lets an erasure through the daily limit, or does not wait; then sweep."""
        await self.write(lambda w: w.decide_erasure((origin, index), released=released, at_once=at_once))

    async def sweep_erasures(self, valid: Validity | None = None) -> list[BodiesErased]:
        """Hide, show again or drop what erasures ask for by now. To be called when one came (`ErasuresCame`), when the
        charter changed, and every hour: that is what lets seven days pass.

        `valid(erasure, origin, index)` says whether that record may say so (`erasure.is_valid`, with the charter);
        it is called in the event loop. Without it, one's own logs speak for one's own territory.
        """
        now = plausible_time(self._options.clock())
        known = await self.write(lambda w: w.hear_erasures(now))
        judge = valid or await self._own_validity()
        accepted = {heard.at for heard in known if judge(heard.erasure, *heard.at)}
        events = await self.write(lambda w: w.apply_erasures(accepted, now))
        for event in events:
            self._publish(event)
        return events

    async def _own_validity(self) -> Validity:
        own = await self.read(lambda reader: {state.origin for state in reader.logs() if state.own})
        return lambda erasure, origin, index: origin in own and erasure.territory == self.territory

    async def doubt(self, note: bytes) -> EpochOpened | None:
        """A validly signed head of one's own open log was heard: if our tree does not extend it, open a new epoch.

        Returns None when there is no doubt, or the log was closed already. Raises `RemoteError` for a false head.
        """
        return await self.write(
            lambda w: epochs.doubt(w, note, self.keys.node, self._options.random_bytes, int(self._options.clock()))
        )

    async def open_epoch(
        self, reason: str, key: SigningKey | None = None, previous: Checkpoint | None = None
    ) -> EpochOpened:
        """Close one's own log and write on in a new one, under a new key if one is given (the old one was stolen).

        It continues the log that is closed, or the one that `previous` is the head of.
        """
        if key is not None:
            # First the key: if the power goes in between, the start finds that it changed, and opens the epoch.
            await asyncio.to_thread(self.keys.replace_node_key, key)
        options = self._options
        return await self.write(
            lambda w: epochs.new_epoch(w, self.keys.node, options.random_bytes, int(options.clock()), reason, previous)
        )

    async def rewind(self, origin: str, size: int) -> int:
        """Set the records of a log from `size` on aside, for the charter ended it there with another history.

        What our own residents wrote there is appended again to our open log before. Returns how many were set aside.
        """
        return await self.write(lambda w: w.rewind(origin, size))

    async def bring_along(self, origin: str, size: int) -> int:
        """Append again, to our open log, what a former one holds from `size` on and no other log here does."""
        return await self.write(lambda w: w.bring_along(origin, size))

    async def write(self, work: Callable[[ArchiveWriter], T]) -> T:
        """Run `work(writer)` in the writer's thread: after the local appends that wait, else in the order of asking."""
        answer: T = await self._turns.other(work)
        return answer

    def _author_all(self, entries: Sequence[NewEntry]) -> list[Authored]:
        options = self._options
        town = self.keys.author()
        author = Author(self.territory, self.keys.node, town, options.clock, options.random_bytes)
        return author.author_all(entries)

    def _publish(self, event: Event) -> None:
        for callback in tuple(self._subscribers):
            try:
                callback(event)
            except Exception:
                log.exception("a subscriber failed on %r", event)
