# SPDX-License-Identifier: AGPL-3.0-or-later
"""The trial, seen from outside: the node's word that it is well, or a reason not to believe in it any more."""

from __future__ import annotations

import re

from debian_system import SERVICE
from plain_files import NoRelease, read_small
from update_attempt import Attempt

TRIAL_S = 600.0
SLACK_S = 900.0
"""The node tells that it is well after ten minutes by its own clock; who starts it again meanwhile begins them anew."""
ACTIVATING_S_MAX = 3_600.0
"""A large archive that is copied and migrated on a slow card."""
LOOK_EVERY_S = 2.0
RESTARTS_MAX = 3
"""A node that ended so often is not well."""
SIGNAL_BYTES_MAX = 200
_WORD = re.compile(r"[a-z0-9_]{1,40}")


def verdict(attempt: Attempt) -> str:
    """Wait for the end of the trial: empty if the new version stays, else why it does not."""
    machine, trial = attempt.machine, f"{attempt.state['id']}-{attempt.state['starts']}"
    began = active = machine.monotonic()
    while True:
        said = _said(attempt, trial)
        if said is not None:
            return said
        now, unit = machine.monotonic(), _unit(attempt)
        if unit.get("ActiveState") == "activating":
            active = now
        reason = _too_bad(unit, now - began, now - active)
        if reason:
            return reason
        machine.sleep(LOOK_EVERY_S)


def _said(attempt: Attempt, trial: str) -> str | None:
    """What the node or its operator says of this stretch; None for nothing."""
    if _signal(attempt, "update-well").partition(" ")[0] == trial:
        return ""
    told, _, word = _signal(attempt, "update-unwell").partition(" ")
    if told == trial:
        return word if _WORD.fullmatch(word) else "unwell"
    wished = _signal(attempt, "update-return").partition(" ")[0]
    return "asked" if wished == attempt.state["id"] else None


def _signal(attempt: Attempt, name: str) -> str:
    """A line of the node's own user, read as nothing more than words."""
    try:
        return read_small(attempt.signals / name, SIGNAL_BYTES_MAX).decode("ascii", "replace").strip()
    except NoRelease:
        return ""


def _unit(attempt: Attempt) -> dict[str, str]:
    said = attempt.machine.run("systemctl", "show", "-p", "ActiveState,NRestarts", SERVICE).stdout
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)


def _too_bad(unit: dict[str, str], whole: float, active: float) -> str:
    if unit.get("ActiveState") == "failed":
        return "ended"
    if int(unit.get("NRestarts") or 0) >= RESTARTS_MAX:
        return "restarts"
    return "silent" if active > TRIAL_S + SLACK_S or whole > ACTIVATING_S_MAX + TRIAL_S else ""
