# SPDX-License-Identifier: AGPL-3.0-or-later
"""A simulated node: the real machine, charter, checks and rules of doubt, over an archive in memory.

What is written is written later, in order, and only then answered; a crash loses what was not written yet, and all that
the machine remembered. The guard becomes durable after the archive, and a head is shown after both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from convergences_protocol.charter import Charter
from convergences_protocol.keys import SigningKey
from convergences_protocol.origin import LogIdentity

from .archive import SimArchive, SimLog
from .belonging import Belonging
from .driver import Driver
from .forgetting import Forgetting
from .wire import Endpoint, Link, Wire

if TYPE_CHECKING:
    from .world import World

WRITE_SECONDS = 0.02
HEADS = b"\x02"
"""The number of the message `Heads`, second byte of its frame."""


class Node:
    """One machine with one card. `Town` and `Agglomeration` add what people do there."""

    def __init__(self, world: World, id: str, territory: str, key: SigningKey, recovery: bytes) -> None:
        self.world, self.wire = world, world.wire
        self.id, self.territory, self.key, self.recovery = id, territory, key, recovery
        self.peer = key.public.hex()
        self.alive = False
        self.links: dict[str, Link] = {}
        self.archive = SimArchive()
        self.guard: tuple[bytes, str] | None = None
        self.machine_id = id
        self.pinned: LogIdentity | None = None
        self.keeps_all = False
        self.keeps: tuple[str, ...] = ()
        self.dials: list[Endpoint] = []
        self.banned: dict[str, float] = {}
        self.misdeeds: dict[str, int] = {}
        self.incarnation = 0
        self.honest = True
        self.burnt = False
        """Its card is gone, with its keys: it never comes back."""
        self.clock_ahead: float | None = 0.0
        """How wrong the wall clock is, in seconds; None where it cannot be right, as in 1970 or 2100."""
        self.clock_was_wrong = False
        self._forget()

    def _forget(self) -> None:
        """What a crash loses."""
        self.driver = Driver(self)
        self.machine = self.driver.machine
        self.belonging = Belonging(self)
        self.forgetting = Forgetting(self.archive, self._wants_again)
        self._dialling: dict[str, None] = {}
        self._written_at = 0.0

    # --- life ---

    def start(self) -> None:
        """Power on."""
        if self.burnt:
            return
        self.alive = True
        self.incarnation += 1
        self._forget()
        self.links.clear()
        self.wire.mark(f"start {self.id}")
        assert self.pinned is not None
        self.belonging.begin(self.pinned)  # read in a moment; until then only our own logs are known to be ours
        self.awake()
        self.read_charter()
        now = self.wire.now
        self.machine.follow(self.belonging.identities(), now)
        for origin in self.archive.logs:
            self.machine.log_known(self.archive.view(origin), now)
        for log in self.archive.logs.values():
            self.forgetting.take(log, 0, self.time())
        self.judge_erasures()
        self.obey()
        for other in self.dials:
            self.dial_in(self.wire.random.random() * 5, other)

    def awake(self) -> None:
        """Before anything is said to anyone."""

    def stop(self) -> None:
        """Power off, in the middle of whatever it was."""
        if not self.alive:
            return
        self.wire.mark(f"stop {self.id}")
        self.alive = False
        self.incarnation += 1
        for link in list(self.links.values()):
            self.wire.close(link)
        self.links.clear()

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """In a while, if this is still the same life."""
        life = self.incarnation

        def in_this_life() -> None:
            if self.incarnation == life:
                call()

        self.wire.after(seconds, in_this_life)

    def write(self, commit: Callable[[], None]) -> None:
        """Write to the card: after what waits already, and not if the power goes before."""
        self._written_at = max(self._written_at, self.wire.now) + self.wire.random.random() * WRITE_SECONDS

        def written() -> None:
            commit()
            self.obey()

        self.later(self._written_at - self.wire.now, written)

    # --- network ---

    def dial(self, other: Endpoint) -> None:
        """Connect; try again as long as there is no connection, and once it has broken."""
        self._dialling.pop(other.id, None)
        linked = other.peer in self.links or (self._may_speak(other.peer) and self.wire.connect(self, other))
        if not linked:
            self.dial_in(10 + self.wire.random.random() * 40, other)

    def dial_in(self, seconds: float, other: Endpoint) -> None:
        """Connect in a while, unless that is to happen anyway."""
        if other.id not in self._dialling:
            self._dialling[other.id] = None
            self.later(seconds, lambda: self.dial(other))

    def _may_speak(self, peer: str) -> bool:
        return self.banned.get(peer, 0.0) <= self.wire.now

    def linked(self, link: Link, other: Endpoint) -> None:
        if not self._may_speak(other.peer):
            self.later(0.0, lambda: self.wire.close(link))
            return
        key = bytes.fromhex(other.peer)
        self.machine.connected(other.peer, key, self.wire.now, self.misdeeds.get(other.peer, 0))
        self.obey()

    def unlinked(self, peer: str) -> None:
        for other in self.dials:
            if other.peer == peer:
                self.dial_in(self.wire.random.random() * 30, other)
        self.machine.disconnected(peer, self.wire.now)
        self.obey()

    def deliver(self, peer: str, data: bytes) -> None:
        self.machine.receive(peer, data, self.wire.now)
        self.obey()

    def gossip(self, data: bytes) -> None:
        self.machine.heard(data, self.wire.now)
        self.obey()

    def obey(self) -> None:
        """Do what the machine asks, until it asks for nothing."""
        self.driver.obey()

    def send(self, peer: str, data: bytes) -> None:
        may_vanish = self.world.swallow and self.world.faults_on and data[1:2] == HEADS
        if may_vanish and self.wire.random.random() < self.world.swallow:
            return
        self.wire.send(self, peer, data)

    def dropped(self, peer: str, reason: str, seconds: float) -> None:
        """The machine will have no more of a peer, for so long."""
        self.wire.mark(f"drop {self.id} {reason}")
        self.world.dropped(self, peer, reason, seconds)
        if seconds:
            self.banned[peer] = self.wire.now + seconds
            self.misdeeds[peer] = self.misdeeds.get(peer, 0) + 1
        link = self.links.get(peer)
        if link:
            self.later(0.0, lambda: self.wire.close(link))

    # --- what people and epochs make of it ---

    def doubted(self, origin: str, head: object) -> None: ...
    def contested(self, origin: str) -> None: ...
    def set_aside(self, log: SimLog, size: int) -> None: ...
    def charter_changed(self) -> None: ...
    def log_grown(self, log: SimLog, start: int) -> None: ...

    # --- who belongs ---

    @property
    def charter(self) -> Charter:
        """As far as it was read."""
        return self.belonging.charter

    def read_charter(self) -> None:
        """Begin again from what is on the card."""
        assert self.pinned is not None
        self.belonging.begin(self.pinned)
        self.presume()
        for log in list(self.archive.logs.values()):
            self.belonging.apply(log, 0)

    def presume(self) -> None:
        """One's own logs count before the charter names them."""

    def mentioned(self, origins: tuple[str, ...]) -> None:
        """A peer has said that there are logs that the charter does not name."""
        if self.belonging.mentioned(origins):
            self.machine.follow(self.belonging.identities(), self.wire.now)

    def grown(self, log: SimLog, start: int) -> None:
        """A log has new records on the card."""
        if self.belonging.apply(log, start):
            self.follow()
        self._take_erasures(log, start)
        self.log_grown(log, start)

    def follow(self) -> None:
        """The charter says something new."""
        self.machine.follow(self.belonging.identities(), self.wire.now)
        self.judge_erasures()
        self.charter_changed()

    # --- forgetting ---

    def time(self) -> int | None:
        """The wall clock of this machine; None while it cannot be right."""
        if self.clock_ahead is None:
            return None
        return int(self.world.started + self.wire.now + self.clock_ahead)

    def judge_erasures(self) -> None:
        """By the charter and the clock as they are now: to be done when either has changed, and every hour."""
        self.forgetting.sweep(self.charter, self.time())

    def _take_erasures(self, log: SimLog, start: int) -> None:
        if self.forgetting.take(log, start, self.time()):
            self.judge_erasures()

    def _wants_again(self, origin: str, wanted: int) -> None:
        self.machine.wants(origin, wanted, self.wire.now)


__all__ = ["Node", "Wire"]
