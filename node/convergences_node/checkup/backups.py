# SPDX-License-Identifier: AGPL-3.0-or-later
"""How old the last backup is, on a stick and with the agglomeration, and whether the last attempt failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from convergences_node.checkup.sign import BAD, CARE, GOOD, Sign, sign

OLD_CARE_S, OLD_BAD_S = 2 * 86_400, 8 * 86_400
"""It is made every night: two missed ones are a stick that was taken away."""


def backup_signs(
    last: Mapping[str, object], left: Mapping[str, object], now: int, begun_at: int | None = None
) -> Iterator[Sign]:
    """From what both remember of themselves. Who has one of the two is not asked for the other.

    `begun_at` is when the town's log began, if its clock was right then: one that never had a backup is as badly off as
    one whose backup is as old.
    """
    if left.keys() & {"kept_at", "reason"}:
        yield _sign("vault", left.get("kept_at"), left, now, begun_at)
    if last or "kept_at" not in left:
        yield _sign("backup", last.get("made_at"), last, now, begun_at)


def _sign(name: str, made_at: object, noted: Mapping[str, object], now: int, begun_at: int | None) -> Sign:
    why = {key: noted.get(key) for key in ("reason", "fault")}
    if not isinstance(made_at, int):
        level = BAD if begun_at is not None and now - begun_at > OLD_BAD_S else CARE
        return sign(name, level, "failed_first", **why) if why["reason"] else sign(name, level, "never")
    age = max(0, now - made_at)
    if why["reason"]:
        return sign(name, BAD if age > OLD_CARE_S else CARE, "failed", age=age, **why)
    return sign(name, BAD if age > OLD_BAD_S else CARE if age > OLD_CARE_S else GOOD, age=age)
