# SPDX-License-Identifier: AGPL-3.0-or-later
"""Bodies that did not come with their headers: asked by digest of every peer that holds the log, one peer at a time.

A round begins when a log reaches a head, when a peer shows that it holds the log, and on the timer. Each peer is gone
through once a round, in order of record number; what it does not have is asked of the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from ..errors import RemoteError
from .limits import BATCH_BYTES_MAX, DIGESTS_ASKED, QUESTIONS_MAX, STALL_SECONDS
from .messages import Bodies, WantBodies
from .outputs import FindBodies, KeepBodies, ListWanted
from .table import Log, Peer, Table


@dataclass(slots=True)
class Sweep:
    """One peer being asked for all the bodies that one log wants."""

    peer: Peer
    log: Log
    next: int = 0
    asked: tuple[bytes, ...] = ()
    deadline: float = 0.0


class BodyRoom:
    """Asking for bodies, and answering for ours."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._sweeps: dict[str, Sweep] = {}

    # --- asking ---

    def consider(self, log: Log, now: float) -> None:
        """Ask the next peer that has not been asked in this round, if bodies are wanted."""
        if not log.wanted or log.sweeping or log.identity is None:
            return
        for peer in self._table.peers.values():
            if log.origin in peer.claims and peer.name not in log.swept and peer.name not in self._sweeps:
                log.swept[peer.name] = None
                log.sweeping = peer.name
                sweep = self._sweeps[peer.name] = Sweep(peer, log)
                self._list(sweep)
                return

    def round(self, log: Log, now: float) -> None:
        """Begin again with the first peer."""
        log.swept.clear()
        self.consider(log, now)

    def _list(self, sweep: Sweep) -> None:
        """Ask the archive what is wanted. Only its word that nothing is ends the asking, for all that was wanted before
        the question: a body on its way to the card is listed again, a batch that has just been kept is not listed yet.
        """
        known = sweep.log.wanted

        def listed(wanted: Sequence[tuple[int, bytes]] = (), now: float = 0.0) -> None:
            if self._sweeps.get(sweep.peer.name) is not sweep:
                return
            if not wanted:
                if sweep.next == 0:
                    sweep.log.wanted = max(sweep.log.wanted - known, 0)
                self._end(sweep, now)
                return
            sweep.next = wanted[-1][0] + 1
            self._ask(sweep, tuple(dict.fromkeys(digest for _, digest in wanted)), now)

        self._table.put(ListWanted(self._table.question(listed), sweep.log.origin, sweep.next, DIGESTS_ASKED))

    def _ask(self, sweep: Sweep, digests: tuple[bytes, ...], now: float) -> None:
        sweep.asked = digests
        sweep.deadline = now + STALL_SECONDS
        self._table.send(sweep.peer.name, WantBodies(digests))
        self._table.timers.at(sweep.deadline, lambda later: self._stalled(sweep, digests, later))

    def _stalled(self, sweep: Sweep, digests: tuple[bytes, ...], now: float) -> None:
        if self._sweeps.get(sweep.peer.name) is sweep and sweep.asked is digests:
            self._end(sweep, now)

    def bodies(self, peer: Peer, message: Bodies, now: float) -> None:
        """Keep what was asked for. Raises `RemoteError` for anything else."""
        sweep = self._sweeps.get(peer.name)
        if sweep is None or not sweep.asked:
            return  # too late: another peer is being asked
        asked = set(sweep.asked[: message.considered])
        found: list[tuple[bytes, bytes]] = []
        for body in message.bodies:
            digest = sha256(body).digest()
            if digest not in asked:
                raise RemoteError("body that was not asked for")
            asked.remove(digest)
            found.append((digest, body))
        if found:
            self._table.put(KeepBodies(peer.name, sweep.log.origin, tuple(found)))
        rest = sweep.asked[message.considered :]
        if rest and message.considered:
            self._ask(sweep, rest, now)
        else:
            sweep.asked = ()
            self._list(sweep)

    def peer_gone(self, name: str, now: float) -> None:
        """Ask another; and ask it again when it comes back."""
        for log in self._table.logs.values():
            log.swept.pop(name, None)
        sweep = self._sweeps.get(name)
        if sweep:
            self._end(sweep, now)

    def _end(self, sweep: Sweep, now: float) -> None:
        """One peer has been asked for everything: the next one, and the next log of this one."""
        del self._sweeps[sweep.peer.name]
        sweep.log.sweeping = None
        self.consider(sweep.log, now)
        for origin in sweep.peer.claims:
            if sweep.peer.name in self._sweeps or sweep.peer.name not in self._table.peers:
                return
            self.consider(self._table.log(origin), now)

    # --- answering ---

    def want_bodies(self, peer: Peer, message: WantBodies, now: float) -> None:
        """Look for them. Raises `RemoteError` for too many questions at the same time."""
        if peer.questions >= QUESTIONS_MAX:
            raise RemoteError(f"more than {QUESTIONS_MAX} questions at the same time")
        peer.questions += 1

        def found(considered: int = 0, bodies: Sequence[bytes] = (), later: float = now) -> None:
            peer.questions -= 1
            if self._table.peers.get(peer.name) is peer:
                self._table.send(peer.name, Bodies(considered or len(message.digests), tuple(bodies)))

        number = self._table.question(found)
        self._table.put(FindBodies(number, peer.name, message.digests, BATCH_BYTES_MAX))
