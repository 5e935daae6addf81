# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who belongs to a cluster: which logs count for which territory, and up to where.

The charter is the agglomeration's own log, read for two verbs (`enrol`, `end`: enrolment.py) and for the openings of
the agglomeration's own epochs (succession.py). `Charter` keeps these statements as they arrive, one by one, and derives
everything else from all of them: the same statements give the same charter, in whatever order the logs were fetched.

What it holds to:
- The first log enrolled for a territory counts until it is ended; then its successor, or else the next enrolled. A
  rival, enrolled meanwhile, is kept and shown as disputed, never merged.
- One origin, one key: a second enrolment of the same log changes nothing. An end is for ever, though a later `end` may
  correct its size, root or successor; a log that was ended by mistake begins a new epoch.
- An ended log counts up to its last size. Its successor answers from there: also for another town's elements, if that
  town merged into its own, and for all that it ever wrote about them.

Not shared between threads. Nothing here asks a clock: the order is the log's.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Self

from .enrolment import END, ENROL, End, Enrolment, read_end, read_enrolment
from .errors import RemoteError, Unreadable
from .opening import KIND as OPENING
from .opening import Opening, read_opening
from .origin import LogIdentity, territory_of
from .record import Header
from .succession import Chain, Evidence, Recovered, Statement, derive_chain, standing

CANDIDATES_MAX = 1000  # logs of the agglomeration's territory, epochs and claims alike; more is noise or malice
CONTROL_KINDS = frozenset({OPENING, ENROL, END})
"""The kinds of records that a charter is folded from; all others may be left out."""


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A log that the charter names, and what has become of it."""

    identity: LogIdentity
    since: int
    end: End | None = None
    disputed: bool = False
    """Another log, enrolled before, counts for the same territory and has not ended."""
    presumed: bool = False
    """No enrolment names it: the agglomeration's own log, or one's own before it is enrolled."""

    @property
    def origin(self) -> str:
        return self.identity.origin

    @property
    def territory(self) -> str:
        return self.identity.territory

    @property
    def merged_into(self) -> str | None:
        """The other territory whose log answers for its elements now that it has ended; None if there is none."""
        successor = self.end.successor if self.end else None
        heir = territory_of(successor) if successor else self.territory
        return heir if heir != self.territory else None


@dataclass(slots=True)
class _Derived:
    """What the statements amount to; made anew after each change."""

    chain: Chain
    enrolled: dict[str, Enrolled] = field(default_factory=dict)
    ends: dict[str, End] = field(default_factory=dict)
    heirs: dict[str, str] = field(default_factory=dict)
    """By origin: the log that goes on from there."""
    by_territory: dict[str, list[Enrolled]] = field(default_factory=dict)
    nonces: dict[bytes, Enrolment] = field(default_factory=dict)
    spans: dict[str, list[tuple[str, int | None]]] = field(default_factory=dict)


class Charter:
    """The charter of one cluster, as far as it has been read."""

    def __init__(self, agglomeration: LogIdentity) -> None:
        """`agglomeration` is the pinned log: from an invitation, or one's own."""
        self._pinned = agglomeration
        self._evidence = Evidence(statements={agglomeration.origin: []})
        self._next: dict[str, int] = {}  # by origin: records below this index have been read
        self._own: dict[str, Opening] = {}
        self._cache: _Derived | None = None

    @classmethod
    def fold(cls, agglomeration: LogIdentity, records: Iterable[tuple[str, int, Header]]) -> Self:
        """The charter after all of `records`, given as `(origin, index, header)` in each log's order."""
        charter = cls(agglomeration)
        for origin, index, header in records:
            charter.apply(origin, index, header)
        return charter

    def apply(self, origin: str, index: int, header: Header) -> bool:
        """Read one more record; True if the charter may have changed.

        `header`'s signature has been checked. Records of other kinds, of other territories' logs, read before, or
        unreadable are passed over. Of one log they come in order, its opening (number 0) first; only the pinned log
        may be read without it.
        """
        if header.kind not in CONTROL_KINDS or index < self._next.get(origin, 0):
            return False
        try:
            changed = self._read(origin, index, header)
        except Unreadable:
            return False
        if changed:
            self._next[origin] = index + 1
            self._cache = None
        return changed

    def consider(self, opening: Header, end: Header) -> bool:
        """Read a succession that the recovery key signed (recovery.py): the new log's opening, and the `end`.

        The only way for the charter to another key that its log did not name itself. True if something changed;
        RemoteError if the two are no succession of this charter. Signatures have been checked.
        """
        new, last, evidence = read_opening(opening), read_end(end), self._evidence
        if (last.successor, last.successor_key) != (new.origin, new.key) or new.territory != self._pinned.territory:
            raise RemoteError(f"end of {last.last.origin} that does not name {new.origin} and its key")
        recovery_keys = {log.recovery_key for log in evidence.openings.values()} | {self._pinned.recovery_key}
        full = max(len(evidence.openings), len(evidence.recovered)) >= CANDIDATES_MAX
        if end.author not in recovery_keys or full:
            raise RemoteError(f"end of {last.last.origin} not signed by a recovery key of the charter")
        step, said = (end.author, last.last.origin, new.origin), Recovered(last, (end.time, end.digest))
        if step in evidence.recovered and evidence.recovered[step].rank >= said.rank:
            return False
        evidence.recovered[step] = said
        evidence.openings.setdefault((new.origin, new.key), new)
        evidence.statements.setdefault(new.origin, [])
        self._cache = None
        return True

    def presume(self, opening: Opening) -> None:
        """Let a log of one's own count before the charter names it: a town must see what its residents write."""
        self._own[opening.origin] = opening
        self._cache = None

    @property
    def agglomeration(self) -> LogIdentity:
        """The log in which the charter is written now: the last one that is beyond dispute."""
        return self._derived().chain.logs[-1]

    @property
    def territory(self) -> str:
        """The agglomeration's: every log that the charter is read from is of this one."""
        return self._pinned.territory

    @property
    def chain(self) -> list[LogIdentity]:
        """The agglomeration's logs that the charter is read from, in order."""
        return list(self._derived().chain.logs)

    @property
    def enrolments(self) -> list[Enrolled]:
        """Every log that the charter names, ended or not: the agglomeration's own first, then in order of enrolment."""
        return list(self._derived().enrolled.values())

    def enrolled(self, origin: str) -> Enrolled | None:
        """What the charter says of one log."""
        return self._derived().enrolled.get(origin)

    def ongoing(self, territory: str) -> Enrolled | None:
        """The log in which the territory's records are written now, if it has one."""
        derived = self._derived()
        for log in derived.by_territory.get(territory, ()):
            if not log.disputed and not log.end and log.origin not in derived.heirs:
                return log
        return None

    def counts(self, territory: str) -> list[tuple[str, int | None]]:
        """The logs whose records about the territory's elements count, in order: `(origin, up to which size)`.

        None is no bound: the log goes on. Of two records about an element, the one in the later log is the later.
        """
        derived = self._derived()
        if territory not in derived.spans:
            spans: dict[str, int | None] = {}
            for log in derived.by_territory.get(territory, ()):
                _follow(log, derived, spans)
            derived.spans[territory] = list(spans.items())
        return list(derived.spans[territory])

    def continued(self, log: Enrolled) -> bool:
        """Did this log end, and its author go on in another under the same key? What was signed in it beyond its end
        does not count, but is that author's to write again: whoever keeps the log keeps it for them."""
        ongoing = self.ongoing(log.territory)
        return log.end is not None and ongoing is not None and ongoing.identity.key == log.identity.key

    def speaks_for(self, territory: str, origin: str, index: int) -> bool:
        """Does record `index` of the log `origin` count for an element of `territory`?"""
        return any(origin == span and (upto is None or index < upto) for span, upto in self.counts(territory))

    def heirs(self, territory: str) -> list[str]:
        """The territories whose logs answer for this one's elements, itself first: more than one after a merge."""
        return list(dict.fromkeys([territory, *(territory_of(origin) for origin, _ in self.counts(territory))]))

    def merged_into(self, territory: str) -> str | None:
        """The territory that answers for this one's elements since they merged; None while it speaks for itself."""
        ongoing = self.ongoing(territory)
        if ongoing is not None and not ongoing.presumed:
            return None
        found = None
        for log in self._derived().by_territory.get(territory, ()):
            found = log.merged_into or found
        return found

    def territories(self) -> list[str]:
        """Every territory that ever had a log here, sorted."""
        return sorted(self._derived().by_territory)

    def allowed_keys(self) -> set[bytes]:
        """The keys of the peers to talk with: of the charter's own log, and of logs that have not ended."""
        return {log.identity.key for log in self.enrolments if log.end is None} | {self.agglomeration.key}

    def disputed(self) -> dict[str, list[str]]:
        """By territory: the logs that contradict each other, the one that counts first, for a person to decide."""
        disputes: dict[str, list[str]] = {}
        for log in self.enrolments:
            if log.disputed:
                holder = self.ongoing(log.territory)
                disputes.setdefault(log.territory, [holder.origin] if holder else []).append(log.origin)
        for rival in self._derived().chain.contested:
            disputes.setdefault(rival.territory, []).append(rival.origin)
        return disputes

    def candidate(self, origin: str) -> LogIdentity | None:
        """As what to fetch a log that the charter does not name, to see whether it continues one that it names.

        That is a new epoch of the territory's ongoing log, under the same keys; None if there is nothing to expect.
        """
        log = self.ongoing(territory_of(origin))
        if log is None or self.enrolled(origin):
            return None
        return replace(log.identity, origin=origin)

    def nonce_used(self, nonce_digest: bytes) -> Enrolment | None:
        """The enrolment in which an invitation was used, if it was."""
        return self._derived().nonces.get(nonce_digest)

    def _read(self, origin: str, index: int, header: Header) -> bool:
        statements, openings = self._evidence.statements, self._evidence.openings
        if header.kind == OPENING:
            opening = read_opening(header)
            expected = index == 0 and origin == opening.origin and opening.territory == self._pinned.territory
            if not expected or (origin, opening.key) in openings or len(openings) >= CANDIDATES_MAX:
                return False
            openings[origin, opening.key] = opening
            statements.setdefault(origin, [])
            return True
        if origin not in statements:
            return False
        verb = read_enrolment(header) if header.kind == ENROL else read_end(header)
        statements[origin].append(Statement(index, verb))
        return True

    def _derived(self) -> _Derived:
        if self._cache is None:
            self._cache = self._derive()
        return self._cache

    def _derive(self) -> _Derived:
        derived = _Derived(derive_chain(self._pinned, self._evidence))
        enrolled = derived.enrolled
        for log in self._named(derived):
            known = enrolled.get(log.identity.origin)
            if known is None or (known.presumed and known.identity == log.identity):
                enrolled[log.identity.origin] = log
        self._link(derived)
        # Whom the `end` of a log of the same territory names comes before those who were only enrolled.
        named = {(territory_of(origin), end.successor) for origin, end in derived.ends.items()}
        held: set[str] = set()
        for origin in sorted(enrolled, key=lambda origin: (territory_of(origin), origin) not in named):
            end, territory = derived.ends.get(origin), territory_of(origin)
            goes_on = end is None and origin not in derived.heirs
            disputed = goes_on and territory in held
            if end or disputed:
                enrolled[origin] = replace(enrolled[origin], end=end, disputed=disputed)
            if goes_on:
                held.add(territory)
        for origin, log in enrolled.items():
            derived.by_territory.setdefault(territory_of(origin), []).append(log)
        return derived

    def _named(self, derived: _Derived) -> Iterator[Enrolled]:
        """Every log to be known: the chain's, then those enrolled, then one's own. Ends are noted in passing."""
        for log in derived.chain.logs:
            yield Enrolled(log, 0, presumed=True)
        for verb in standing(derived.chain, self._evidence):
            if isinstance(verb, End):
                derived.ends[verb.last.origin] = verb
                continue
            if verb.nonce_digest:
                derived.nonces.setdefault(verb.nonce_digest, verb)
            yield Enrolled(verb.identity, verb.since)
        for opening in self._own.values():
            yield Enrolled(opening.identity, 0, presumed=True)

    def _link(self, derived: _Derived) -> None:
        """Which log goes on from which: as the ends say, else as the chain, and one's own openings, let presume."""
        derived.heirs.update({origin: end.successor for origin, end in derived.ends.items() if end.successor})
        for old, new in zip(derived.chain.logs, derived.chain.logs[1:], strict=False):
            derived.heirs.setdefault(old.origin, new.origin)
        for opening in self._own.values():
            if opening.previous and opening.previous.origin not in derived.ends:
                derived.heirs.setdefault(opening.previous.origin, opening.origin)


def _follow(log: Enrolled, derived: _Derived, spans: dict[str, int | None]) -> None:
    """Add a log and those that go on from it; each once, so that two towns that name each other end here too."""
    following: Enrolled | None = log
    while following and not following.disputed and following.origin not in spans:
        spans[following.origin] = following.end.last.size if following.end else None
        following = derived.enrolled.get(derived.heirs.get(following.origin, ""))
