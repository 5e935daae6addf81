# SPDX-License-Identifier: AGPL-3.0-or-later
"""At the agglomeration: a log that says it continues one of the charter's is looked at, and enrolled if nobody need
decide.

A town that was moved to another card, or lost its guard, opens a new epoch under its keys. Its first record names the
head that it continues; once its peers have given back what an old backup had lost, an `end` of its own names a later
one (`former.py`). When the copy kept here is a part of what that head covers, and reaches it, the charter may say
`end` and `enrol` by itself (`protocol/admission.py`); all else is told once, and waits for a person.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from convergences_protocol.admission import Control, admit_epoch
from convergences_protocol.charter import Charter
from convergences_protocol.enrolment import END
from convergences_protocol.errors import Refused, Unreadable
from convergences_protocol.opening import Opening, read_opening
from convergences_protocol.record import Header, read_header, signature_valid

from convergences_node.archive.reader import ArchiveReader
from convergences_node.former import said_end

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A log that claims to continue another, as far as it is here."""

    opening: Opening
    recovery_end: Header | None
    extends: bool
    """The copy of the old log that is kept here is exactly what the opening continues."""
    waits: bool
    """Not all that the opening continues is here yet."""


class Continuing:
    """Looks at candidates; remembers which were told to wait for a person."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def judge(self, charter: Charter, candidate: Candidate, now: int) -> list[Control]:
        """What the charter is to say of it, by itself; nothing if it has to wait."""
        origin = candidate.opening.origin
        if candidate.waits:
            return []
        try:
            return admit_epoch(
                charter, candidate.opening, now, extends=candidate.extends, recovery_end=candidate.recovery_end
            )
        except Refused as refused:
            if origin not in self._told:
                self._told.add(origin)
                log.warning(
                    "%s says that it continues a log of the charter; a person has to decide: %s", origin, refused
                )
            return []


def read_candidate(reader: ArchiveReader, origin: str) -> Candidate | None:
    """A candidate's first two records, and how its claim stands to what is kept; None before they are here."""
    entries = reader.entries(origin, 0, 2) if reader.log(origin) is not None else []
    headers = [_signed(entry.header) for entry in entries]
    if not headers or headers[0] is None:
        return None
    try:
        opening = read_opening(headers[0])
    except Unreadable:
        return None
    if opening.origin != origin:
        return None
    second = headers[1] if len(headers) > 1 else None
    end = second if second is not None and second.kind == END and second.author != opening.key else None
    opening = replace(opening, previous=said_end(reader, opening) or opening.previous)
    previous = opening.previous
    old = reader.log(previous.origin) if previous is not None else None
    if previous is None or old is None:
        return Candidate(opening, end, extends=False, waits=False)
    if old.size < previous.size:
        return Candidate(opening, end, extends=False, waits=end is None)
    same = reader.root_at(previous.origin, previous.size) == previous.root
    # What it does not know of the old log is being given back to it; then it names a later head.
    behind = same and old.size > previous.size
    return Candidate(opening, end, extends=same and not behind, waits=behind and end is None)


def _signed(raw: bytes) -> Header | None:
    try:
        return read_header(raw) if signature_valid(raw) else None
    except Unreadable:
        return None
