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
from typing import Protocol

from .. import checkpoint as checkpoints
from ..checkpoint import Checkpoint
from ..errors import ConvergencesError
from .messages import BodySlot
from .outputs import Output
from .views import Held, Identity, LogView


class VerifyHead(Protocol):
    """`checkpoint.verify`, or a cheaper double in simulation."""

    def __call__(self, note: bytes, origin: str, key: bytes) -> Checkpoint: ...


class Replicator:
    """One node's side of every exchange. See the module's docstring for what the driver promises."""

    def __init__(self, *, verify_head: VerifyHead = checkpoints.verify) -> None:
        raise NotImplementedError

    # --- the world: charter and archive ---

    def follow(self, identities: Iterable[Identity], now: float) -> None:
        """The logs that the charter names and the operator follows, own ones among them; replaces the list before."""
        raise NotImplementedError

    def log_known(self, view: LogView, now: float) -> None:
        """What the archive holds of one log: at start, when a log was created, and when own becomes closed."""
        raise NotImplementedError

    def log_grew(self, origin: str, head: Held, now: float) -> None:
        """Our own log has a new signed head: durable, guarded. From here on it may be told to peers, and is."""
        raise NotImplementedError

    def cosigned(self, origin: str, head_size: int, lines: Sequence[bytes], now: float) -> None:
        """The cosignatures worth telling beside the head of that size (most telling first) have changed."""
        raise NotImplementedError

    # --- the wire ---

    def connected(self, peer: str, key: bytes, now: float, misdeeds: int = 0) -> None:
        """A replicate stream with `peer` is open, either side having dialled. `key` is its node's public key, proved
        by the transport. `misdeeds` is how often this peer has been dropped for lying before."""
        raise NotImplementedError

    def disconnected(self, peer: str, now: float) -> None:
        """The stream is gone, whoever closed it."""
        raise NotImplementedError

    def receive(self, peer: str, data: bytes, now: float) -> None:
        """One frame from a peer. Never raises for what is in it: a peer that misbehaves is dropped."""
        raise NotImplementedError

    def heard(self, data: bytes, now: float) -> None:
        """A gossip message, from anyone: a hint. Never raises, never drops anybody."""
        raise NotImplementedError

    # --- answers to outputs ---

    def kept(self, fetch: int, stop: int, now: float, wanted: int = 0) -> None:
        """`Ingest` of that fetch is durable up to `stop`; `wanted` bodies of the batch are missing."""
        raise NotImplementedError

    def refused(self, fetch: int, error: ConvergencesError, now: float) -> None:
        """`Ingest` failed: `RemoteError` from the checks (the peer, or the author, lied), or a local error (disk)."""
        raise NotImplementedError

    def batch_loaded(
        self,
        request: int,
        headers: Sequence[bytes],
        bodies: Sequence[BodySlot],
        proof: Sequence[bytes],
        now: float,
    ) -> None:
        """The answer to `LoadBatch`: at least one record, at most what was asked for."""
        raise NotImplementedError

    def proof_loaded(self, request: int, root: bytes, proof: Sequence[bytes], now: float) -> None:
        """The answer to `LoadProof`: the root at `old`, and the proof from it to `new`."""
        raise NotImplementedError

    def wanted_listed(self, request: int, wanted: Sequence[tuple[int, bytes]], now: float) -> None:
        """The answer to `ListWanted`: record number and body digest, in order of number."""
        raise NotImplementedError

    def bodies_found(self, request: int, considered: int, bodies: Sequence[bytes], now: float) -> None:
        """The answer to `FindBodies`."""
        raise NotImplementedError

    def not_loaded(self, request: int, now: float) -> None:
        """The answer to any `Load…`, `List…` or `Find…` that the archive could not give."""
        raise NotImplementedError

    def rewound(self, view: LogView, now: float) -> None:
        """The answer to `Rewind`: the log as it is now."""
        raise NotImplementedError

    # --- time, and what is to be done ---

    def wake_at(self) -> float | None:
        """When `wake` is due; None when only a call can bring work."""
        raise NotImplementedError

    def wake(self, now: float) -> None:
        """Time has passed: stalls, retries, the exchange of heads."""
        raise NotImplementedError

    def outputs(self) -> list[Output]:
        """What the driver is to do, in order; each is given once."""
        raise NotImplementedError

    def target(self, origin: str) -> int:
        """The largest size of that log that any connected peer has shown a signed head for: minus our own, the lag."""
        raise NotImplementedError
