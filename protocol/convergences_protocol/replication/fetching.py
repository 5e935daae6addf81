# SPDX-License-Identifier: AGPL-3.0-or-later
"""The receiver's half: which log is fetched from whom, how far ahead, and what to do when a peer stalls or lies.

A fetch aims at one signed head and is over when our copy reaches it. It may be taken up by any other peer: batches are
durable one by one, and each is proved to lead to that head. One peer at a time a log, several logs at once.

A fetch whose peer is gone still waits for the batches that are being checked and written; only then may another begin
where they end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import ConvergencesError, RemoteError
from .check import TreeMismatch
from .limits import (
    CREDIT_WINDOW,
    FETCHES_MAX,
    FETCHES_PER_PEER,
    RETRY_SECONDS_MAX,
    RETRY_SECONDS_MIN,
    SLOW_BYTES_PER_SECOND,
    SLOW_SECONDS,
    STALL_SECONDS,
)
from .messages import Batch, Cannot, More, Stop, Want
from .outputs import Ingest, KeepHead
from .table import Backoff, Log, Peer, Table
from .views import Held


@dataclass(slots=True)
class Fetch:
    """One `Want` and what became of it."""

    number: int
    peer: str
    log: Log
    goal: Held
    next: int
    credit: int
    since: float
    deadline: float
    bytes: int = 0
    ingesting: int = 0
    over: bool = False
    """No more is expected of the peer: it is gone, stalled, or said that it cannot."""

    @property
    def owed(self) -> bool:
        """Whether the peer, not we, is to move."""
        return not self.over and self.credit > 0 and self.next < self.goal.size


class FetchRoom:
    """`finished` is told when a log has reached a head; `mismatched`, when records do not lead to their head."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._fetches: dict[int, Fetch] = {}
        self._waiting: dict[str, None] = {}
        self.finished: Callable[[Log, float], None] = lambda log, now: None
        self.mismatched: Callable[[Log, Peer, Held, float], None] = lambda log, peer, goal, now: None
        self.probe: Callable[[Log, Peer, Held, float], None] = lambda log, peer, goal, now: None
        self.bisect: Callable[[Log, Peer, float], None] = lambda log, peer, now: None

    # --- choosing ---

    def consider(self, log: Log, now: float) -> None:
        """Begin to fetch the log if there is more of it, and nothing hinders."""
        if log.fetch or log.disputing or log.own or not log.identity or not log.identity.keep:
            return
        choice = self._choose(log, now)
        if choice is None:
            return
        peer, goal = choice
        if log.divided:
            self.bisect(log, peer, now)
        elif len(self._fetches) >= FETCHES_MAX or peer.fetches >= FETCHES_PER_PEER:
            self._waiting[log.origin] = None
        elif log.fork and log.size and log.probed != goal.root and not _is_end(log, goal):
            self.probe(log, peer, goal, now)
        else:
            self._start(log, peer, goal, now)

    def _choose(self, log: Log, now: float) -> tuple[Peer, Held] | None:
        """The peer that has stalled least, among those that can take us on to the head we pinned, or to any."""
        best: tuple[tuple[bool, float, int], Peer, Held] | None = None
        for peer in self._table.peers.values():
            claim = peer.claims.get(log.origin)
            goal = self._goal(log, claim) if claim else None
            backoff = log.backoffs.get(peer.name)
            if claim is None or goal is None or (backoff and backoff.until > now):
                continue
            rank = (goal is not log.pinned, backoff.seconds if backoff else 0.0, -claim.size)
            if best is None or rank < best[0]:
                best = rank, peer, goal
        return best[1:] if best else None

    @staticmethod
    def _goal(log: Log, claim: Held) -> Held | None:
        """The head to fetch towards from a peer that claims `claim`; None when it has nothing for us.

        The charter's end comes first, then the head that we pinned, then the claim.
        """
        end = log.end
        if log.divided:
            return claim if end and claim.size >= end.size else None
        if end and log.size < end.size <= claim.size:
            known = (head for head in (claim, log.pinned) if head and (head.size, head.root) == (end.size, end.root))
            return next(known, Held(end.size, end.root, b""))
        if end and log.size >= end.size and not (log.identity and log.identity.past_end):
            return None
        if log.pinned and log.size < log.pinned.size <= claim.size:
            return log.pinned
        return claim if claim.size > log.size else None

    def _start(self, log: Log, peer: Peer, goal: Held, now: float) -> None:
        number = self._table.number()
        self._waiting.pop(log.origin, None)
        fetch = Fetch(number, peer.name, log, goal, log.size, CREDIT_WINDOW, now, now + STALL_SECONDS)
        self._fetches[number] = fetch
        log.fetch = number
        peer.fetches += 1
        self._table.send(peer.name, Want(number, log.origin, log.size, goal.size, goal.root, CREDIT_WINDOW))
        self._watch(fetch)

    # --- what the peer says ---

    def batch(self, peer: Peer, message: Batch, now: float) -> None:
        """A batch that we asked for goes to the checks. Raises `RemoteError` for one that no honest peer sends."""
        fetch = self._fetches.get(message.number)
        if fetch is None or fetch.over:
            if not self._table.was_numbered(message.number):
                raise RemoteError(f"batch for number {message.number}, which was never asked for")
            return  # on its way when we stopped
        if fetch.peer != peer.name or fetch.credit == 0:
            raise RemoteError(f"batch of {fetch.log.origin} beyond what was asked for")
        if message.start != fetch.next or message.stop > fetch.goal.size:
            asked = f"[{fetch.next}, {fetch.goal.size})"
            raise RemoteError(f"batch [{message.start}, {message.stop}) of {fetch.log.origin} where {asked} was asked")
        fetch.next = message.stop
        fetch.credit -= 1
        fetch.ingesting += 1
        fetch.bytes += message.size_bytes
        fetch.deadline = now + STALL_SECONDS
        self._table.put(Ingest(peer.name, fetch.log.origin, fetch.number, message, fetch.goal))
        self._judge_pace(fetch, now)

    def cannot(self, peer: Peer, message: Cannot, now: float) -> None:
        """The peer does not hold what it showed a head of: ask another, and it later.

        Whoever shows more than the head that we pinned, and cannot lead us there, may hold another history: nobody may
        ever give the rest of ours, so it is asked at once, and what it answers proves that to all.
        """
        fetch = self._fetches.get(message.number)
        if fetch is None or fetch.over or fetch.peer != peer.name:
            return
        log = fetch.log
        claim = peer.claims.pop(log.origin, None)
        if claim and claim.size > fetch.goal.size and log.pinned == fetch.goal and not log.fork:
            self.probe(log, peer, claim, now)
        self._leave(fetch, now)

    def _judge_pace(self, fetch: Fetch, now: float) -> None:
        """Leave a peer that drips, if someone else can serve."""
        elapsed = now - fetch.since
        if elapsed < SLOW_SECONDS or fetch.bytes >= elapsed * SLOW_BYTES_PER_SECOND or not fetch.owed:
            return
        others = (p for p in self._table.peers.values() if p.name != fetch.peer and fetch.log.origin in p.claims)
        if any(peer.claims[fetch.log.origin].size >= fetch.goal.size for peer in others):
            self._stop(fetch, now)

    # --- what the archive says ---

    def kept(self, number: int, stop: int, wanted: int, now: float) -> None:
        """A batch is durable."""
        fetch = self._fetches.get(number)
        if fetch is None:
            return
        log = fetch.log
        fetch.ingesting -= 1
        log.size = stop
        log.wanted += wanted
        if fetch.goal.note:
            log.pinned = fetch.goal  # not before: only now are our records known to lead to it
        if stop == fetch.goal.size:
            log.backoffs.pop(fetch.peer, None)
            self._end(fetch)
            self._reached(log, fetch.goal, now)
        elif fetch.over:
            if fetch.ingesting == 0:
                self._end(fetch)
                self._go_on(log, now)
        elif fetch.next < fetch.goal.size:
            if not fetch.owed:
                fetch.deadline = now + STALL_SECONDS
            fetch.credit += 1
            self._table.send(fetch.peer, More(fetch.number, 1))

    def refused(self, number: int, error: ConvergencesError, now: float) -> None:
        """A batch did not pass, or could not be written; the ones behind it will not be answered."""
        fetch = self._fetches.get(number)
        if fetch is None:
            return
        log, goal, peer = fetch.log, fetch.goal, self._table.peers.get(fetch.peer)
        if peer and not fetch.over:
            self._table.send(peer.name, Stop(number))
        self._end(fetch)
        if isinstance(error, TreeMismatch) and peer:
            self.mismatched(log, peer, goal, now)
        elif isinstance(error, RemoteError) and peer:
            self._table.misdeed(peer, str(error), now)
        else:
            self.back_off(log, fetch.peer, now)
        self._go_on(log, now)

    def _reached(self, log: Log, goal: Held, now: float) -> None:
        """The log is whole up to a head."""
        log.note_root(goal.size, goal.root)
        if log.pinned and log.pinned.size <= log.size:
            log.pinned = None
        if _is_end(log, goal):
            log.agreed = log.end
        if goal.note:
            log.head = log.heard.get(goal.note, goal)
            if log.head.cosignatures:  # they came beside a head that could not be kept yet
                self._table.put(KeepHead(log.origin, log.head))
        self.finished(log, now)
        self._go_on(log, now)

    # --- giving up, for now ---

    def peer_gone(self, name: str, now: float) -> None:
        """Its fetches end as soon as what it gave is written."""
        for fetch in [fetch for fetch in self._fetches.values() if fetch.peer == name]:
            self._abandon(fetch, now)

    def halt(self, log: Log, now: float) -> None:
        """Stop fetching a log, because the charter or the operator no longer wants it so."""
        fetch = self._fetches.get(log.fetch)
        if fetch and not fetch.over:
            self._table.send(fetch.peer, Stop(fetch.number))
            self._abandon(fetch, now)

    def _stop(self, fetch: Fetch, now: float) -> None:
        self._table.send(fetch.peer, Stop(fetch.number))
        self._leave(fetch, now)

    def _leave(self, fetch: Fetch, now: float) -> None:
        self.back_off(fetch.log, fetch.peer, now)
        self._abandon(fetch, now)

    def _abandon(self, fetch: Fetch, now: float) -> None:
        fetch.over = True
        if fetch.ingesting == 0:
            self._end(fetch)
            self._go_on(fetch.log, now)

    def back_off(self, log: Log, peer: str, now: float) -> None:
        """Ask others first; ask this peer again after a while, longer each time, for ever."""
        known = log.backoffs.get(peer)
        seconds = min(known.seconds * 2, RETRY_SECONDS_MAX) if known else RETRY_SECONDS_MIN
        log.backoffs[peer] = Backoff(now + seconds, seconds)
        self._table.timers.at(now + seconds, lambda later: self.consider(log, later))

    def _watch(self, fetch: Fetch) -> None:
        """Look again when the peer's time is up."""

        def look(now: float) -> None:
            if fetch.number not in self._fetches or fetch.over:
                return
            if fetch.owed and fetch.deadline <= now:
                self._stop(fetch, now)
                return
            self._table.timers.at(max(fetch.deadline, now + 1.0), look)

        self._table.timers.at(fetch.deadline, look)

    def _end(self, fetch: Fetch) -> None:
        if self._fetches.pop(fetch.number, None) is None:
            return
        fetch.over = True
        fetch.log.fetch = 0
        peer = self._table.peers.get(fetch.peer)
        if peer:
            peer.fetches -= 1

    def _go_on(self, log: Log, now: float) -> None:
        """A place is free: for this log first, then for those that wait."""
        self.consider(log, now)
        for origin in list(self._waiting):
            if len(self._fetches) >= FETCHES_MAX:
                return
            del self._waiting[origin]
            self.consider(self._table.log(origin), now)


def _is_end(log: Log, goal: Held) -> bool:
    return log.end is not None and (log.end.size, log.end.root) == (goal.size, goal.root)
