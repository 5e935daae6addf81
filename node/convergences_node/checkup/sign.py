# SPDX-License-Identifier: AGPL-3.0-or-later
"""One thing that was looked at, and how it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

GOOD, CARE, BAD = "good", "care", "bad"
LEVELS = (GOOD, CARE, BAD)
"""Nothing to do; look at it within days; do something now."""


@dataclass(frozen=True, slots=True)
class Sign:
    """Its name in the catalogues, how grave it is, and what fills in the sentence.

    A value named `age` is in seconds, and said in the unit that suits it; a `reason` is said by its `fault`, if it
    has one (`faults.reason_of`), or by the catalogue's sentence of that name (`why_…`).
    """

    name: str
    level: str
    form: str
    """Which of the sign's sentences; the level's own by default."""
    values: Mapping[str, object] = field(default_factory=dict)


def sign(name: str, level: str, form: str = "", **values: object) -> Sign:
    """A sign, said by the sentence of its level or by another one."""
    assert level in LEVELS, level
    return Sign(name, level, form or level, values)
