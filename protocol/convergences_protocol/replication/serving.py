# SPDX-License-Identifier: AGPL-3.0-or-later
"""The sender's half: streaming batches to whoever asked, as far as its credit and our memory go, and answering proofs.

Reading ahead is bounded twice: a peer has at most `UNSENT_MAX` batches waiting to leave, and all peers together
`LOADS_MAX`, so that a whole cluster coming back at once costs some megabytes, not its size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import RemoteError
from .fields import GivenBody
from .limits import BATCH_BYTES_MAX, BATCH_RECORDS_MAX, CREDIT_MAX, LOADS_MAX, QUESTIONS_MAX, SERVINGS_MAX, UNSENT_MAX
from .messages import Batch, Cannot, More, Proof, Stop, Want, WantProof
from .outputs import LoadBatch, LoadProof
from .table import Log, Peer, Table


@dataclass(slots=True)
class Serving:
    """One `Want` of a peer, and how far it has been served."""

    peer: Peer
    want: Want
    next: int
    credit: int
    loading: bool = False


class ServeRoom:
    """Wants, credit and proofs. Heads and bodies are other rooms'."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._servings: dict[tuple[str, int], Serving] = {}
        self._loads = 0

    def want(self, peer: Peer, message: Want, now: float) -> None:
        """Serve, if we hold that history so far. Raises `RemoteError` for more than a peer may ask."""
        log = self._table.logs.get(message.origin)
        for key in [key for key, serving in self._servings.items() if _replaced(serving, peer, message)]:
            self._remove(key)
        if peer.servings >= SERVINGS_MAX:
            raise RemoteError(f"want of a {SERVINGS_MAX + 1}th log at the same time")
        if log is None or log.size < message.head_size:
            self._table.send(peer.name, Cannot(message.number))
            return
        serving = Serving(peer, message, message.start, message.credit)
        self._servings[peer.name, message.number] = serving
        peer.servings += 1

        def known(root: bytes, later: float) -> None:
            if self._servings.get((peer.name, message.number)) is not serving:
                return
            if root != message.head_root:
                self._cannot(serving)
            else:
                serving.loading = False
                self.pump(later)

        serving.loading = True
        self._root(log, message.head_size, known, now)

    def more(self, peer: Peer, message: More, now: float) -> None:
        """More credit. Raises `RemoteError` for more than anyone could use."""
        serving = self._servings.get((peer.name, message.number))
        if serving is None:
            return  # served to its end while this was on its way
        serving.credit += message.credit
        if serving.credit > CREDIT_MAX:
            raise RemoteError(f"credit of {serving.credit}, at most {CREDIT_MAX} is given")
        self.pump(now)

    def stop(self, peer: Peer, message: Stop, now: float) -> None:
        """The peer has enough."""
        self._remove((peer.name, message.number))

    def drained(self, peer: Peer, now: float) -> None:
        """All that the peer was to be sent has left: the next batches may be read."""
        self._loads -= peer.unsent
        peer.unsent = 0
        self.pump(now)

    def peer_gone(self, peer: Peer, now: float) -> None:
        """Nothing more for it; what waited in its queue makes room."""
        for key in [key for key, serving in self._servings.items() if serving.peer is peer]:
            self._remove(key)
        self.drained(peer, now)

    def rewritten(self, origin: str) -> None:
        """Our copy of a log is no longer the one that these peers are being given."""
        for serving in [serving for serving in self._servings.values() if serving.want.origin == origin]:
            self._cannot(serving)

    def pump(self, now: float) -> None:
        """Read the next batches, in turn, as far as the bounds allow."""
        for key, serving in list(self._servings.items()):
            if self._loads >= LOADS_MAX:
                return
            if serving.loading or serving.credit == 0 or serving.peer.unsent >= UNSENT_MAX:
                continue
            serving.loading = True
            self._loads += 1
            serving.peer.unsent += 1
            want = serving.want
            number = self._table.question(self._loaded(key, serving))
            self._table.put(
                LoadBatch(
                    number,
                    serving.peer.name,
                    want.origin,
                    serving.next,
                    want.head_size,
                    BATCH_RECORDS_MAX,
                    BATCH_BYTES_MAX,
                )
            )

    def _loaded(self, key: tuple[str, int], serving: Serving) -> Callable[..., None]:
        """What becomes of a batch that the archive has read (or, without arguments, has not)."""

        def loaded(
            headers: Sequence[bytes] = (),
            bodies: Sequence[GivenBody] = (),
            proof: Sequence[bytes] = (),
            now: float = 0.0,
        ) -> None:
            if self._servings.get(key) is not serving:
                self._unload(serving.peer)
            elif not headers:
                self._unload(serving.peer)
                self._cannot(serving)
            else:
                self._give(key, serving, headers, bodies, proof)
            self.pump(now)

        return loaded

    def _give(
        self,
        key: tuple[str, int],
        serving: Serving,
        headers: Sequence[bytes],
        bodies: Sequence[GivenBody],
        proof: Sequence[bytes],
    ) -> None:
        batch = Batch(serving.want.number, serving.next, tuple(headers), tuple(bodies), tuple(proof))
        self._table.send(serving.peer.name, batch)
        serving.loading = False
        serving.next = batch.stop
        serving.credit -= 1
        del self._servings[key]
        if serving.next < serving.want.head_size:
            self._servings[key] = serving  # behind those that wait: each in its turn
        else:
            serving.peer.servings -= 1

    def _unload(self, peer: Peer) -> None:
        """A batch that was to be read is not to be sent. A peer that is gone has given its places back already."""
        if self._table.peers.get(peer.name) is peer and peer.unsent:
            peer.unsent -= 1
            self._loads -= 1

    def _cannot(self, serving: Serving) -> None:
        self._remove((serving.peer.name, serving.want.number))
        self._table.send(serving.peer.name, Cannot(serving.want.number))

    def _remove(self, key: tuple[str, int]) -> None:
        serving = self._servings.pop(key, None)
        if serving:
            serving.peer.servings -= 1

    # --- proofs ---

    def want_proof(self, peer: Peer, message: WantProof, now: float) -> None:
        """Prove how the asked head's tree goes on from a smaller one. Raises `RemoteError` for too many questions."""
        log = self._table.logs.get(message.origin)
        if log is None or log.size < message.new:
            self._table.send(peer.name, Proof(message.origin, message.old, message.new, b"", ()))
            return
        if peer.questions >= QUESTIONS_MAX:
            raise RemoteError(f"more than {QUESTIONS_MAX} questions at the same time")
        peer.questions += 1

        def loaded(root: bytes = b"", proof: Sequence[bytes] = (), later: float = now) -> None:
            peer.questions -= 1
            if self._table.peers.get(peer.name) is peer:
                self._table.send(peer.name, Proof(message.origin, message.old, message.new, root, tuple(proof)))

        def known(root: bytes, later: float) -> None:
            if root != message.new_root:
                loaded()
            else:
                number = self._table.question(loaded)
                self._table.put(LoadProof(number, message.origin, message.old, message.new))

        self._root(log, message.new, known, now)

    def _root(self, log: Log, size: int, then: Callable[[bytes, float], None], now: float) -> None:
        """Our root at a size; empty if the archive cannot say."""
        root = log.roots.get(size)
        if root is not None:
            then(root, now)
            return

        def loaded(root: bytes = b"", proof: object = (), later: float = now) -> None:
            then(root, later)

        self._table.put(LoadProof(self._table.question(loaded), log.origin, size, size))


def _replaced(serving: Serving, peer: Peer, want: Want) -> bool:
    return serving.peer is peer and (serving.want.origin == want.origin or serving.want.number == want.number)
