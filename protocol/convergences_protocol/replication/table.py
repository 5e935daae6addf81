# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the machine's rooms share: peers, logs, the way out, and questions waiting for their answer.

Data and the few moves that every room makes; no decision about replication is taken here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ..cosignature import Cosignature
from .frames import encode
from .limits import (
    ALLOWANCE_MAX,
    ALLOWANCE_PER_SECOND,
    BAN_SECONDS_MAX,
    BAN_SECONDS_MIN,
    COSIGNATURES_MAX,
    REASON_CHARS_MAX,
    ROOTS_MAX,
)
from .messages import Bye, HeadNote, Message
from .outputs import Drop, Output, Send
from .timers import Timers
from .views import End, Held, Identity, LogView


@dataclass(slots=True)
class Peer:
    """One connected peer: what it asked for, what it has shown heads of, and what it may still cost us."""

    name: str
    key: bytes
    misdeeds: int
    allowance_at: float
    allowance: float = ALLOWANCE_MAX
    greeted: bool = False
    follows: dict[str, None] = field(default_factory=dict)
    claims: dict[str, Held] = field(default_factory=dict)
    warned: dict[str, None] = field(default_factory=dict)
    """Logs of its own about which we have told it to doubt."""
    fetches: int = 0
    servings: int = 0
    unsent: int = 0
    """Batches given to the driver that have not left yet."""
    questions: int = 0
    """Its questions that our archive has not answered yet."""

    def spend(self, cost: float, now: float) -> bool:
        """Whether the peer may still ask for so much work."""
        earned = self.allowance + (now - self.allowance_at) * ALLOWANCE_PER_SECOND
        self.allowance, self.allowance_at = min(earned, ALLOWANCE_MAX) - cost, now
        return self.allowance >= 0


@dataclass(slots=True)
class Backoff:
    """Until when a log does not ask a peer again, and how long the wait was."""

    until: float
    seconds: float


@dataclass(slots=True)
class Log:
    """One log as the machine knows it: what the charter says, what the archive holds, what is going on."""

    origin: str
    identity: Identity | None = None
    size: int = 0
    head: Held | None = None
    pinned: Held | None = None
    own: bool = False
    wanted: int = 0
    """Bodies that may be wanted: never less than the archive's own count, which is asked before anything is."""
    fork: bytes | None = None
    roots: dict[int, bytes] = field(default_factory=dict)
    """Roots of our own tree at the latest sizes we had reason to know."""
    backoffs: dict[str, Backoff] = field(default_factory=dict)
    fetch: int = 0
    """The number of the `Want` that is going on, 0 for none."""
    disputing: int = 0
    """Questions going on to tell a lying peer from a forking author, or to find where two histories part."""
    agreed: End | None = None
    """The charter's end that our copy has been checked against, and goes with."""
    divided: int = 0
    """Where not 0: our copy parts from the charter's end somewhere before this size, and has to be rewound."""
    probed: bytes | None = None
    """In a forked log: the root of the last head that a peer proved to extend our copy."""
    doubted: bool = False
    heard: dict[bytes, Held] = field(default_factory=dict)
    """Notes whose signature has been checked lately."""
    swept: dict[str, None] = field(default_factory=dict)
    """Peers already asked, in this round, for the bodies that are wanted."""
    sweeping: str | None = None

    @property
    def end(self) -> End | None:
        """Where the charter says that this log ends."""
        return self.identity.end if self.identity else None

    def see(self, view: LogView) -> None:
        """Take over what the archive says."""
        self.size, self.head, self.pinned = view.size, view.head, view.pinned
        self.own, self.wanted, self.fork = view.own, view.wanted, view.fork
        self.roots.clear()
        if view.head:
            self.note_root(view.head.size, view.head.root)

    def note_root(self, size: int, root: bytes) -> None:
        """Remember a root of our tree, forgetting the oldest."""
        self.roots[size] = root
        if len(self.roots) > ROOTS_MAX:
            del self.roots[next(iter(self.roots))]


Answer = Callable[..., None]


class Table:
    """Everything the rooms share. `dropped` is called when a room drops a peer, so that all of them forget it."""

    def __init__(self) -> None:
        self.peers: dict[str, Peer] = {}
        self.logs: dict[str, Log] = {}
        self.timers = Timers()
        self.dropped: Callable[[str, float], None] = lambda peer, now: None
        self._out: list[Output] = []
        self._questions: dict[int, Answer] = {}
        self._number = 0

    def log(self, origin: str) -> Log:
        """The log of that origin, known from now on."""
        log = self.logs.get(origin)
        if log is None:
            log = self.logs[origin] = Log(origin)
        return log

    def number(self) -> int:
        """A number that was never given before: requests and fetches are named by it."""
        self._number += 1
        return self._number

    def was_numbered(self, number: int) -> bool:
        """Whether `number` has ever been given."""
        return 0 < number <= self._number

    def put(self, output: Output) -> None:
        """Ask the driver for something."""
        self._out.append(output)

    def take(self) -> list[Output]:
        """Everything asked for since the last time."""
        taken, self._out = self._out, []
        return taken

    def send(self, peer: str, message: Message) -> None:
        """Say something to a peer."""
        self._out.append(Send(peer, encode(message)))

    def send_each(self, peers: Iterable[Peer], message: Message) -> None:
        """Say the same to several: it is encoded once, and only if there is anybody to say it to."""
        frame = b""
        for peer in peers:
            frame = frame or encode(message)
            self._out.append(Send(peer.name, frame))

    def question(self, answer: Answer) -> int:
        """Number a question to the archive. `answer` gets what `answered` is given; with nothing: it could not say."""
        number = self.number()
        self._questions[number] = answer
        return number

    def answered(self, number: int, *values: object) -> None:
        """The archive's answer; one to a question nobody remembers is ignored."""
        answer = self._questions.pop(number, None)
        if answer is not None:
            answer(*values)

    def misdeed(self, peer: Peer, reason: str, now: float) -> None:
        """The peer lied: drop it, and have it refused for a while, longer each time."""
        seconds = min(BAN_SECONDS_MIN * 2.0 ** min(peer.misdeeds, 16), BAN_SECONDS_MAX)
        self.drop(peer, reason, now, seconds)

    def drop(self, peer: Peer, reason: str, now: float, seconds: float = 0.0) -> None:
        """Say good-bye and close."""
        reason = reason[:REASON_CHARS_MAX]
        self.send(peer.name, Bye(reason))
        self.put(Drop(peer.name, reason, seconds))
        self.dropped(peer.name, now)


def freshness(origin: str, cosignatures: tuple[Cosignature, ...]) -> int:
    """When the log's author last cosigned that head; 0 for unknown."""
    return max((line.time for line in cosignatures if line.cosigner_name == origin), default=0)


def head_note(head: Held) -> HeadNote:
    """The head as it travels."""
    return HeadNote(head.note, tuple(line.line for line in head.cosignatures[:COSIGNATURES_MAX]))
