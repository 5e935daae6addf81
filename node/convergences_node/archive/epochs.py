# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which log this node writes in: is the archive its latest, or was an old backup restored, or a card cloned?

A node that signs two heads that do not extend each other has forked its town. So at start the guard, the archive and
the machine are compared (the rules are doubt.py's, pure), and where there is a doubt nothing more is
ever appended to that log: a new epoch is opened at once, so that residents can still write.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from convergences_protocol import checkpoint
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.doubt import Doubt, Guarded, Sure, judge_head, judge_start
from convergences_protocol.errors import RemoteError, Unreadable
from convergences_protocol.keys import SigningKey
from convergences_protocol.opening import Opening, author_opening, read_opening
from convergences_protocol.origin import EPOCH_BYTES, Origin
from convergences_protocol.record import read_header

from .authoring import Authored
from .guard import GuardState, GuardTorn
from .model import EpochOpened, Finding, LogState
from .writer import ArchiveWriter


def opening_record(opening: Opening, key: SigningKey, now: int) -> Authored:
    """The first record of a log of one's own."""
    return Authored(read_header(author_opening(opening, key, now)), None, edit=False)


def start(writer: ArchiveWriter, key: SigningKey, random_bytes: Callable[[int], bytes], now: int) -> list[Finding]:
    """Decide at start which log is written in, and go on with it. Returns what the operator should know."""
    own = writer.reader.own_log()
    reason = judge(writer, own, key)
    if reason is None:
        guarded = writer.guard.read()
        assert guarded is not None
        size = checkpoint.parse(guarded.note).size
        writer.continue_log(own.origin, key, size)
        return [Finding("archive.revealed", {"count": own.size - size})] if own.size > size else []
    event = new_epoch(writer, key, random_bytes, now, reason)
    return [Finding("archive.doubt", {"reason": reason, "old": own.origin, "new": event.origin})]


def look(writer: ArchiveWriter, key: SigningKey) -> list[Finding]:
    """As `start`, where nothing can be written: show what was shown before. No head is signed, so none can fork."""
    own = writer.reader.own_log()
    reason = judge(writer, own, key)
    if reason is not None:
        # In doubt of which is its latest, it shows what it has: all of that was signed here once.
        writer.show_log(own.origin, own.size)
        return [Finding("archive.doubt", {"reason": reason, "old": own.origin})]
    guarded = writer.guard.read()
    assert guarded is not None
    writer.show_log(own.origin, checkpoint.parse(guarded.note).size)
    return []


def judge(writer: ArchiveWriter, own: LogState, key: SigningKey) -> str | None:
    """Why nothing more may be written in this log, or None if keys, guard, archive and machine agree."""
    if key.public != own.key:
        return "key_changed"
    guarded, torn = None, False
    try:
        state = writer.guard.read()
        guarded = _guarded(state, own) if state else None
    except GuardTorn:
        torn = True
    root_at = partial(writer.reader.root_at, own.origin)
    verdict = judge_start(guarded, torn=torn, machine=writer.guard.machine, size=own.size, root_at=root_at)
    return verdict.reason.value if isinstance(verdict, Doubt) else None


def _guarded(state: GuardState, own: LogState) -> Guarded:
    try:
        return Guarded(checkpoint.verify(state.note, own.origin, own.key), state.machine)
    except RemoteError:
        return Guarded(None, state.machine)


def doubt(
    writer: ArchiveWriter, note: bytes, key: SigningKey, random_bytes: Callable[[int], bytes], now: int
) -> EpochOpened | None:
    """A head of the log that we write in was heard: a new epoch if our tree does not extend it, else None."""
    own = writer.reader.own_log()
    heard = checkpoint.parse(note)
    if heard.origin != own.origin:
        return None
    checkpoint.verify(note, own.origin, own.key)
    if isinstance(judge_head(heard, size=own.size, root_at=partial(writer.reader.root_at, own.origin)), Sure):
        return None
    try:
        event = new_epoch(writer, key, random_bytes, now, "head_heard")
    except Exception as error:
        writer.broken = f"its log is in doubt, and no new epoch could be opened: {error}"
        raise
    return event


def new_epoch(
    writer: ArchiveWriter,
    key: SigningKey,
    random_bytes: Callable[[int], bytes],
    now: int,
    reason: str,
    previous: Checkpoint | None = None,
) -> EpochOpened:
    """Close the log that was written in, and open another for the same territory; residents write on in it.

    It continues the log that is closed, or the one that `previous` is the head of.
    """
    own = writer.reader.own_log()
    origin = str(Origin(own.territory, random_bytes(EPOCH_BYTES)))
    if previous is None and own.size:
        previous = Checkpoint(own.origin, own.size, own.root)
    assert own.recovery_key is not None, "a log of one's own has a recovery key"
    opening = Opening(origin, key.public, own.recovery_key, _name(writer, own), previous)
    writer.writing_in = own.origin
    writer.begin_log(opening.identity, opening_record(opening, key, now), key, reason)
    return EpochOpened(origin, own.origin, reason)


def _name(writer: ArchiveWriter, own: LogState) -> str:
    """The name that the log before gave itself."""
    first = writer.reader.entry(own.origin, 0)
    try:
        return read_opening(read_header(first.header)).name if first else own.territory
    except Unreadable:
        return own.territory
