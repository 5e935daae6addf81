# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who belongs, as this node knows it: the charter it follows, which logs it keeps, which peers it speaks with.

The charter is folded from control records that are in the archive, so it is the same after every start. Which
agglomeration is pinned, and which other logs are kept, are the operator's choices and stand in the archive too
(`membership_stored.py`). A town that has joined nobody follows a charter of its own log alone. Used from the event
loop; reads are awaited.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from functools import partial

from convergences_protocol.charter import Charter, Enrolled
from convergences_protocol.enrolment import END
from convergences_protocol.errors import ConvergencesError, Fault, Refused
from convergences_protocol.opening import Opening
from convergences_protocol.origin import LogIdentity
from convergences_protocol.record import Header
from convergences_protocol.recovery import Successor, read_succession_text
from convergences_protocol.replication.views import End, Identity

from convergences_node.archive.archive import Archive
from convergences_node.membership_stored import (
    CHARTER_CHOICE,
    KEEP_ALL,
    KEEP_CHOICE,
    KEEP_NONE,
    SUCCESSIONS_CHOICE,
    Keep,
    inherited,
    lineage_of,
    read_choices,
    read_control,
    read_own,
    write_identity,
)

log = logging.getLogger(__name__)

SUCCESSIONS_MAX = 16
"""A recovery key is used once in years."""
CANDIDATES_MAX = 64
"""New epochs looked into at once that no charter names yet; more is noise or malice."""


class Membership:
    """The charter followed, and what follows from it."""

    def __init__(self, archive: Archive, *, agglomeration: bool) -> None:
        self._archive = archive
        self._default_keep = Keep(KEEP_ALL if agglomeration else KEEP_NONE)
        self._is_agglomeration = agglomeration
        self._read_to: dict[str, int] = {}
        self._own: list[Opening] = []
        self._candidates: dict[str, LogIdentity] = {}
        self.charter: Charter
        self.keep = self._default_keep
        self.joined = agglomeration
        """Whether a charter is followed that is more than this node's own log."""

    async def load(self) -> None:
        """Begin again from what the archive holds."""
        charter, keep, self._own = await self._archive.read(read_choices)
        self.keep = keep or self._default_keep
        pinned = self._own[0].identity if charter is None else charter
        self.joined = self._is_agglomeration or charter is not None
        self.charter = Charter(pinned)
        await self._presume()
        for word in await self._successions():
            successor = read_succession_text(word)
            self._consider(successor.opening_header, successor.end_header)
        self._read_to.clear()
        await self.refresh()

    async def _successions(self) -> list[str]:
        text = await self._archive.read(lambda reader: reader.choice(SUCCESSIONS_CHOICE))
        return [str(word) for word in json.loads(text)] if text else []

    async def succeed(self, successor: Successor, word: str) -> bool:
        """Follow the charter into the log that its recovery key names. Raises `RemoteError` if that is no word for us.

        Remembered at once: until the new log is fetched, it is said nowhere else here. True if it changed anything.
        """
        if not self.charter.consider(successor.opening_header, successor.end_header):
            return False
        words = [*await self._successions(), word][-SUCCESSIONS_MAX:]
        await self._archive.choose(SUCCESSIONS_CHOICE, json.dumps(words))
        return True

    async def pin_own(self, former: LogIdentity) -> None:
        """At an agglomeration that goes on from another's log: the charter begins there."""
        await self._archive.choose(CHARTER_CHOICE, write_identity(former))
        await self.load()

    async def refresh(self) -> bool:
        """Read what is new in the charter's logs; True if the charter may have changed."""
        changed = False
        for origin in self.charter_origins():
            start = self._read_to.get(origin, 0)
            found = await self._archive.read(partial(read_control, origin=origin, start=start))
            if found is None:
                continue
            headers, self._read_to[origin] = found
            changed |= self._apply(origin, headers)
        if changed:
            self._candidates = {o: c for o, c in self._candidates.items() if not self.charter.enrolled(o)}
        return changed

    def charter_origins(self) -> list[str]:
        """The logs that the charter is, or may be, written in."""
        candidates = [o for o, c in self._candidates.items() if c.territory == self.charter.agglomeration.territory]
        own = self.own_origins if self.own.territory == self.charter.agglomeration.territory else []
        return list(dict.fromkeys([*(log.origin for log in self.charter.chain), *own, *candidates]))

    def _apply(self, origin: str, headers: Sequence[tuple[int, Header]]) -> bool:
        changed = False
        for index, header in headers:
            changed |= self.charter.apply(origin, index, header)
            if index == 1 and header.kind == END and headers[0][0] == 0 and header.author != headers[0][1].author:
                changed |= self._consider(headers[0][1], header)
        return changed

    def _consider(self, opening: Header, end: Header) -> bool:
        """The recovery key may have given the charter to another log."""
        try:
            return self.charter.consider(opening, end)
        except (ConvergencesError, ValueError) as error:
            log.warning("a succession of the charter is not accepted: %s", error)
            return False

    # ------------------------------------------------------------------------------------- choices
    def check_pin(self, agglomeration: LogIdentity) -> None:
        """Refused if the charter of another agglomeration is followed already: version 1 follows one."""
        if self.joined and agglomeration not in self.charter.chain:
            followed = self.charter.agglomeration.origin
            params = {"followed": followed, "invited": agglomeration.origin}
            raise Refused([Fault("invitation", "invitation_other_charter", params)])

    async def pin(self, agglomeration: LogIdentity) -> None:
        """Follow the charter of this agglomeration from now on; `check_pin` first. The same again does nothing."""
        self.check_pin(agglomeration)
        if self.joined:
            return
        await self._archive.keep_log(agglomeration)
        await self._archive.choose(CHARTER_CHOICE, write_identity(agglomeration))
        await self.load()

    async def choose(self, keep: Keep) -> None:
        """Keep these logs from now on."""
        await self._archive.choose(KEEP_CHOICE, json.dumps([keep.what, *keep.territories]))
        self.keep = keep

    async def own_epoch(self) -> bool:
        """Read the openings of one's own logs again; True if there is a new one."""
        own = await self._archive.read(read_own)
        if own == self._own:
            return False
        self._own = own
        await self._presume()
        return True

    async def _presume(self) -> None:
        """Let one's own logs count before the charter names them, and what the recovery key ended in their favour."""
        lineage = lineage_of(self._own)
        for opening in [*await self._archive.read(partial(inherited, lineage=lineage)), *lineage]:
            self.charter.presume(opening)

    def consider_candidates(self, origins: Iterable[str]) -> bool:
        """Origins that a peer follows; True if one may continue a log of the charter and is to be fetched."""
        new = False
        for origin in origins:
            if origin in self._candidates or len(self._candidates) >= CANDIDATES_MAX:
                continue
            try:
                candidate = self.charter.candidate(origin)
            except ValueError:
                continue
            if candidate is not None:
                self._candidates[origin] = candidate
                new = True
        return new

    @property
    def candidates(self) -> dict[str, LogIdentity]:
        """Logs that may continue one of the charter, not named by it yet."""
        return dict(self._candidates)

    # ------------------------------------------------------------------------------------- what follows
    @property
    def own(self) -> Opening:
        """The log that this node writes in."""
        return self._own[-1]

    @property
    def invites_to(self) -> LogIdentity:
        """At an agglomeration: the first log of the charter under its present key. Who begins there reads all of it."""
        return next((log for log in self.charter.chain if log.key == self.own.key), self.charter.agglomeration)

    @property
    def own_origins(self) -> list[str]:
        """This node's logs, former epochs first."""
        return [opening.origin for opening in self._own]

    @property
    def named(self) -> Enrolled | None:
        """What the charter says of the last of this node's logs that it names; None before it names any."""
        found = [self.charter.enrolled(origin) for origin in reversed(self.own_origins)]
        return next((log for log in found if log is not None and not log.presumed), None)

    @property
    def former_origins(self) -> list[str]:
        """The logs that were written under our key for our territory, but for the one that is written in.

        Not only those that this archive remembers: it may be lost, or older than an epoch that the charter names.
        """
        own = self.own_origins
        named = [log.origin for log in self.charter.enrolments if _continues(log.identity, self.own.identity)]
        return [origin for origin in dict.fromkeys([*named, *own]) if origin != self.own.origin]

    def kept(self) -> list[LogIdentity]:
        """The logs whose records this node keeps, its own not among them."""
        named = [log.identity for log in self.charter.enrolments if self._is_kept(log)]
        return [log for log in [*named, *self._candidates.values()] if log.origin not in self.own_origins]

    def _is_kept(self, log: Enrolled) -> bool:
        ours = log.territory == self.own.territory  # also a log that this archive, lost or put back, does not know
        return ours or log.identity in self.charter.chain or self.keep.wants(log.territory)

    def identities(self) -> list[Identity]:
        """For the replication machine: every log that the charter names."""
        own, former = set(self.own_origins), set(self.former_origins)
        found = [
            Identity(
                log.origin,
                log.identity.key,
                keep=log.origin in own or self._is_kept(log),
                end=End(log.end.last.size, log.end.last.root) if log.end else None,
                past_end=log.origin in former or self.charter.continued(log),
            )
            for log in self.charter.enrolments
        ]
        return found + [
            Identity(candidate.origin, candidate.key, guessed=True) for candidate in self._candidates.values()
        ]

    def allowed(self) -> set[bytes]:
        """The keys of the peers to speak with: those that the charter lets in, and towns that merged into another, for
        one that was away then has to learn it from somebody."""
        merged = {log.identity.key for log in self.charter.enrolments if log.merged_into}
        return (self.charter.allowed_keys() | merged) - {self.own.key}


def _continues(log: LogIdentity, own: LogIdentity) -> bool:
    return (log.territory, log.key) == (own.territory, own.key)
