# SPDX-License-Identifier: AGPL-3.0-or-later
"""The files of a town, as the rest of the node uses them: see the package for how.

One file is pulled once however many ask for it at the same time, few files at once. What peers ask is answered here
too: who may read what is decided in one place, whichever way the question came.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence, Set
from pathlib import Path
from typing import Protocol

from convergences_protocol.errors import LocalError
from convergences_protocol.opening import Opening

from convergences_node.blobs import pieces
from convergences_node.blobs.over_http import proved
from convergences_node.blobs.pieces import Holders, Piece
from convergences_node.blobs.pulling import Progress, Pull
from convergences_node.blobs.settings import BlobsSection
from convergences_node.blobs.store import Blob, BlobStore, Readers
from convergences_node.network.transport import PeerKey

PULLS_AT_ONCE_MAX = 4
"""A large one may take an hour, and a picture is not to wait for it. Each holds one piece at a time."""
PULLS_WAITING_MAX = 256
"""What is asked for beyond that is refused: it will be asked for again."""
PULL_SECONDS_MAX = 3600.0
WANTED_BYTES_MAX = 64 * 1024 * 1024
"""What a page asks for by itself: whatever a stranger's record says, no more of the disk than a thick document."""
WANTED_SECONDS_MAX = 600.0
AGAIN_S = 300.0
REMEMBERED_MAX = 10_000


class Members(Protocol):
    """Who counts as a node of ours: `Membership`."""

    @property
    def own(self) -> Opening: ...

    def allowed(self) -> Set[PeerKey]: ...


class Blobs:
    """Every file of one node."""

    def __init__(self, folder: Path, settings: BlobsSection, members: Members) -> None:
        self.store = BlobStore(folder, settings)
        self._settings = settings
        self._members = members
        self.holders: Holders | None = None
        """The peers, while the node runs."""
        self.tidying = asyncio.Lock()
        """Held by whoever decides which files are to go: two who did at once would each see half of it."""
        self.tidied: object = None
        """What it was last decided upon; see `media/forgetting.py`."""
        self._under_way: dict[bytes, asyncio.Task[Blob]] = {}
        self._not_before: dict[bytes, float] = {}
        """When what nobody gave may be wanted again, by the loop's clock."""
        self._turns = asyncio.Semaphore(PULLS_AT_ONCE_MAX)

    async def find(self, digest: bytes) -> Blob | None:
        """The file, if it is here."""
        return await asyncio.to_thread(self.store.find, digest)

    async def add(self, source: Path, readers: Readers = Readers.PUBLIC) -> Blob:
        """Keep a copy of a file. LocalError if there is no room for it."""
        return await asyncio.to_thread(self.store.add, source, readers)

    async def add_bytes(self, data: bytes, readers: Readers = Readers.PUBLIC) -> Blob:
        """Keep bytes as a file. LocalError if there is no room for it."""
        return await asyncio.to_thread(self.store.add_bytes, data, readers)

    async def remove(self, digest: bytes) -> bool:
        """Forget a file; whether it was here."""
        task = self._under_way.get(digest)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        return await asyncio.to_thread(self.store.remove, digest)

    # ------------------------------------------------------------------------------------- from peers
    async def fetch(
        self,
        digest: bytes,
        size: int | None = None,
        *,
        readers: Readers = Readers.PUBLIC,
        peers: Sequence[PeerKey] | None = None,
        bytes_max: int | None = None,
        seconds_max: float = PULL_SECONDS_MAX,
        progress: Progress = lambda here, total: None,
    ) -> Path:
        """Where the file is, once it is here: it was, or it is pulled from `peers` (by default, all that can be asked).

        Of calls for one file at the same time, the first one's peers and bounds hold, and only it is told of progress.
        LocalError if nobody gives it, there is no room, or `seconds_max` are over; what came of it stays for next time.
        """
        here = await self.find(digest)
        if here is not None:
            return (await asyncio.to_thread(self.store.widen, here, readers)).path
        task = self._under_way.get(digest)
        if task is None:
            task = self._start(self._pull(digest, size, readers, bytes_max, progress), peers, seconds_max)
        blob = await asyncio.shield(task)
        return (await asyncio.to_thread(self.store.widen, blob, readers)).path

    def want(self, digest: bytes, size: int) -> None:
        """Begin to pull a file that a record names, for whoever looks for it next. Does nothing where it cannot, and
        nothing again for some minutes after nobody gave it."""
        waits = self._not_before.get(digest, 0.0) > asyncio.get_running_loop().time()
        full = len(self._under_way) >= PULLS_WAITING_MAX
        if self.holders is None or waits or full or digest in self._under_way or not 0 < size <= WANTED_BYTES_MAX:
            return
        pull = self._pull(digest, size, Readers.PUBLIC, size, lambda here, total: None)
        self._start(pull, None, WANTED_SECONDS_MAX)

    def _pull(
        self, digest: bytes, size: int | None, readers: Readers, bytes_max: int | None, progress: Progress
    ) -> Pull:
        if self.holders is None:
            raise LocalError("the node does not run, so that no file can be asked of its peers")
        if len(self._under_way) >= PULLS_WAITING_MAX:
            raise LocalError(f"{PULLS_WAITING_MAX} files are on their way already")
        most = min(bytes_max or self._settings.file_bytes, self._settings.file_bytes)
        return Pull(self.store, self.holders, digest, size, readers, most, progress)

    def _start(self, pull: Pull, peers: Sequence[PeerKey] | None, seconds_max: float) -> asyncio.Task[Blob]:
        task = asyncio.create_task(self._run(pull, peers, seconds_max), name=f"file {pull.digest.hex()[:12]}")
        self._under_way[pull.digest] = task
        task.add_done_callback(lambda done: self._done(pull.digest, done))
        return task

    async def _run(self, pull: Pull, peers: Sequence[PeerKey] | None, seconds_max: float) -> Blob:
        try:
            async with asyncio.timeout(seconds_max), self._turns:
                return await pull.run(pull.holders.likely() if peers is None else peers)
        except TimeoutError:
            raise LocalError(f"file {pull.digest.hex()[:12]} did not come within {seconds_max:g} s") from None

    def _done(self, digest: bytes, task: asyncio.Task[Blob]) -> None:
        self._under_way.pop(digest, None)
        if not task.cancelled() and task.exception() is not None:  # whoever waited has it; nobody may be left to
            while len(self._not_before) >= REMEMBERED_MAX:
                del self._not_before[next(iter(self._not_before))]
            self._not_before[digest] = asyncio.get_running_loop().time() + AGAIN_S

    async def stop(self) -> None:
        """Let go of what is being pulled; what came of it stays."""
        self.holders = None
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ------------------------------------------------------------------------------------- to peers
    async def readable(self, digest: bytes, asker: PeerKey | None) -> Blob | None:
        """The file, if it is here and for whoever asks: a peer that has proved its key, or anybody."""
        blob = await self.find(digest)
        if blob is None or blob.readers is Readers.PUBLIC:
            return blob
        if blob.readers is Readers.PEERS and asker is not None and asker in self._members.allowed():
            return blob
        return None

    async def shown(self, digest: bytes, proof: str | None) -> Blob | None:
        """As `readable`, for who came by HTTP, with what they say to prove who they are."""
        asker = proved(proof, self._members.own.key, digest) if proof is not None else None
        return await self.readable(digest, asker)

    async def answer(self, asker: PeerKey, question: bytes) -> bytes:
        """What answers a peer that has proved its key. RemoteError for what is no question."""
        asked = pieces.read_question(question)
        blob = await self.readable(asked.digest, asker)
        if blob is None:
            return pieces.absent()
        try:
            data = await asyncio.to_thread(blob.read, asked.offset, asked.bytes_max)
        except FileNotFoundError:
            return pieces.absent()
        return Piece(blob.size, data).encode()
