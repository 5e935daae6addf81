# SPDX-License-Identifier: AGPL-3.0-or-later
"""In which log the charter goes on, when the agglomeration's own log ends.

A log of the agglomeration claims to carry the charter on, on one of three grounds, the stronger first:
1. the recovery key of the log before signed an `end` that names the new log and its key;
2. the log before, in its own first `end` of itself, names a log that it enrols with the same recovery key;
3. an opening under the same key, with the same recovery key, says that it continues the log before.
One claim on the strongest grounds there are: the charter goes on there. Two: it goes on in neither, and both are shown,
until the recovery key decides. A thief of the node's key can write in the charter, stop it or move it; none of that
outlasts the word of the recovery key, which no thief can replace.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from .enrolment import End, Enrolment
from .opening import Opening
from .origin import LogIdentity


@dataclass(frozen=True, slots=True)
class Statement:
    """One `enrol` or `end`, and its number in its log."""

    index: int
    verb: Enrolment | End


@dataclass(frozen=True, slots=True)
class Recovered:
    """An `end` that names its successor's key. Of two by one signer for one step, the signer's later word holds, and
    the digest breaks a tie, so that every reader keeps the same one."""

    end: End
    rank: tuple[int, bytes]


@dataclass(slots=True)
class Evidence:
    """All that was read of the logs that are, or claim to be, the charter's."""

    statements: dict[str, list[Statement]] = field(default_factory=dict)
    openings: dict[tuple[str, bytes], Opening] = field(default_factory=dict)
    """By origin and key: anyone can open a log under another's origin, with a key of their own."""
    recovered: dict[tuple[bytes, str, str], Recovered] = field(default_factory=dict)
    """By signer, ended log and successor. Whether the signer is the log's recovery key shows where the log is known."""

    def own_ends(self, origin: str, ended: str) -> list[End]:
        """What the log `origin` says about the end of the log `ended`."""
        verbs = (statement.verb for statement in self.statements.get(origin, ()))
        return [verb for verb in verbs if isinstance(verb, End) and verb.last.origin == ended]

    def recovery(self, log: LogIdentity, heir: str) -> End | None:
        """What the recovery key of `log` says of its end in favour of the log `heir`, if it says so."""
        said = self.recovered.get((log.recovery_key, log.origin, heir))
        return said.end if said else None


@dataclass(frozen=True, slots=True)
class Chain:
    """The charter's logs in order, and the claims between which nobody has decided."""

    logs: list[LogIdentity]
    contested: list[LogIdentity]


def derive_chain(pinned: LogIdentity, evidence: Evidence) -> Chain:
    """The chain that begins with the pinned log; the same for the same evidence, in whatever order it came."""
    logs = [pinned]
    while True:
        claims = _claims(logs[-1], evidence)
        fresh = {origin: claims[origin] for origin in sorted(claims.keys() - {log.origin for log in logs})}
        if len(fresh) != 1:
            return Chain(logs, list(fresh.values()))
        logs.extend(fresh.values())


def standing(chain: Chain, evidence: Evidence) -> Iterator[Enrolment | End]:
    """The statements that stand, in order: of each log those below the size at which it ended.

    Between a log and its heir come the recovery key's words, so that they outweigh the one and can be corrected by
    the other.
    """
    for log, heir in zip(chain.logs, [*chain.logs[1:], None], strict=True):
        upto = _ended_at(log, heir, evidence) if heir else None
        for statement in evidence.statements.get(log.origin, ()):
            closing = isinstance(statement.verb, End) and statement.verb.last.origin == log.origin
            if upto is None or statement.index < upto or closing:
                yield statement.verb
        if heir and (end := evidence.recovery(log, heir.origin)):
            yield end


def _claims(log: LogIdentity, evidence: Evidence) -> dict[str, LogIdentity]:
    recovered = {
        heir: evidence.openings[heir, said.end.successor_key or b""].identity
        for (signer, ended, heir), said in evidence.recovered.items()
        if (signer, ended) == (log.recovery_key, log.origin)
    }
    return recovered or _appointed(log, evidence) or _announced(log, evidence)


def _appointed(log: LogIdentity, evidence: Evidence) -> dict[str, LogIdentity]:
    """The heir that the log names in its own first `end`; later ones come after its end, and do not stand."""
    verbs = [statement.verb for statement in evidence.statements.get(log.origin, ())]
    heirs = {verb.origin: verb.identity for verb in reversed(verbs) if isinstance(verb, Enrolment)}
    for end in evidence.own_ends(log.origin, log.origin)[:1]:
        heir = heirs.get(end.successor or "")
        if heir and (heir.territory, heir.recovery_key) == (log.territory, log.recovery_key):
            return {heir.origin: heir}
    return {}


def _announced(log: LogIdentity, evidence: Evidence) -> dict[str, LogIdentity]:
    """With another recovery key it does not do: whoever stole the key would put theirs in its place."""
    return {
        opening.origin: opening.identity
        for opening in evidence.openings.values()
        if opening.previous is not None
        and opening.previous.origin == log.origin
        and (opening.key, opening.recovery_key) == (log.key, log.recovery_key)
    }


def _ended_at(log: LogIdentity, heir: LogIdentity, evidence: Evidence) -> int | None:
    """Where a log of the chain ended: its heir knows best, then the recovery key, then the log itself.

    None as long as nobody says: what the log holds stands then, for an heir that was restored may not know its tail.
    """
    by_heir = evidence.own_ends(heir.origin, log.origin)[-1:]
    by_recovery = [end for end in [evidence.recovery(log, heir.origin)] if end]
    by_itself = evidence.own_ends(log.origin, log.origin)[:1]
    for end in [*by_heir, *by_recovery, *by_itself]:
        return end.last.size
    return None
