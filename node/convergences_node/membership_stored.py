# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the archive holds of whom this node belongs with: the operator's choices, openings, control records.

Choices that cannot be read any more are said in the node's log, and count as not made: the node goes on by itself.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from convergences_protocol.enrolment import END
from convergences_protocol.errors import Unreadable
from convergences_protocol.opening import Opening, read_opening
from convergences_protocol.origin import LogIdentity
from convergences_protocol.record import Header, read_header

from convergences_node.archive.reader import ArchiveReader

log = logging.getLogger(__name__)

CHARTER_CHOICE = "charter"
KEEP_CHOICE = "keep"
SUCCESSIONS_CHOICE = "successions"
KEEP_ALL, KEEP_NONE, KEEP_THESE = "all", "none", "these"


@dataclass(frozen=True, slots=True)
class Keep:
    """Which logs of others the operator wants kept; one's own and the charter's always are."""

    what: str
    territories: tuple[str, ...] = ()

    def wants(self, territory: str) -> bool:
        """Whether logs of that territory are kept."""
        return self.what == KEEP_ALL or (self.what == KEEP_THESE and territory in self.territories)


def read_choices(reader: ArchiveReader) -> tuple[LogIdentity | None, Keep | None, list[Opening]]:
    """The charter that is pinned, which logs are kept (None where nothing was chosen), and one's own openings."""
    charter, keep = reader.choice(CHARTER_CHOICE), reader.choice(KEEP_CHOICE)
    return _read_identity(charter), _read_keep(keep), read_own(reader)


def read_own(reader: ArchiveReader) -> list[Opening]:
    """The openings of one's own logs, former epochs first."""
    return [opening for state in reader.logs() if state.own and (opening := _opening(reader, state.origin))]


def _opening(reader: ArchiveReader, origin: str) -> Opening | None:
    entry = reader.entry(origin, 0)
    try:
        return read_opening(read_header(entry.header)) if entry else None
    except Unreadable:
        return None


def lineage_of(own: Sequence[Opening]) -> list[Opening]:
    """The log that is written in, and those that it continues: what was begun before a succession does not count."""
    wanted, found = own[-1].origin if own else "", []
    for opening in reversed(own):
        if opening.origin == wanted:
            found.append(opening)
            wanted = opening.previous.origin if opening.previous else ""
    return found[::-1]


def inherited(reader: ArchiveReader, lineage: Sequence[Opening]) -> list[Opening]:
    """The logs under other keys that ours continue by the recovery key's word, which is their second record.

    Without a charter to follow, nobody else says that they count, and a town that was made again would show nothing.
    """
    found: list[Opening] = []
    for opening in lineage:
        previous = reader.log(opening.previous.origin) if opening.previous else None
        second = reader.entry(opening.origin, 1)
        if previous is None or previous.own or second is None or second.unreadable is not None:
            continue
        old, header = _opening(reader, previous.origin), read_header(second.header)
        if old is not None and header.kind == END and header.author == old.recovery_key:
            found.append(old)
    return found


def write_identity(identity: LogIdentity) -> str:
    """The text that `read_choices` reads the pinned charter from."""
    return json.dumps(
        {"origin": identity.origin, "key": identity.key.hex(), "recovery_key": identity.recovery_key.hex()}
    )


def _read_identity(text: str | None) -> LogIdentity | None:
    if text is None:
        return None
    try:
        value = json.loads(text)
        return LogIdentity(value["origin"], bytes.fromhex(value["key"]), bytes.fromhex(value["recovery_key"]))
    except (ValueError, KeyError, TypeError) as error:
        log.error(
            "which charter is followed cannot be read (%s): this node goes on by itself, until it joins again"
            " (convergences join)",
            error,
        )
        return None


def _read_keep(text: str | None) -> Keep | None:
    if text is None:
        return None
    try:
        what, *territories = json.loads(text)
        return Keep(str(what), tuple(map(str, territories)))
    except (ValueError, TypeError) as error:
        log.error(
            "which logs are kept cannot be read (%s): as at first, until chosen again (convergences follow)", error
        )
        return None


def read_control(reader: ArchiveReader, *, origin: str, start: int) -> tuple[list[tuple[int, Header]], int] | None:
    """All control records of a log from `start` on, and how far the log was read."""
    state = reader.log(origin)
    if state is None or state.size <= start:
        return None
    found: list[tuple[int, Header]] = []
    while entries := reader.control(origin, start, state.size):
        found += [(entry.index, read_header(entry.header)) for entry in entries]
        start = entries[-1].index + 1
    return found, state.size
