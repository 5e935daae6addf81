# SPDX-License-Identifier: AGPL-3.0-or-later
"""Everything that is looked at, in the order of the page: what asks for a person first.

Answered from memory, the local files and this machine; nothing waits for a peer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convergences_protocol.record import read_header

from convergences_node.archive.model import LogState
from convergences_node.archive.reader import ArchiveReader
from convergences_node.backup.verb import last_backup
from convergences_node.checkup.backups import backup_signs
from convergences_node.checkup.local_name import local_name_signs
from convergences_node.checkup.machine import machine_signs
from convergences_node.checkup.sign import BAD, CARE, GOOD, LEVELS, Sign, sign
from convergences_node.checkup.sources import listed_names, source_signs
from convergences_node.checkup.updates import update_signs
from convergences_node.clock import plausible_time
from convergences_node.faults import reason_of
from convergences_node.vault.leaving import left

if TYPE_CHECKING:
    from convergences_node.town import Town

SILENT_CARE_S, SILENT_BAD_S = 3_600, 3 * 86_400
"""A head is cosigned every ten minutes: an hour is a router that restarts, three days are nobody's holiday."""
BEHIND_CARE = 1_000
"""Records that are not searchable yet: less is a moment's work."""


@dataclass(frozen=True, slots=True)
class _Own:
    """What the archive says of the log that is written here."""

    log: LogState
    seen_at: int | None
    """When the agglomeration last said that it holds this log."""
    seen_size: int
    begun_at: int | None
    """When its first record was written, if the clock may have been right then."""


async def signs(town: Town) -> list[Sign]:
    """How this node is, the gravest first."""
    charter = town.membership.charter if town.membership.joined else None
    agglomeration = charter.agglomeration.origin if charter else None
    chain = frozenset(log.origin for log in charter.chain) if charter else frozenset()
    own = await town.archive.read(lambda reader: _read_own(reader, chain))
    machine = await asyncio.to_thread(machine_signs, town.folder, town.now(), refused=town.card_refuses)
    backups = backup_signs(await last_backup(town), await left(town), town.now(), own.begun_at)
    waiting = await town.erasures.waiting()
    ended = charter is not None and _is_ended(town)
    found = [
        *_doubt(town),
        *_erasures(waiting),
        *([_agglomeration(town, own, ended)] if agglomeration else [sign("agglomeration", GOOD, "alone")]),
        *([] if ended else _network(town)),
        *local_name_signs(town),
        *_letters(town),
        *backups,
        *await update_signs(town),
        *await _towns(town),
        *await _ailing(town),
        *await source_signs(town),
        *machine,
        await _index(town),
    ]
    return sorted(found, key=lambda each: -LEVELS.index(each.level))


def worst(found: list[Sign]) -> str:
    """How the whole of it is."""
    return max((each.level for each in found), key=LEVELS.index, default=GOOD)


def _read_own(reader: ArchiveReader, chain: frozenset[str]) -> _Own:
    log = reader.own_log()
    rows = [row for row in reader.cosignatures(log.origin) if row.cosigner in chain]
    first = reader.entry(log.origin, 0)
    begun_at = plausible_time(read_header(first.header).time) if first is not None else None
    seen_at = max((row.time for row in rows), default=None)
    return _Own(log, seen_at, max((row.size for row in rows), default=0), begun_at)


def _doubt(town: Town) -> Iterator[Sign]:
    if town.doubt_reason:
        yield sign("doubt", CARE, reason=town.doubt_reason)


def _erasures(waiting: dict[str, int]) -> Iterator[Sign]:
    for origin, count in sorted(waiting.items()):
        yield sign("erasures", BAD, origin=origin, count=count)


def _is_ended(town: Town) -> bool:
    """Whether the charter has ended this node's log, in favour of none of its own: a departure, a merge, a theft.

    Also once residents write on in a new epoch, which a person has to enrol.
    """
    named = town.membership.named
    if named is None or named.end is None:
        return town.ended_there
    return named.end.successor not in town.membership.own_origins


def _agglomeration(town: Town, own: _Own, ended: bool) -> Sign:
    """Whether the agglomeration has what was written here."""
    if ended:
        return sign("agglomeration", CARE, "ended")
    if town.config.node.kind == "agglomeration":
        return sign("agglomeration", GOOD, "itself")
    missing = max(0, own.log.size - own.seen_size)
    if own.seen_at is None:
        return sign("agglomeration", CARE, "never", missing=missing)
    age = max(0, town.now() - own.seen_at)
    level = BAD if age > SILENT_BAD_S else CARE if age > SILENT_CARE_S else GOOD
    return sign("agglomeration", level, "" if missing or level != GOOD else "whole", age=age, missing=missing)


def _letters(town: Town) -> Iterator[Sign]:
    """Nothing where no letter had to be sent, or the last one was."""
    if town.letter_refused is not None:
        at, why = town.letter_refused
        yield sign("letters", CARE, age=max(0, town.now() - at), **reason_of(why))


def _network(town: Town) -> Iterator[Sign]:
    network = town.network
    if network is None:
        yield sign("network", CARE, "stopped")
        return
    seen = town.peers()
    connected = sum(peer.connected for peer in seen)
    if network.p2p_state not in ("running", "starting", "switched off"):
        yield sign("network", CARE, "no_p2p", reason=network.p2p_state)
    elif unheard := network.unheard_at():
        yield sign("network", CARE, "unheard", addresses=", ".join(unheard))
    elif seen and not connected:
        yield sign("network", CARE, known=len(seen))
    elif seen:
        yield sign("network", GOOD, connected=connected, known=len(seen))


async def _index(town: Town) -> Sign:
    if town.index.rebuilding:
        return sign("index", GOOD, "rebuilding")
    sizes = await town.archive.read(lambda reader: sum(log.size for log in reader.logs()))
    behind = max(0, sizes - sum(each.applied for each in await town.index.coverage()))
    level = CARE if behind > BEHIND_CARE else GOOD
    return sign("index", level, "" if behind else "whole", behind=behind, records=sizes)


async def _towns(town: Town) -> list[Sign]:
    """At an agglomeration: which of its towns are silent."""
    charter, own, now = town.membership.charter, set(town.membership.own_origins), town.now()
    going_on = {log.origin: log.territory for log in charter.enrolments if log.end is None and log.origin not in own}
    if town.config.node.kind != "agglomeration" or not going_on:
        return []
    seen = {each.origin: each.cosigned_at or 0 for each in await town.index.coverage()}
    known = {view.code: view.name or view.code for view in await town.index.territories()}
    for level, seconds in ((BAD, SILENT_BAD_S), (CARE, SILENT_CARE_S)):
        silent = sorted(
            known.get(code, code) for origin, code in going_on.items() if now - seen.get(origin, 0) > seconds
        )
        if silent:
            return [sign("towns", level, names=listed_names(silent))]
    return [sign("towns", GOOD)]


async def _ailing(town: Town) -> list[Sign]:
    """At an agglomeration: in which of its towns a machine asks for a person, by their own words. Of one that has said
    nothing for days nobody knows whether it still does: then it is among the silent ones, and its last words are in the
    list of towns, with their age."""
    now = town.now()
    going_on = [log for log in town.membership.charter.enrolments if log.end is None]
    words = {log.territory: said for log in going_on if (said := town.hearing.of(log.origin)) is not None}
    heard = {code: said for code, said in words.items() if now - said.heard_at <= SILENT_BAD_S}
    known = {view.code: view.name or view.code for view in await town.index.territories()} if heard else {}
    for level in (BAD, CARE):
        named = sorted(
            known.get(code, code) for code, said in heard.items() if any(each == level for _, each in said.signs)
        )
        if named:
            return [sign("ailing", level, names=listed_names(named))]
    return []
