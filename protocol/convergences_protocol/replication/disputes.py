# SPDX-License-Identifier: AGPL-3.0-or-later
"""When records do not lead to their head: did the peer lie, did the author sign two histories, which one is to stand?

The peer is asked what root its head's tree had at a size that we know, with the proof. A proof that does not verify is
a lie. The same root as ours means that the records were false: a lie. Another root, proved, is the author's fork, and
where we hold a signed head of that size the two heads prove it to anyone (fork.py).

Once the charter has ended the log with one of the histories, a copy of the other looks for where the two part, by the
same question at half the distance each time, and is rewound to there.
"""

from __future__ import annotations

from collections.abc import Callable

from ..fork import ForkProof
from ..merkle import verify_consistency
from .limits import STALL_SECONDS
from .messages import Proof, WantProof
from .outputs import Contested, LoadProof, Rewind
from .table import Log, Peer, Table
from .views import End, Held, LogView

Verdict = Callable[[Peer, Proof, float], None]


class Inquiry:
    """One question to one peer about one log."""

    __slots__ = ("head_root", "log", "new", "old", "peer", "verdict")

    def __init__(self, log: Log, peer: str, old: int, head: Held | End, verdict: Verdict) -> None:
        self.log, self.peer, self.old, self.verdict = log, peer, old, verdict
        self.new, self.head_root = head.size, head.root


class DisputeRoom:
    """`back_off` and `consider` are the fetching room's; `forked` the head room's."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._inquiries: dict[str, Inquiry] = {}
        self.back_off: Callable[[Log, str, float], None] = lambda log, peer, now: None
        self.consider: Callable[[Log, float], None] = lambda log, now: None
        self.forked: Callable[[Log, ForkProof, float], None] = lambda log, proof, now: None

    # --- three reasons to ask ---

    def mismatched(self, log: Log, peer: Peer, goal: Held, now: float) -> None:
        """Records from `peer` do not lead to `goal`: find out whose fault it is."""
        if log.size == 0:
            self._table.misdeed(peer, f"records of {log.origin} that do not lead to their head", now)
            return

        def verdict(same: bool, said: Proof, later: float) -> None:
            if same:
                self._table.misdeed(peer, f"false records of {log.origin} from {log.size} on", later)
            else:
                self._parted(log, peer, goal, said, later)

        self._compare(log, peer, goal, verdict, now)

    def probe(self, log: Log, peer: Peer, goal: Held, now: float) -> None:
        """The author is known to sign several histories: is this head of ours?"""

        def verdict(same: bool, said: Proof, later: float) -> None:
            if same:
                log.probed = goal.root
                self.consider(log, later)
            else:
                self._parted(log, peer, goal, said, later)

        self._compare(log, peer, goal, verdict, now)

    def bisect(self, log: Log, peer: Peer, now: float, low: int = 0) -> None:
        """Find where our copy parts from the charter's end: after `low`, before `log.divided`."""
        end = log.end
        if end is None or not log.divided:
            return
        if log.divided - low <= 1:
            log.disputing += 1  # nothing is fetched before the archive has answered `rewound`
            self._table.put(Rewind(log.origin, low))
            return
        middle = (low + log.divided) // 2

        def said(_: Peer, proof: Proof, later: float) -> None:
            def compared(same: bool, after: float) -> None:
                if not same:
                    log.divided = middle
                self.bisect(log, peer, after, middle if same else low)

            self._our_root(log, middle, lambda root, after: compared(root == proof.root, after), later)

        self._ask(Inquiry(log, peer.name, middle, end, said), now)

    def agree(self, log: Log, now: float) -> None:
        """Check our copy against the charter's end, once it is large enough to be checked."""
        end = log.end
        if end is None or log.agreed == end or log.own or log.size < end.size or end.size == 0:
            return

        def compared(root: bytes, later: float) -> None:
            if log.end != end:
                return
            log.agreed = end if root == end.root else None
            log.divided = 0 if root == end.root else end.size
            self.consider(log, later)

        self._our_root(log, end.size, compared, now)

    # --- asking ---

    def _compare(
        self, log: Log, peer: Peer, goal: Held, verdict: Callable[[bool, Proof, float], None], now: float
    ) -> None:
        """Whether the tree under `goal` goes through ours, at a signed head of ours where there is another one."""
        pinned = log.pinned if log.pinned and log.pinned.root != goal.root else None
        line = pinned if pinned and pinned.size >= log.size else log.head
        size = line.size if line and line.size <= goal.size and line.size >= log.size else log.size

        def said(_: Peer, proof: Proof, later: float) -> None:
            if line and size == line.size:
                verdict(proof.root == line.root, proof, later)
            else:
                self._our_root(log, size, lambda root, after: verdict(root == proof.root, proof, after), later)

        self._ask(Inquiry(log, peer.name, size, goal, said), now)

    def _ask(self, inquiry: Inquiry, now: float) -> None:
        log = inquiry.log
        if log.origin in self._inquiries:
            self._close(self._inquiries[log.origin])
        log.disputing += 1
        self._inquiries[log.origin] = inquiry
        question = WantProof(log.origin, inquiry.old, inquiry.new, inquiry.head_root)
        self._table.send(inquiry.peer, question)
        self._table.timers.at(now + STALL_SECONDS, lambda later: self._give_up(inquiry, later))

    def proof(self, peer: Peer, message: Proof, now: float) -> None:
        """The peer's answer. Raises nothing: a false proof drops the peer here."""
        inquiry = self._inquiries.get(message.origin)
        if inquiry is None or inquiry.peer != peer.name:
            return
        if (message.old, message.new) != (inquiry.old, inquiry.new):
            return
        if not message.root:
            peer.claims.pop(message.origin, None)
            self._give_up(inquiry, now)
            return
        if not verify_consistency(message.old, message.new, message.root, inquiry.head_root, message.proof):
            self._table.misdeed(peer, f"false proof for {message.origin} from {message.old} to {message.new}", now)
            return
        self._close(inquiry)
        inquiry.verdict(peer, message, now)
        self.consider(inquiry.log, now)

    def _our_root(self, log: Log, size: int, then: Callable[[bytes, float], None], now: float) -> None:
        """The root of our own tree, asked of the archive if it is not remembered."""
        known = log.roots.get(size)
        if known is not None:
            then(known, now)
            return
        log.disputing += 1

        def loaded(root: bytes = b"", proof: object = (), later: float = now) -> None:
            log.disputing -= 1
            if root:
                log.note_root(size, root)
                then(root, later)
            self.consider(log, later)

        self._table.put(LoadProof(self._table.question(loaded), log.origin, size, size))

    # --- verdicts ---

    def _parted(self, log: Log, peer: Peer, goal: Held, said: Proof, now: float) -> None:
        """The author has signed another history than ours: prove it and wait for the charter, or go with its `end`."""
        end = log.end
        if end and (goal.size, goal.root) == (end.size, end.root):
            log.divided = said.old
            return
        ours = next((head for head in (log.pinned, log.head) if head and head.size == said.old and head.note), None)
        if ours:
            self.forked(log, ForkProof(ours.note, goal.note, said.root, said.proof), now)
        elif log.fork is None:
            self._table.put(Contested(log.origin, goal))
        self.back_off(log, peer.name, now)

    # --- the end of a question ---

    def peer_gone(self, name: str, now: float) -> None:
        """Whatever it was asked is no longer asked."""
        for inquiry in [inquiry for inquiry in self._inquiries.values() if inquiry.peer == name]:
            self._close(inquiry)
            self.consider(inquiry.log, now)

    def rewound(self, log: Log, view: LogView, now: float) -> None:
        """The archive has set the other history aside."""
        log.see(view)
        log.disputing, log.divided, log.agreed = log.disputing - 1, 0, None
        self.consider(log, now)

    def _give_up(self, inquiry: Inquiry, now: float) -> None:
        if self._inquiries.get(inquiry.log.origin) is inquiry:
            self._close(inquiry)
            self.back_off(inquiry.log, inquiry.peer, now)
            self.consider(inquiry.log, now)

    def _close(self, inquiry: Inquiry) -> None:
        del self._inquiries[inquiry.log.origin]
        inquiry.log.disputing -= 1
