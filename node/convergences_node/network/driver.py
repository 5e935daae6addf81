# SPDX-License-Identifier: AGPL-3.0-or-later
"""Drives the replication machine: bytes from transports, what the archive tells, timers; and obeys what it asks.

The machine decides everything; this file obeys its outputs in order (`replication/outputs.py` is the contract). All
of it runs in the event loop, and nothing here waits: what is read (`library.py`) and what is kept (`keeping.py`) are
tasks whose answers go back to the machine.
Memory is bounded by what the machine lets peers send ahead (credit), and by the transports, which stop reading from a
peer whose frames are not consumed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence

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
from convergences_protocol.replication.views import Identity

from convergences_node.archive.archive import Archive
from convergences_node.archive.model import BodiesErased, EpochOpened, Event, HeadCame, LogGrew
from convergences_node.faults import NotNow
from convergences_node.network import serving
from convergences_node.network.announcer import Announcer
from convergences_node.network.consequences import Consequences
from convergences_node.network.ear import Ear
from convergences_node.network.joining import joined_answer, refused_answer
from convergences_node.network.keeping import Keeping
from convergences_node.network.library import Library, Question
from convergences_node.network.tasks import Tasks
from convergences_node.network.transport import Link, Listener, PeerKey, Transport

log = logging.getLogger(__name__)

MISBEHAVED_SECONDS = 3600.0
"""How long a peer is refused that broke a transport's own bounds; as the machine's first ban."""


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
        self._transports: dict[str, Transport] = {}
        self._tasks = Tasks(lambda error: log.error("a task of the network failed", exc_info=error))
        self._keeping = Keeping(archive, self._kept, self._refused)
        self._library = Library(archive, self.machine, monotonic)
        self._misdeeds: dict[PeerKey, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._announcer = Announcer(lambda: self._transports.values(), monotonic)
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
        await self._tasks.stop()
        await self._keeping.stop()

    def attach(self, transport: Transport) -> None:
        """Send through this transport to the peers that it links."""
        self._transports[transport.name] = transport

    def ear(self, transport: Transport) -> Listener:
        """The listener to start this transport with."""
        return Ear(self, transport.name)

    async def follow(self, identities: Sequence[Identity]) -> None:
        """The charter or the operator's choice has changed."""
        self.machine.follow(identities, self._now())
        self._obey()

    async def log_known(self, origin: str) -> None:
        """A log was made in the archive, or changed otherwise than by growing.

        It waits its turn on the belt: read beside it, the view could be older than a batch that was just kept, the
        batch would be asked for again, and the honest peer that sends it blamed.
        """
        self._keeping.put(origin, lambda: self._tell_log(origin))

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
        """See `Listener`."""

        async def ask() -> None:
            try:
                answer(joined_answer(await self._consequences.join_answer(request)))
            except NotNow as error:  # unanswered, it is asked again
                log.warning("the answer to an invitation cannot be taken now: %s", error)
            except ConvergencesError as error:
                answer(refused_answer(error))

        self._tasks.begin(ask())

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
                self._tasks.begin(self.log_known(previous))
                self._tasks.begin(self.log_known(origin))
            case BodiesErased(origin, dropped=False):
                self._tasks.begin(self._ask_again(origin))

    async def _ask_again(self, origin: str) -> None:
        """An erasure was judged anew: bodies that it named may be wanted again."""
        state = await self._archive.read(lambda reader: reader.log(origin))
        if state is not None and state.wanted:
            self.machine.wants(origin, state.wanted, self._now())
            self._obey()

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
                self._announcer.say(data)
            case Ingest(origin=origin):
                self._keeping.put(origin, output)
            case LoadBatch() | LoadProof() | ListWanted() | FindBodies():
                self._tasks.begin(self._answer(output))
            case KeepBodies(origin=origin, bodies=bodies):
                self._keeping.put_bodies(origin, bodies)
            case KeepHead(origin, head):
                self._keeping.put_head(origin, head)
            case KeepCosignature(origin, size, cosignature):
                self._keeping.put_cosignature(origin, size, cosignature)
            case Rewind(origin, size):
                self._keeping.put(origin, lambda: self._rewind(origin, size))
            case KeepFork(origin, proof):
                self._tasks.begin(self._keeping.keep_fork(origin, proof))
            case RaiseDoubt(origin, head):
                self._tasks.begin(self._consequences.own_head_doubted(origin, head))
            case Mentioned(_, origins):
                self._consequences.origins_mentioned(origins)
            case Contested(origin, head):
                self._consequences.head_contested(origin, head)
            case Drop(peer, reason, seconds):
                self._drop(bytes.fromhex(peer), reason, seconds)

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

    def _kept(self, fetch: int, stop: int, wanted: int) -> None:
        self.machine.kept(fetch, stop, self._now(), wanted)
        self._obey()

    def _refused(self, fetch: int, error: ConvergencesError) -> None:
        self.batches_refused += 1
        self.machine.refused(fetch, error, self._now())
        self._obey()

    async def _answer(self, asked: Question) -> None:
        """Read for a peer, and give the answer to the machine."""
        await self._library.answer(asked)
        self._obey()

    async def _rewind(self, origin: str, size: int) -> None:
        await self._consequences.rewind(origin, size)
        view = await self._archive.read(lambda reader: serving.log_view(reader, origin))
        if view is not None:
            self.machine.rewound(view, self._now())
            self._obey()

    # ------------------------------------------------------------------------------------- time
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
