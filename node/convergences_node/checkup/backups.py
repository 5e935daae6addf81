# SPDX-License-Identifier: AGPL-3.0-or-later
"""How old the last backup is, and whether the last attempt failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from convergences_node.checkup.sign import BAD, CARE, GOOD, Sign, sign

OLD_CARE_S, OLD_BAD_S = 2 * 86_400, 8 * 86_400
"""It is made every night: two missed ones are a stick that was taken away."""


def backup_signs(last: Mapping[str, object], now: int) -> Iterator[Sign]:
    """From what the backup remembers of itself."""
    made_at, reason = last.get("made_at"), last.get("reason")
    if not isinstance(made_at, int):
        yield sign("backup", CARE, "failed_first", reason=reason) if reason else sign("backup", CARE, "never")
        return
    age = max(0, now - made_at)
    if reason:
        yield sign("backup", BAD if age > OLD_CARE_S else CARE, "failed", age=age, reason=reason)
    else:
        yield sign("backup", BAD if age > OLD_BAD_S else CARE if age > OLD_CARE_S else GOOD, age=age)
