# SPDX-License-Identifier: AGPL-3.0-or-later
"""Judging heads: what a signed head says about its log, about the peer that shows it, and about ourselves.

A head larger than our copy is a claim to be fetched. One no larger is checked against our own tree: it agrees, or its
author signed two histories, and both heads together prove it to anyone. A head of our own log that our tree does not
extend is a doubt about ourselves: this machine may have been restored from a backup, or cloned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .. import checkpoint as checkpoints
from .. import fork as forks
from ..cosignature import Cosignature
from ..errors import RemoteError
from ..fork import ForkProof
from .cosigning import CosignatureRoom, merged, origin_of_note
from .frames import encode
from .limits import FOLLOWS_MAX, HEADS_BYTES, HEADS_MAX, HEARD_MAX, MENTIONED_MAX, PROOFS_MAX
from .messages import VERSION, Doubt, Follow, Forks, HeadNote, Heads, Hello
from .outputs import Announce, Contested, KeepFork, KeepHead, LoadProof, Mentioned, RaiseDoubt
from .table import Log, Peer, Table, freshness, head_note
from .views import Held


class HeadRoom:
    """Hellos, heads, doubts and fork proofs. `claimed` is told of every log that a peer can take further."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.cosignatures = CosignatureRoom(table)
        self.claimed: Callable[[Log, float], None] = lambda log, now: None

    # --- what we say ---

    def greeting(self, logs: Iterable[Log]) -> Hello:
        """What we follow, and what we have of it; our own logs first, so that a new epoch of ours is mentioned."""
        named = sorted((log for log in logs if log.identity), key=lambda log: not log.own)
        return Hello(VERSION, tuple(_follow(log) for log in named[:FOLLOWS_MAX]))

    def push(self, log: Log) -> None:
        """Tell our head of a log to every peer that wants to hear of it and has not shown the same one."""
        if log.head is None or not log.head.note:
            return
        root = log.head.root
        interested = (
            peer
            for peer in self._table.peers.values()
            if log.origin in peer.follows and ((claim := peer.claims.get(log.origin)) is None or claim.root != root)
        )
        self._table.send_each(interested, Heads((head_note(log.head),)))

    def announce(self, log: Log) -> None:
        """Gossip our own head."""
        if log.head is not None:
            self._table.put(Announce(encode(Heads((HeadNote(log.head.note),)))))

    # --- what we hear ---

    def hello(self, peer: Peer, message: Hello, now: float) -> None:
        """Answer with the heads, and the forks, that the peer does not have."""
        if message.version != VERSION:
            self._table.drop(peer, f"speaks version {message.version}, we speak {VERSION}", now)
            return
        peer.greeted = True
        different: list[HeadNote] = []
        forks: list[bytes] = []
        unknown: list[str] = []
        for follow in message.follows:
            if len(peer.follows) < FOLLOWS_MAX:
                peer.follows[follow.origin] = None
            log = self._table.logs.get(follow.origin)
            if log is None or log.identity is None:
                unknown.append(follow.origin)
                continue
            if log.fork:
                forks.append(log.fork)
            if log.head and log.head.note and self._differs(peer, log, log.head, follow, now):
                different.append(head_note(log.head))
        if unknown:
            self._table.put(Mentioned(peer.name, tuple(unknown[:MENTIONED_MAX])))
        self._send_heads(peer, different)
        for at in range(0, len(forks), PROOFS_MAX):
            self._table.send(peer.name, Forks(tuple(forks[at : at + PROOFS_MAX])))

    def _differs(self, peer: Peer, log: Log, head: Held, follow: Follow, now: float) -> bool:
        """Whether our head would tell the peer anything. The same head said in a hello is as good as a claim."""
        if (follow.size, follow.root) != (head.size, head.root):
            return True
        peer.claims[log.origin] = head
        self.claimed(log, now)
        return freshness(log.origin, head.cosignatures) > follow.fresh

    def _send_heads(self, peer: Peer, heads: list[HeadNote]) -> None:
        part: list[HeadNote] = []
        size = 0
        for head in heads:
            part.append(head)
            size += len(head.note) + sum(map(len, head.cosignatures))
            if len(part) == HEADS_MAX or size > HEADS_BYTES:
                self._table.send(peer.name, Heads(tuple(part)))
                part, size = [], 0
        if part:
            self._table.send(peer.name, Heads(tuple(part)))

    def heads(self, message: Heads, peer: Peer | None, now: float) -> None:
        """Judge each head. Raises `RemoteError` for one that its author has not signed."""
        for item in message.heads:
            self.head(item, peer, now)

    def head(self, item: HeadNote, peer: Peer | None, now: float) -> None:
        """Judge one head, shown by `peer` or by nobody in particular (gossip)."""
        log = self._table.logs.get(origin_of_note(item.note))
        if log is None or log.identity is None:
            return
        try:
            held = self._read(log, item.note)
        except RemoteError:
            if log.identity.guessed:
                return
            raise
        if held.size == 0:
            return
        lines = self.cosignatures.checked(log, held, item)
        if log.own:
            self._own_head(log, held, lines, peer, now)
        else:
            self._others_head(log, held, lines, peer, now)

    def doubt(self, peer: Peer | None, message: Doubt, now: float) -> None:
        """Somebody shows a head that, it says, we signed and do not extend: it is judged like any other."""
        self.head(HeadNote(message.note), peer, now)

    def _read(self, log: Log, note: bytes) -> Held:
        """The head in the note; its signature is checked once for all the peers that repeat it."""
        if log.head and note == log.head.note:
            return log.head
        held = log.heard.get(note)
        if held is None:
            assert log.identity is not None
            checkpoint = checkpoints.verify(note, log.origin, log.identity.key)
            held = log.heard[note] = Held(checkpoint.size, checkpoint.root, note)
            if len(log.heard) > HEARD_MAX:
                del log.heard[next(iter(log.heard))]
        return held

    # --- a head of our own log ---

    def _own_head(self, log: Log, held: Held, lines: list[Cosignature], peer: Peer | None, now: float) -> None:
        if peer is not None:
            peer.claims[log.origin] = held  # from whom to pull the tail, once the log is closed
        if log.head is None or held.size > log.head.size:
            self._raise_doubt(log, held)
        else:
            self._compare(log, held, lines, peer, now)

    def _raise_doubt(self, log: Log, held: Held) -> None:
        if not log.doubted:
            log.doubted = True
            self._table.put(RaiseDoubt(log.origin, held))

    # --- a head of another's log ---

    def _others_head(self, log: Log, held: Held, lines: list[Cosignature], peer: Peer | None, now: float) -> None:
        if lines:
            held = log.heard[held.note] = merged(held, lines)
        if peer is None:
            peer = self._author(log)
        if peer is not None:
            peer.claims[log.origin] = held
        if held.size <= log.size:
            self._compare(log, held, lines, peer, now)
            return
        other = log.pinned
        if other and other.size == held.size and other.root != held.root:
            self.forked(log, ForkProof(held.note, other.note, other.root, ()), now)
        self.claimed(log, now)

    def _author(self, log: Log) -> Peer | None:
        """The connected peer whose log it is: what gossip says of it can be had there."""
        key = log.identity.key if log.identity else b""
        return next((peer for peer in self._table.peers.values() if peer.key == key and peer.greeted), None)

    # --- against our own tree ---

    def _compare(self, log: Log, held: Held, lines: list[Cosignature], peer: Peer | None, now: float) -> None:
        """Judge a head that our tree is large enough to judge."""
        if log.roots.get(held.size) == held.root:
            self._agrees(log, held, lines, peer, now)
            return
        top = log.head if log.head and held.size <= log.head.size else None

        def loaded(root: bytes = b"", proof: tuple[bytes, ...] = (), later: float = now) -> None:
            if not root:
                return
            if root == held.root:
                log.note_root(held.size, root)
                self._agrees(log, held, lines, peer, later)
            elif top and log.head is top:
                self._differ(log, held, top, root, proof, later)
            elif not log.own:
                self._table.put(Contested(log.origin, held))
                self.claimed(log, later)

        number = self._table.question(loaded)
        self._table.put(LoadProof(number, log.origin, held.size, top.size if top else log.size))

    def _agrees(self, log: Log, held: Held, lines: list[Cosignature], peer: Peer | None, now: float) -> None:
        if held.size > log.size:
            return  # the log was rewound while the archive was asked
        if not log.own and (log.head is None or held.size > log.head.size):
            log.head = held
            self._table.put(KeepHead(log.origin, held))
            self.push(log)
        elif log.head and held.size == log.head.size:
            for line in lines:
                self.cosignatures.cosigned(log, held.size, line)
        elif log.head and peer and log.identity and peer.key == log.identity.key and not log.own:
            self._warn(log, log.head, peer)
        self.claimed(log, now)

    def _warn(self, log: Log, head: Held, peer: Peer) -> None:
        """An author who shows less than it has signed does not know itself: tell it, once a connection."""
        if log.origin not in peer.warned:
            peer.warned[log.origin] = None
            self._table.send(peer.name, Doubt(head.note))

    def _differ(self, log: Log, held: Held, top: Held, root: bytes, proof: tuple[bytes, ...], now: float) -> None:
        """Our tree, which leads to `top`, has another root at the size of `held`: its author signed both."""
        self.forked(log, ForkProof(held.note, top.note, root, tuple(proof)), now)
        if log.own:
            self._raise_doubt(log, held)
            return
        author = self._author(log)
        if author:
            self._warn(log, top, author)
        self.claimed(log, now)  # if the charter chose that history, ours is to be rewound

    # --- forks ---

    def forked(self, log: Log, proof: ForkProof, now: float) -> None:
        """Keep a checked fork proof, the first one of its log, and tell those who follow the log."""
        if log.fork is not None:
            return
        log.fork = proof.encode()
        self._table.put(KeepFork(log.origin, log.fork))
        interested = (peer for peer in self._table.peers.values() if log.origin in peer.follows)
        self._table.send_each(interested, Forks((log.fork,)))

    def forks(self, message: Forks, now: float) -> None:
        """Check fork proofs that a peer shows. Raises `RemoteError` for a false one."""
        for encoded in message.proofs:
            proof = forks.decode(encoded)
            log = self._table.logs.get(proof.origin)
            if log is None or log.identity is None or log.fork is not None:
                continue
            try:
                forks.verify(proof, log.origin, log.identity.key)
            except RemoteError:
                if log.identity.guessed:
                    continue
                raise
            self.forked(log, proof, now)
            for note in (proof.first, proof.second):
                self.head(HeadNote(note), None, now)


def _follow(log: Log) -> Follow:
    head = log.head
    if head is None:
        return Follow(log.origin, 0, b"", 0)
    return Follow(log.origin, head.size, head.root, freshness(log.origin, head.cosignatures))
