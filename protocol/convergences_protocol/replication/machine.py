# SPDX-License-Identifier: AGPL-3.0-or-later
"""The replication machine: what a node says to its peers so that logs travel, without a socket, a clock or a disk.

Towns are single writers, so replication is: learn a head, fetch `[mine, its)`, check, store. The machine keeps no
memory of what a peer had yesterday; each exchange starts from both sides' content. It decides who is asked for what
and judges what was said; the driver moves bytes, reads and writes the archive, and runs the checks of `check.py` in
its worker threads.

The driver's contract:
- Every call is made from one thread. `now` is a monotonic clock in seconds, never wound back.
- After every call, take `outputs()` and obey in order (outputs.py says how each is answered).
- Call `wake(now)` when `wake_at()` has come.
- At start: `follow`, then `log_known` for each log in the archive, then connections.
- One connection a peer: a second one of the same peer is `disconnected` and `connected` again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..cosignature import Cosignature
from ..errors import ConvergencesError, RemoteError
from .bodies import BodyRoom
from .disputes import DisputeRoom
from .fetching import FetchRoom
from .fields import GivenBody
from .frames import decode
from .heads import HeadRoom
from .limits import EXCHANGE_SECONDS, PEERS_MAX
from .messages import (
    Batch,
    Bodies,
    Bye,
    Cannot,
    Doubt,
    Forks,
    Heads,
    Hello,
    Message,
    More,
    Proof,
    Stop,
    Want,
    WantBodies,
    WantProof,
)
from .outputs import Output
from .serving import ServeRoom
from .table import Log, Peer, Table
from .views import Held, Identity, LogView


class Replicator:
    """One node's side of every exchange. See the module's docstring for what the driver promises."""

    def __init__(self) -> None:
        table = self._table = Table()
        heads = self._heads = HeadRoom(table)
        fetching = self._fetching = FetchRoom(table)
        disputes = self._disputes = DisputeRoom(table)
        self._serving = ServeRoom(table)
        self._bodies = BodyRoom(table)
        self._gossip = Peer("gossip", b"", 0, 0.0)
        table.dropped = self.disconnected
        heads.claimed = self._claimed
        fetching.finished = self._finished
        fetching.mismatched, fetching.probe, fetching.bisect = disputes.mismatched, disputes.probe, disputes.bisect
        disputes.back_off, disputes.consider, disputes.forked = fetching.back_off, fetching.consider, heads.forked

    # --- the world: charter and archive ---

    def follow(self, identities: Iterable[Identity], now: float) -> None:
        """The logs that the charter names and the operator follows, own ones among them; replaces the list before.

        An own log is in it whether the charter names it already or not.
        """
        named = {identity.origin: identity for identity in identities}
        for log in self._table.logs.values():
            if log.identity and log.origin not in named:
                log.identity = None
                self._fetching.halt(log, now)
        added = [new for identity in named.values() if (new := self._follow_one(identity, now))]
        if added:
            self._table.send_each(self._table.peers.values(), self._heads.greeting(added))

    def _follow_one(self, identity: Identity, now: float) -> Log | None:
        """Take over what the charter says of a log; the log, if it was not followed before under that key.

        What peers showed of it under a guessed key was not believed, and is to be asked for again.
        """
        log = self._table.log(identity.origin)
        before, log.identity = log.identity, identity
        if before == identity:
            return None
        log.heard.clear()
        log.backoffs.clear()  # whoever held another history than ours may hold the one that counts now
        end = identity.end
        if end and not identity.past_end and log.pinned and log.pinned.size > end.size:
            self._fetching.halt(log, now)
            log.pinned = None
        self._disputes.agree(log, now)
        self._claimed(log, now)
        return None if before and before.key == identity.key else log

    def log_known(self, view: LogView, now: float) -> None:
        """What the archive holds of one log: at start, when a log was created, and when own becomes closed."""
        log = self._table.log(view.origin)
        self._fetching.halt(log, now)
        self._serving.rewritten(log.origin)
        log.see(view)
        log.doubted = False
        self._disputes.agree(log, now)
        self._heads.push(log)
        self._claimed(log, now)

    def log_grew(self, origin: str, head: Held, now: float) -> None:
        """Our own log has a new signed head: durable, guarded. From here on it may be told to peers, and is."""
        log = self._table.log(origin)
        log.size, log.head = head.size, head
        log.note_root(head.size, head.root)
        self._heads.push(log)
        self._heads.announce(log)

    def cosigned(self, origin: str, head_size: int, lines: Sequence[Cosignature], now: float) -> None:
        """These cosignatures stand beside our copy's head of that size; those that are new to the machine are told on.

        To be called when we have cosigned ourselves; lines from peers need no second call.
        """
        for line in lines:
            self._heads.cosignatures.cosigned(self._table.log(origin), head_size, line)

    def wants(self, origin: str, wanted: int, now: float) -> None:
        """The archive wants so many bodies of a log, more than before: an erasure that named them counts no more."""
        log = self._table.log(origin)
        log.wanted = max(log.wanted, wanted)
        self._bodies.round(log, now)

    # --- the wire ---

    def connected(self, peer: str, key: bytes, now: float, misdeeds: int = 0) -> None:
        """A replicate stream with `peer` is open, either side having dialled. `key` is its node's public key, proved
        by the transport. `misdeeds` is how often this peer has been dropped for lying before."""
        self.disconnected(peer, now)
        state = self._table.peers[peer] = Peer(peer, key, misdeeds, now)
        if len(self._table.peers) > PEERS_MAX:
            self._table.drop(state, f"more than {PEERS_MAX} peers at the same time", now)
            return
        self._exchange(state, now)

    def disconnected(self, peer: str, now: float) -> None:
        """The stream is gone, whoever closed it."""
        state = self._table.peers.pop(peer, None)
        if state is None:
            return
        self._serving.peer_gone(state, now)
        self._fetching.peer_gone(peer, now)
        self._disputes.peer_gone(peer, now)
        self._bodies.peer_gone(peer, now)

    def _exchange(self, peer: Peer, now: float) -> None:
        """Say what we have, now and every so often: what pushes and gossip have lost is found then."""
        if self._table.peers.get(peer.name) is not peer:
            return
        self._table.send(peer.name, self._heads.greeting(self._table.logs.values()))
        for origin in peer.claims:
            log = self._table.log(origin)
            log.swept.pop(peer.name, None)
            self._bodies.consider(log, now)
        self._table.timers.at(now + EXCHANGE_SECONDS, lambda later: self._exchange(peer, later))

    def receive(self, peer: str, data: bytes, now: float) -> None:
        """One frame from a peer. Never raises for what is in it: a peer that misbehaves is dropped."""
        state = self._table.peers.get(peer)
        if state is None:
            return  # dropped while this was on its way
        try:
            message = decode(data)
            if not state.spend(_cost(message), now):
                self._table.drop(state, "asks for more than its share", now)
                return
            self._handle(state, message, now)
        except RemoteError as error:
            self._table.misdeed(state, str(error), now)

    def _handle(self, peer: Peer, message: Message, now: float) -> None:
        """Who takes which message. Raises `RemoteError` for a misdeed."""
        if not peer.greeted and not isinstance(message, Hello | Bye):
            raise RemoteError(f"{type(message).__name__.lower()} before hello")
        match message:
            case Hello():
                self._heads.hello(peer, message, now)
            case Heads():
                self._heads.heads(message, peer, now)
            case Doubt():
                self._heads.doubt(peer, message, now)
            case Forks():
                self._heads.forks(message, now)
            case Batch():
                self._fetching.batch(peer, message, now)
            case Cannot():
                self._fetching.cannot(peer, message, now)
            case Want():
                self._serving.want(peer, message, now)
            case More():
                self._serving.more(peer, message, now)
            case Stop():
                self._serving.stop(peer, message, now)
            case WantProof():
                self._serving.want_proof(peer, message, now)
            case Proof():
                self._disputes.proof(peer, message, now)
            case WantBodies():
                self._bodies.want_bodies(peer, message, now)
            case Bodies():
                self._bodies.bodies(peer, message, now)
            case Bye():
                self._table.drop(peer, f"said good-bye: {message.reason}", now)

    def heard(self, data: bytes, now: float) -> None:
        """A gossip message, from anyone, or one that was posted to us: a hint. Never raises, never drops anybody.

        Heads, doubts and fork proofs, which are believed for their author's signature, whoever says them.
        """
        try:
            message = decode(data)
            if isinstance(message, Heads | Doubt | Forks) and self._gossip.spend(_cost(message), now):
                self._hear(message, now)
        except RemoteError:
            pass  # whoever published it is not known here, and the one who passed it on need not have looked

    def _hear(self, message: Heads | Doubt | Forks, now: float) -> None:
        match message:
            case Heads():
                self._heads.heads(message, None, now)
            case Doubt():
                self._heads.doubt(None, message, now)
            case Forks():
                self._heads.forks(message, now)

    def drained(self, peer: str, now: float) -> None:
        """All the frames given for a peer have been handed to the network."""
        state = self._table.peers.get(peer)
        if state:
            self._serving.drained(state, now)

    # --- answers to outputs ---

    def kept(self, fetch: int, stop: int, now: float, wanted: int = 0) -> None:
        """`Ingest` of that fetch is durable up to `stop`; `wanted` bodies of the batch are missing."""
        self._fetching.kept(fetch, stop, wanted, now)

    def refused(self, fetch: int, error: ConvergencesError, now: float) -> None:
        """`Ingest` failed: `RemoteError` from the checks (the peer, or the author, lied), or a local error (disk)."""
        self._fetching.refused(fetch, error, now)

    def batch_loaded(
        self,
        request: int,
        headers: Sequence[bytes],
        bodies: Sequence[GivenBody],
        proof: Sequence[bytes],
        now: float,
    ) -> None:
        """The answer to `LoadBatch`: at least one record, at most what was asked for."""
        self._table.answered(request, headers, bodies, proof, now)

    def proof_loaded(self, request: int, root: bytes, proof: Sequence[bytes], now: float) -> None:
        """The answer to `LoadProof`: the root at `old`, and the proof from it to `new`."""
        self._table.answered(request, root, tuple(proof), now)

    def wanted_listed(self, request: int, wanted: Sequence[tuple[int, bytes]], now: float) -> None:
        """The answer to `ListWanted`: record number and body digest, in order of number."""
        self._table.answered(request, wanted, now)

    def bodies_found(self, request: int, considered: int, bodies: Sequence[bytes], now: float) -> None:
        """The answer to `FindBodies`."""
        self._table.answered(request, considered, bodies, now)

    def not_loaded(self, request: int, now: float) -> None:
        """The answer to any `Load…`, `List…` or `Find…` that the archive could not give."""
        self._table.answered(request)

    def rewound(self, view: LogView, now: float) -> None:
        """The answer to `Rewind`: the log as it is now."""
        self._serving.rewritten(view.origin)
        self._disputes.rewound(self._table.log(view.origin), view, now)

    # --- time, and what is to be done ---

    def wake_at(self) -> float | None:
        """When `wake` is due; None when only a call can bring work."""
        return self._table.timers.next()

    def wake(self, now: float) -> None:
        """Time has passed: stalls, retries, the exchange of heads."""
        self._table.timers.run(now)

    def outputs(self) -> list[Output]:
        """What the driver is to do, in order; each is given once."""
        return self._table.take()

    def target(self, origin: str) -> int:
        """The largest size of that log that any connected peer has shown a signed head for: minus our own, the lag."""
        claims = (peer.claims.get(origin) for peer in self._table.peers.values())
        return max((claim.size for claim in claims if claim), default=self._table.log(origin).size)

    # --- between the rooms ---

    def _claimed(self, log: Log, now: float) -> None:
        """A peer may be able to give more of a log: records, or bodies."""
        self._fetching.consider(log, now)
        self._bodies.consider(log, now)

    def _finished(self, log: Log, now: float) -> None:
        """A log has reached a head: relay it, hold it against the charter, ask for the bodies that did not come."""
        self._heads.push(log)
        self._disputes.agree(log, now)
        self._bodies.round(log, now)


def _cost(message: Message) -> float:
    """What a message makes us do, in checks of a signature (0.1 ms). A batch was asked for, and is paid by credit."""
    match message:
        case Hello():
            return 1 + len(message.follows) / 8
        case Heads():
            return 1 + sum(1 + len(head.cosignatures) for head in message.heads)
        case Forks():
            return 1 + 2 * len(message.proofs)
        case WantBodies():
            return 1 + len(message.digests) / 8
        case Want() | Bodies():
            return 4
        case _:
            return 1
