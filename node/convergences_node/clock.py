# SPDX-License-Identifier: AGPL-3.0-or-later
"""May the clock be believed? A Pi without a battery wakes up in 1970, or wherever a dying one left it.

While the clock cannot be right, no time is signed and no erasure becomes due by it.
"""

from __future__ import annotations

BUILT_AT = 1_793_491_200
"""2026-11-01: no clock of a node that runs this program can be right before it was written."""

CLOCK_YEARS_MAX = 20
CLOCK_MAX = BUILT_AT + CLOCK_YEARS_MAX * 31_557_600
"""Nor, in all likelihood, so many years after: a counterfeit future would make a head look fresh for ever."""


def clock_plausible(now: float) -> bool:
    """Whether the clock may be right, and times may be signed."""
    return BUILT_AT <= now <= CLOCK_MAX


def plausible_time(now: float) -> int | None:
    """The clock's time in whole seconds; None while it cannot be right."""
    return int(now) if clock_plausible(now) else None
