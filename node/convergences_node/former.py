# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a node still does for the logs that it wrote in before: their tail, their end, and records that would not count.

After a doubt the node writes on in a new epoch at once, before it knows all that it had signed in the old one. Peers
give that back as closed history. Then the new epoch says, by an `end` of its own, how far the old one went: the
agglomeration holds that against its copy and enrols the new epoch by itself (`continuing.py`). What our residents wrote
in the old log beyond where the charter ended it is appended again to the new one, as it was signed.

The doubt is remembered over restarts, for the operator's eyes, until the charter names the log that is written in.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from convergences_protocol.charter import Charter, Enrolled
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.enrolment import END, End, read_end
from convergences_protocol.errors import Unreadable
from convergences_protocol.opening import Opening
from convergences_protocol.record import read_header

from convergences_node.archive.model import LogState, NewControl
from convergences_node.archive.reader import ArchiveReader

if TYPE_CHECKING:
    from convergences_node.town import Town

log = logging.getLogger(__name__)

DOUBT_CHOICE = "doubt"
"""Where a doubt is remembered: why, and the two logs."""
WHY = "epoch"
AFTER_OPENING = 1
"""Of a log that the charter never named all counts nowhere, but for the record that opened it."""
ENDED = "charter_ended"
RESTORED, OLDER = "guard_missing", "older_than_epoch"
"""A backup was put back; and it was older than an epoch that the charter names since."""


class Former:
    """Looks after one town's former logs. Used from the task that follows the charter, one look at a time."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._merger_told = False
        self._brought: dict[str, tuple[int, int]] = {}
        """By former log: from where to where it has been looked at for records to append again."""

    async def load(self) -> None:
        """At start: take up a doubt that an earlier start has left."""
        text = await self._town.archive.read(lambda reader: reader.choice(DOUBT_CHOICE))
        if text is not None and self._town.doubt_reason is None:
            self._town.doubt_reason = str(json.loads(text)["reason"])

    async def look(self) -> None:
        """Do what can be done now. Asking again does nothing twice."""
        membership = self._town.membership
        await self._remember()
        if await self._ended_by_charter():
            return  # the new epoch is looked at when it is announced
        opening, charter = membership.own, membership.charter
        if await self._goes_on_from_later(opening, charter):
            return
        if opening.previous is not None:
            await self._say_end(opening, charter)
            for origin in membership.former_origins:
                await self._bring_along(origin, charter)
        await self._settle(charter)

    # ------------------------------------------------------------------------------------- how far it went
    async def _say_end(self, opening: Opening, charter: Charter) -> None:
        """Once peers gave back more than our copy had when we opened this log: say how far the old one goes."""
        previous = opening.previous
        assert previous is not None
        if opening.territory == charter.agglomeration.territory:
            return  # what the charter said in a tail that nobody here knows yet stands, until a person says otherwise
        named = charter.enrolled(previous.origin)
        if named is not None and named.end is not None and named.end.successor != opening.origin:
            return
        old, said = await self._town.archive.read(lambda reader: _old_and_said(reader, opening))
        if old is None or old.head_size != old.size or old.size <= max(previous.size, said):
            return
        last = Checkpoint(previous.origin, old.size, old.root)
        await self._town.archive.append([NewControl(END, End(last, opening.origin, WHY).content())])
        log.info("%s ended at %d; %s goes on from there", previous.origin, old.size, opening.origin)

    async def _goes_on_from_later(self, opening: Opening, charter: Charter) -> bool:
        """Whether another log was opened, because the backup that was put back knew nothing of the last one of ours.

        The charter ended what ours continues, in favour of an epoch that this archive did not know. Once that is here
        whole, it is the one to continue; what residents wrote meanwhile goes along. Only after a backup: of two
        machines that both run, a person decides.
        """
        town, later = self._town, charter.ongoing(opening.territory)
        known = charter.enrolled(opening.origin)
        if town.doubt_reason != RESTORED or later is None or later.presumed or (known and not known.presumed):
            return False
        same = (later.identity.key, later.identity.recovery_key) == (opening.key, opening.recovery_key)
        if not same or opening.previous is None or later.origin == opening.previous.origin:
            return False
        state = await town.archive.read(lambda reader: reader.log(later.origin))
        if state is None or not state.size or state.head_size != state.size or not self._shows_no_more(state):
            return False
        last = Checkpoint(later.origin, state.size, state.root)
        event = await town.archive.open_epoch(OLDER, previous=last)
        await town.archive.bring_along(opening.origin, 1)
        await town.membership.load()  # the log between the two counts no more
        await town.charter_changed()
        log.warning("the backup was older than %s: residents write on in %s", later.origin, event.origin)
        return True

    def _shows_no_more(self, state: LogState) -> bool:
        """Whether a peer is connected, and none shows more of that log than is here."""
        network = self._town.network
        return network is not None and bool(network.driver.links) and network.target(state.origin) <= state.size

    # ------------------------------------------------------------------------------------- what would not count
    async def _bring_along(self, origin: str, charter: Charter) -> None:
        """Append again what a former log holds beyond the charter's end of it, if our log is the one that counts."""
        named, current = charter.enrolled(origin), self._town.membership.own.origin
        last = named.end.last if named is not None and named.end is not None else None
        if last is None and not _passed_over(named, charter.enrolled(current)):
            return
        if not _counts(charter, self._town.membership.own.territory, current):
            return
        state = await self._town.archive.read(lambda reader: reader.log(origin))
        size = last.size if last is not None else AFTER_OPENING
        if state is None or state.size <= size or self._brought.get(origin) == (size, state.size):
            return
        if last is not None:
            root = await self._town.archive.read(lambda reader: reader.root_at(origin, size))
            if root != last.root:
                return  # another history was chosen: the machine finds where they part, and has ours set aside there
        count = await self._town.archive.bring_along(origin, size)
        self._brought[origin] = (size, state.size)
        if count:
            log.warning("%d records of %s beyond its end at %d are written again in %s", count, origin, size, current)

    # ------------------------------------------------------------------------------------- ended by the charter
    async def _ended_by_charter(self) -> bool:
        """Whether the charter has ended our log, and no other town took over: then a new one is opened."""
        town = self._town
        current = town.membership.own
        named = town.membership.charter.enrolled(current.origin)
        if named is None or named.end is None:
            return False
        if named.merged_into:
            await self._tell_merged(named.end)
            return False
        log.error(
            "the charter has ended %s at %d (%s): residents write on in a new epoch, which a person has to enrol",
            current.origin,
            named.end.last.size,
            named.end.why,
        )
        await town.archive.open_epoch(ENDED)
        return True

    async def _tell_merged(self, end: End) -> None:
        """Once a start: our territory is another's now; what lies beyond the end does not count, and stays here."""
        if self._merger_told:
            return
        self._merger_told = True
        state = await self._town.archive.read(lambda reader: reader.own_log())
        log.warning(
            "the charter has ended %s at %d in favour of %s (%s); %d records here lie beyond and do not count",
            end.last.origin,
            end.last.size,
            end.successor,
            end.why,
            max(0, state.size - end.last.size),
        )

    # ------------------------------------------------------------------------------------- the operator's eyes
    async def _remember(self) -> None:
        town, opening = self._town, self._town.membership.own
        if town.doubt_reason is None:
            return
        previous = opening.previous.origin if opening.previous else None
        value = json.dumps({"reason": town.doubt_reason, "old": previous, "new": opening.origin})
        if await town.archive.read(lambda reader: reader.choice(DOUBT_CHOICE)) != value:
            await town.archive.choose(DOUBT_CHOICE, value)

    async def _settle(self, charter: Charter) -> None:
        """The doubt is over once the charter, or for the charter's own log what was said of the old one, is clear."""
        town = self._town
        if town.doubt_reason is None:
            return
        opening = town.membership.own
        named = charter.enrolled(opening.origin)
        clear = named is not None and not named.presumed and named.end is None and not named.disputed
        if charter.agglomeration.origin == opening.origin:
            old = await town.archive.read(
                lambda reader: reader.log(opening.previous.origin if opening.previous else "")
            )
            clear = old is not None and self._nobody_shows_more(opening, old.size)
        if clear:
            log.info(
                "the doubt (%s) is over: %s is the log of %s", town.doubt_reason, opening.origin, opening.territory
            )
            town.doubt_reason = None
            await town.archive.choose(DOUBT_CHOICE, None)

    def _nobody_shows_more(self, opening: Opening, size: int) -> bool:
        """For the charter's own log: whether a peer is connected, and none shows more of the log before."""
        network, previous = self._town.network, opening.previous
        if network is None or previous is None or not network.driver.links:
            return False
        return network.target(previous.origin) <= size


def _passed_over(former: Enrolled | None, current: Enrolled | None) -> bool:
    """Whether the charter names the log that is written in, and never named this one before it: the town began anew
    before it joined. The agglomeration's own logs are named by nobody."""
    return current is not None and not current.presumed and (former is None or former.presumed)


def _counts(charter: Charter, territory: str, origin: str) -> bool:
    return any(origin == span for span, _ in charter.counts(territory))


def _old_and_said(reader: ArchiveReader, opening: Opening) -> tuple[LogState | None, int]:
    """The log that the opening continues, as far as it is here, and the size at which our log says that it ended."""
    assert opening.previous is not None
    said = said_end(reader, opening)
    return reader.log(opening.previous.origin), said.size if said else 0


def said_end(reader: ArchiveReader, opening: Opening) -> Checkpoint | None:
    """The last head of the log before, as the log of that opening says in its latest `end` of it."""
    if opening.previous is None:
        return None
    found: Checkpoint | None = None
    for entry in reader.control(opening.origin):
        try:
            header = read_header(entry.header)
            end = read_end(header) if header.kind == END and header.author == opening.key else None
        except Unreadable:
            continue
        if end is not None and end.last.origin == opening.previous.origin and end.successor == opening.origin:
            found = end.last
    return found
