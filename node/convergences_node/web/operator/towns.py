# SPDX-License-Identifier: AGPL-3.0-or-later
"""An agglomeration's towns, one a line: when each was last heard, what is missing here of what it has signed, and which
signs of its machine ask for a person, as it says itself."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from convergences_protocol.errors import LocalError

from convergences_node.checkup.hearing import Said
from convergences_node.checkup.sign import BAD, CARE, GOOD, LEVELS
from convergences_node.checkup.signs import SILENT_BAD_S, SILENT_CARE_S
from convergences_node.checkup.wording import in_short
from convergences_node.town import Town
from convergences_node.web import dates
from convergences_node.web.cards import Reading
from convergences_node.web.place_names import territory_names

log = logging.getLogger(__name__)

LAMPS = {GOOD: "✓", CARE: "!", BAD: "✗"}
"""A mark beside the colour, for whoever does not see it."""


@dataclass(frozen=True, slots=True)
class TownLine:
    """One town of the charter."""

    name: str
    territory: str
    level: str
    heard: str
    records: int
    missing: int
    """Records and bodies that are known to be, and are not here yet."""
    backup: str
    """When it has left the newest backup that is kept here."""
    device_level: str
    device: str
    """What it says of its machine, and when."""


async def towns_of(town: Town, reading: Reading) -> list[TownLine]:
    """Every town whose log goes on, those that need somebody first."""
    charter, own = town.membership.charter, set(town.membership.own_origins)
    going_on = [log for log in charter.enrolments if log.end is None and log.origin not in own]
    coverage = {each.origin: each for each in await town.index.coverage()}
    states = await town.archive.read(lambda reader: {log.origin: log for log in reader.logs()})
    names = await territory_names(town, [log.territory for log in going_on])
    backups = _backups(town)
    lines = []
    for log in going_on:
        state, covered = states.get(log.origin), coverage.get(log.origin)
        size = state.size if state else 0
        target = town.network.target(log.origin) if town.network else 0
        seen = covered.cosigned_at if covered else None
        missing = max(0, target - size) + (state.wanted if state else 0)
        heard = reading.messages.text("operator.towns.never")
        if seen is not None:
            heard = dates.ago(reading.messages, seen, reading.now, reading.zone)
        level = _level(seen, reading.now)
        left = backups.get(log.territory)
        backup = reading.messages.text("operator.towns.no_backup")
        if left is not None:
            backup = dates.ago(reading.messages, left, reading.now, reading.zone)
        name = names.get(log.territory, log.territory)
        ailing, device = _device(town.hearing.of(log.origin), reading)
        lines.append(TownLine(name, log.territory, level, heard, size, missing, backup, ailing, device))
    return sorted(lines, key=lambda line: (-max(map(LEVELS.index, (line.level, line.device_level))), line.name))


def _device(said: Said | None, reading: Reading) -> tuple[str, str]:
    """The gravest level of what a town said of its machine, and all of it in few words."""
    messages = reading.messages
    if said is None:
        return GOOD, messages.text("operator.towns.device_unknown")
    signs = [f"{LAMPS[level]} {in_short(code, messages.language)}" for code, level in said.signs]
    words = ", ".join(dict.fromkeys(signs))
    level = max((level for _, level in said.signs), key=LEVELS.index, default=GOOD)
    when = dates.ago(messages, said.heard_at, reading.now, reading.zone)
    return level, f"{words or messages.text('operator.towns.device_well')} ({when})"


def _backups(town: Town) -> dict[str, int]:
    """When each territory's newest backup came, for those that have left one."""
    try:
        return {each.territory: each.kept_at for each in town.vault.notes().kept}
    except LocalError as error:
        log.error("%s", error)
        return {}


def _level(seen: int | None, now: int) -> str:
    if seen is None:
        return CARE
    return BAD if now - seen > SILENT_BAD_S else CARE if now - seen > SILENT_CARE_S else GOOD
