# SPDX-License-Identifier: AGPL-3.0-or-later
"""The program itself: on trial, taken back, refused, or a newer one to be had. Nothing where all is as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from convergences_protocol.errors import LocalError, RemoteError
from convergences_protocol.release import version_of

from convergences_node.checkup.sign import BAD, CARE, GOOD, Sign, sign
from convergences_node.updates.attempt import REFUSED, RETURNED, TRIAL, WORKING, Attempt, last_attempt, was_seen
from convergences_node.updates.lookout import available
from convergences_node.updates.places import installed

if TYPE_CHECKING:
    from convergences_node.town import Town


async def update_signs(town: Town) -> list[Sign]:
    """At most one."""
    attempt = last_attempt()
    if attempt is not None:
        found = _of_attempt(attempt, town)
        if found is not None:
            return [found]
    newer = await available(town)
    return [sign("update", GOOD, "available", version=newer)] if newer and _is_newer(newer) else []


def _of_attempt(attempt: Attempt, town: Town) -> Sign | None:
    if attempt.phase == TRIAL or attempt.phase in WORKING:
        return sign("update", CARE, "trial", version=attempt.new)
    if attempt.phase not in (RETURNED, REFUSED) or was_seen(attempt, town.folder):
        return None
    level = BAD if attempt.phase == RETURNED else CARE
    return sign("update", level, attempt.phase, version=attempt.new, old=attempt.old)


def _is_newer(version: str) -> bool:
    try:
        return version_of(version) > version_of(installed().version)
    except (LocalError, RemoteError):
        return False
