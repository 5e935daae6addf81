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
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from convergences_protocol.errors import Fault, LocalError
from convergences_protocol.keys import SigningKey
from convergences_protocol.opening import Opening
from convergences_protocol.origin import Origin
from convergences_protocol.replication.check import CheckedBatch

from convergences_node.faults import NotNow
from convergences_node.read_only import refusal

from . import epochs, erasing, older, spare
from .absent import no_archive
from .authoring import Author, Authored
from .changes import Changes
from .connection import ARCHIVE_NAME, damage_told
from .guard import Guard
from .keys import Keyring
from .lock import FolderLock
from .model import ArchiveFull, Closed, Event, Finding, NewEntry, Placed
from .options import Options
from .reader import ArchiveReader
from .revealed import Revealed
from .turns import Turns
from .writer import ArchiveWriter

log = logging.getLogger(__name__)
T = TypeVar("T")

READERS = 4
"""Threads that read: more would only wait for the same disk, and each keeps a cache."""


def _prepare(folder: Path, lock: FolderLock, options: Options) -> bool:
    """Before the archive is opened. Whether it is to be held."""
    if lock.read_only is None:
        if lent := spare.lend(folder):
            log.warning("the card is full: the node starts in the %d KiB that it had set aside", lent >> 10)
        older.forget(folder)
        return options.prepare(folder)
    with damage_told():
        older.make_up(folder)
    return False


def _let_go(folder: Path, lock: FolderLock) -> None:
    """The last that is done with the folder."""
    if lock.read_only is None:
        spare.take_back(folder)
    else:
        older.forget(folder)
    lock.release()


class Archive(Changes):
    """One node's archive, opened. Make it with `create` or `open`; `async with` closes it."""

    def __init__(self, folder: Path, lock: FolderLock, keys: Keyring, options: Options) -> None:
        super().__init__(keys, options)
        self.folder = folder
        self.held = False
        """Takes no new record of this town's: what is written now could be lost by the return of an update."""
        self.read_only = lock.read_only
        """Why its card takes no write; None if it does. Then every write is refused with `ReadOnlyCard`."""
        self.findings: list[Finding] = []
        self.revealed = Revealed()
        self._lock = lock
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
        except BaseException as error:
            _let_go(folder, lock)
            if isinstance(error, ArchiveFull):
                raise spare.no_room_to_start(folder) from error
            raise
        try:
            return await archive._start(archive._continue)
        except ArchiveFull as error:
            raise spare.no_room_to_start(folder) from error

    async def _start(self, work: Callable[[], None]) -> Archive:
        try:
            with damage_told():
                await asyncio.to_thread(work)
            if self.read_only is None:
                await asyncio.to_thread(spare.make, self.folder)
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
        """See `Changes.read`."""
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
        `ArchiveFull` when there is no room, `ReadOnlyCard` where nothing can be written, `NotNow` while it is
        `held`.
        """
        if self.read_only is not None:
            raise refusal(self.read_only)
        if self.held:
            raise NotNow(
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

    async def write(self, work: Callable[[ArchiveWriter], T]) -> T:
        """See `Changes.write`."""
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
