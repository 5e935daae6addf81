# SPDX-License-Identifier: AGPL-3.0-or-later
"""Drives the replication machine: bytes from transports, reads and writes of the archive, timers, worker threads.

The machine decides everything; this file obeys its outputs in order (`replication/outputs.py` is the contract). All
of it runs in the event loop, and nothing here waits: reads and belts are tasks whose answers go back to the machine.
Memory is bounded by what the machine lets peers send ahead (credit), and by the transports, which stop reading from a
peer whose frames are not consumed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from convergences_protocol.cosignature import Cosignature
from convergences_protocol.errors import ConvergencesError
from convergences_protocol.replication.machine import Replicator
from convergences_protocol.replication.outputs import (
    Announce,
    Contested,
    Drop,
    FindBodies,
    Ingest,
    KeepBodies,
    KeepCosignature,
    KeepFork,
    KeepHead,
    ListWanted,
    LoadBatch,
    LoadProof,
    Mentioned,
    Output,
    RaiseDoubt,
    Rewind,
    Send,
)
from convergences_protocol.replication.views import Held, Identity

from convergences_node.archive.archive import Archive
from convergences_node.archive.model import EpochOpened, Event, HeadCame, LogGrew
from convergences_node.network import serving
from convergences_node.network.ingest import Belt
from convergences_node.network.transport import Link, Listener, PeerKey, Transport

log = logging.getLogger(__name__)

CHECKING_THREADS = 2
"""Signature checks leave the interpreter's lock: two threads give 1.9 times one (PERFORMANCE.md), more give nothing on
two cores and take them from the pages on four."""

READS_MAX = 8
"""Reads for peers under way at once; the archive has four reading threads, and pages use them too."""

ANNOUNCE_EVERY_S = 1.0
"""Gossip costs 8 ms of CPU a message at every node (LIBP2P.md); open links carry each head at once anyway."""

MISBEHAVED_SECONDS = 3600.0
"""How long a peer is refused that broke a transport's own bounds; as the machine's first ban."""

JOINED, REFUSED = b"\x01", b"\x00"
REFUSAL_BYTES_MAX = 1_000


class Consequences(Protocol):
    """What the driver leaves to the town: everything that is not moving logs."""

    async def join_answer(self, data: bytes) -> bytes:
        """Answer someone who takes up an invitation; raises `ConvergencesError`."""

    def peer_dropped(self, key: PeerKey, reason: str, seconds: float) -> None:
        """A peer lied: to be remembered, and refused for so long."""

    def origins_mentioned(self, origins: Sequence[str]) -> None:
        """A peer says which logs it follows: one may be a new epoch that nobody here has heard of."""

    def head_contested(self, origin: str, head: Held) -> None:
        """A validly signed head that our copy of that log does not extend."""

    async def own_head_doubted(self, origin: str, head: Held) -> None:
        """A validly signed head of our own log that our tree does not extend."""

    async def rewind(self, origin: str, size: int) -> None:
        """Set the records of a log from `size` on aside."""


class _Ear:
    """The `Listener` of one transport: what it tells of a link that another transport holds now is not heard.

    A link that was replaced goes on talking for a moment. Its last frames would be taken for the first of the new link,
    and an honest peer blamed for them; its end would be taken for the end of the new one.
    """

    def __init__(self, driver: Driver, transport: str) -> None:
        self._driver = driver
        self._transport = transport
        self.heard = driver.heard
        self.misbehaved = driver.misbehaved
        self.join_asked = driver.join_asked

    def _holds(self, key: PeerKey) -> bool:
        link = self._driver.links.get(key)
        return link is not None and link.transport == self._transport

    def connected(self, link: Link) -> None:
        self._driver.connected(link)

    def disconnected(self, key: PeerKey) -> None:
        if self._holds(key):
            self._driver.disconnected(key)

    def received(self, key: PeerKey, frame: bytes, consumed: Callable[[], None]) -> None:
        if self._holds(key):
            self._driver.received(key, frame, consumed)
        else:
            consumed()

    def drained(self, key: PeerKey, frames: int) -> None:
        if self._holds(key):
            self._driver.drained(key, frames)


class Driver:
    """One node's replication. `start`, then give it transports that report to its `ear` for them."""

    def __init__(
        self,
        archive: Archive,
        consequences: Consequences,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], int] = lambda: int(time.time()),
        machine: Replicator | None = None,
    ) -> None:
        self.machine = machine or Replicator()
        self.links: dict[PeerKey, Link] = {}
        self._sizes: dict[str, int] = {}
        """Others' logs that grew since the start, and how far they are here."""
        self._own_sizes: dict[str, int] = {}
        """Our own logs' latest heads that the machine was told of."""
        self._sent: dict[PeerKey, int] = {}
        """Frames given to each link."""
        self.heard_at: dict[PeerKey, int] = {}
        """When each peer was last heard, by this machine's clock: for people's eyes."""
        self.received_from: dict[PeerKey, int] = {}
        """Bytes of frames that each peer sent since the start; as bounded as the peers that are let in."""
        self.bytes_received = 0
        self.bytes_sent = 0
        self.batches_refused = 0
        self._archive = archive
        self._consequences = consequences
        self._now = monotonic
        self._clock = clock
        self._pool = ThreadPoolExecutor(CHECKING_THREADS, thread_name_prefix="checking")
        self._transports: dict[str, Transport] = {}
        self._belts: dict[str, Belt] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._reads = asyncio.Semaphore(READS_MAX)
        self._misdeeds: dict[PeerKey, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._announcement: bytes | None = None
        self._announced_at = -ANNOUNCE_EVERY_S
        self._unsubscribe: Callable[[], None] = lambda: None

    async def start(self, identities: Iterable[Identity], misdeeds: dict[PeerKey, int]) -> None:
        """Tell the machine what is held and whom it follows."""
        self._loop = asyncio.get_running_loop()
        self._misdeeds = dict(misdeeds)
        self._unsubscribe = self._archive.subscribe(self._archive_changed)
        self.machine.follow(identities, self._now())
        views = await self._archive.read(
            lambda reader: [serving.log_view(reader, state.origin) for state in reader.logs()]
        )
        for view in views:
            if view is not None:
                self.machine.log_known(view, self._now())
        self._obey()

    async def stop(self) -> None:
        """Forget what is under way. The transports are to be stopped before."""
        self._unsubscribe()
        if self._timer is not None:
            self._timer.cancel()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(belt.stop() for belt in self._belts.values()))
        self._pool.shutdown(wait=True, cancel_futures=True)

    def attach(self, transport: Transport) -> None:
        """Send through this transport to the peers that it links."""
        self._transports[transport.name] = transport

    def ear(self, transport: Transport) -> Listener:
        """The listener to start this transport with."""
        return _Ear(self, transport.name)

    async def follow(self, identities: Sequence[Identity]) -> None:
        """The charter or the operator's choice has changed."""
        self.machine.follow(identities, self._now())
        self._obey()

    async def log_known(self, origin: str) -> None:
        """A log was made in the archive, or changed otherwise than by growing.

        It waits its turn on the belt: read beside it, the view could be older than a batch that was just kept, the
        batch would be asked for again, and the honest peer that sends it blamed.
        """
        self._belt(origin).put(lambda: self._tell_log(origin))

    async def _tell_log(self, origin: str) -> None:
        view = await self._archive.read(lambda reader: serving.log_view(reader, origin))
        while view is not None and view.own and view.size < self._own_sizes.get(origin, 0):
            view = await self._archive.read(lambda reader: serving.log_view(reader, origin))
        if view is not None:
            self.machine.log_known(view, self._now())
            self._obey()

    def backlog(self) -> int:
        """Records of logs that are being fetched, still to come."""
        return sum(max(0, self.machine.target(origin) - size) for origin, size in self._sizes.items())

    # ------------------------------------------------------------------------------------- what transports tell
    def connected(self, link: Link) -> None:
        """See `Listener`."""
        former = self.links.get(link.key)
        if former is not None:
            self.machine.disconnected(link.key.hex(), self._now())
            if former.transport != link.transport:
                self._transports[former.transport].drop(link.key)
        self.links[link.key] = link
        self._sent[link.key] = 0
        log.info("connected with %s by %s at %s", link.key.hex()[:12], link.transport, link.address)
        self.machine.connected(link.key.hex(), link.key, self._now(), self._misdeeds.get(link.key, 0))
        self._obey()

    def disconnected(self, key: PeerKey) -> None:
        """See `Listener`."""
        if self.links.pop(key, None) is not None:
            log.info("disconnected from %s", key.hex()[:12])
            self.machine.disconnected(key.hex(), self._now())
            self._obey()

    def received(self, key: PeerKey, frame: bytes, consumed: Callable[[], None]) -> None:
        """See `Listener`. What a peer may send ahead is bounded by the machine's credit: the frame is consumed here."""
        consumed()
        self.bytes_received += len(frame)
        self.received_from[key] = self.received_from.get(key, 0) + len(frame)
        self.heard_at[key] = self._clock()
        if key in self.links:
            self.machine.receive(key.hex(), frame, self._now())
            self._obey()

    def drained(self, key: PeerKey, frames: int) -> None:
        """See `Listener`. What was queued meanwhile is not drained yet, and will be told of again."""
        if key in self.links and frames == self._sent[key]:
            self.machine.drained(key.hex(), self._now())
            self._obey()

    def heard(self, data: bytes) -> None:
        """See `Listener`."""
        self.machine.heard(data, self._now())
        self._obey()

    def misbehaved(self, key: PeerKey, reason: str) -> None:
        """See `Listener`. The transport's own bounds were broken; how long that costs is for the town."""
        self._drop(key, reason, MISBEHAVED_SECONDS)

    def join_asked(self, key: PeerKey, request: bytes, answer: Callable[[bytes], None]) -> None:
        """See `Listener`. The answer's first byte says whether it is one, or a refusal in words."""

        async def ask() -> None:
            try:
                answer(JOINED + await self._consequences.join_answer(request))
            except ConvergencesError as error:
                answer(REFUSED + str(error).encode()[:REFUSAL_BYTES_MAX])

        self._spawn(ask())

    # ------------------------------------------------------------------------------------- what the archive tells
    def _archive_changed(self, event: Event) -> None:
        match event:
            case HeadCame(origin, size, note, own=True):
                self._own_sizes[origin] = size
                self.machine.log_grew(origin, serving.held(note), self._now())
                self._obey()
            case LogGrew(origin, _, size, own=False):
                self._sizes[origin] = size
            case EpochOpened(origin, previous):
                self._spawn(self.log_known(previous))
                self._spawn(self.log_known(origin))

    def cosigned(self, origin: str, size: int, cosignature: Cosignature) -> None:
        """This node has cosigned a head of that log, and stored the line."""
        self.machine.cosigned(origin, size, [cosignature], self._now())
        self._obey()

    # ------------------------------------------------------------------------------------- what the machine asks
    def _obey(self) -> None:
        for output in self.machine.outputs():
            self._do(output)
        self._set_timer()

    def _do(self, output: Output) -> None:
        match output:
            case Send(peer, data):
                self._send(bytes.fromhex(peer), data)
            case Announce(data):
                self._announce(data)
            case Ingest(origin=origin):
                self._belt(origin).put(output)
            case LoadBatch() | LoadProof() | ListWanted() | FindBodies():
                self._spawn(self._load(output))
            case KeepBodies(origin=origin, bodies=bodies):
                self._belt(origin).put(lambda: self._keep_bodies(bodies))
            case KeepHead(origin, head):
                self._belt(origin).put(lambda: self._keep_head(origin, head))
            case KeepCosignature(origin, size, cosignature):
                self._belt(origin).put(lambda: self._keep_cosignatures(origin, size, [cosignature]))
            case Rewind(origin, size):
                self._belt(origin).put(lambda: self._rewind(origin, size))
            case KeepFork(origin, proof):
                self._spawn(self._keep_fork(origin, proof))
            case RaiseDoubt(origin, head):
                self._spawn(self._consequences.own_head_doubted(origin, head))
            case Mentioned(_, origins):
                self._consequences.origins_mentioned(origins)
            case Contested(origin, head):
                self._consequences.head_contested(origin, head)
            case Drop(peer, reason, seconds):
                self._drop(bytes.fromhex(peer), reason, seconds)

    def _announce(self, data: bytes) -> None:
        """Gossip the newest head, at most so often: an import makes ten a second, and only the last is worth a word."""
        waiting, self._announcement = self._announcement is not None, data
        if not waiting:
            due = max(0.0, self._announced_at + ANNOUNCE_EVERY_S - self._now())
            self._loop.call_later(due, self._gossip)

    def _gossip(self) -> None:
        data, self._announcement = self._announcement, None
        self._announced_at = self._now()
        assert data is not None, "a call is due only while an announcement waits"
        for transport in self._transports.values():
            transport.announce(data)

    def _send(self, key: PeerKey, data: bytes) -> None:
        link = self.links.get(key)
        if link is not None:
            self._sent[key] += 1
            self.bytes_sent += len(data)
            self._transports[link.transport].send(key, data)

    def _drop(self, key: PeerKey, reason: str, seconds: float) -> None:
        link = self.links.get(key)
        if link is not None:
            self._transports[link.transport].drop(key)
        if seconds > 0:
            log.warning("peer %s is dropped for %d s: %s", key.hex()[:12], seconds, reason)
            self._misdeeds[key] = self._misdeeds.get(key, 0) + 1
            self._consequences.peer_dropped(key, reason, seconds)
        else:
            log.info("peer %s is left: %s", key.hex()[:12], reason)

    def _belt(self, origin: str) -> Belt:
        belt = self._belts.get(origin)
        if belt is None:
            belt = self._belts[origin] = Belt(origin, self._archive, self._pool, self._kept, self._refused)
        return belt

    def _kept(self, fetch: int, stop: int, wanted: int) -> None:
        self.machine.kept(fetch, stop, self._now(), wanted)
        self._obey()

    def _refused(self, fetch: int, error: ConvergencesError) -> None:
        self.batches_refused += 1
        self.machine.refused(fetch, error, self._now())
        self._obey()

    async def _keep_bodies(self, bodies: Sequence[tuple[bytes, bytes]]) -> None:
        await self._archive.keep_bodies(bodies)

    async def _keep_head(self, origin: str, head: Held) -> None:
        await self._archive.keep_head(origin, head.size, head.note)
        await self._keep_cosignatures(origin, head.size, head.cosignatures)

    async def _keep_cosignatures(self, origin: str, size: int, cosignatures: Sequence[Cosignature]) -> None:
        for each in cosignatures:
            await self._archive.keep_cosignature(origin, size, each.cosigner_name, each.time, each.line)

    async def _keep_fork(self, origin: str, proof: bytes) -> None:
        if await self._archive.keep_fork(origin, proof):
            log.warning("the log %s has two histories: the proof is kept", origin)

    async def _rewind(self, origin: str, size: int) -> None:
        await self._consequences.rewind(origin, size)
        view = await self._archive.read(lambda reader: serving.log_view(reader, origin))
        if view is not None:
            self.machine.rewound(view, self._now())
            self._obey()

    async def _load(self, asked: LoadBatch | LoadProof | ListWanted | FindBodies) -> None:
        """Read for a peer, and give the answer to the machine."""
        try:
            async with self._reads:
                await self._load_and_tell(asked)
        except (ConvergencesError, LookupError, ValueError) as error:
            log.debug("cannot serve %s: %s", asked, error)
            self.machine.not_loaded(asked.request, self._now())
        self._obey()

    async def _load_and_tell(self, asked: LoadBatch | LoadProof | ListWanted | FindBodies) -> None:
        read, machine = self._archive.read, self.machine
        match asked:
            case LoadBatch():
                headers, bodies, proof = await read(lambda reader: serving.load_batch(reader, asked))
                machine.batch_loaded(asked.request, headers, bodies, proof, self._now())
            case LoadProof():
                root, hashes = await read(lambda reader: serving.load_proof(reader, asked))
                machine.proof_loaded(asked.request, root, hashes, self._now())
            case ListWanted():
                wanted = await read(lambda reader: reader.wanted(asked.origin, asked.limit, asked.start))
                machine.wanted_listed(asked.request, wanted, self._now())
            case FindBodies():
                considered, found = await read(lambda reader: serving.find_bodies(reader, asked))
                machine.bodies_found(asked.request, considered, found, self._now())

    # ------------------------------------------------------------------------------------- time and tasks
    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.machine.wake_at()
        if due is not None:
            self._timer = self._loop.call_later(max(0.0, due - self._now()), self._wake)

    def _wake(self) -> None:
        self.machine.wake(self._now())
        self._obey()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a task of the network failed", exc_info=error)
