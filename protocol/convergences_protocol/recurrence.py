# SPDX-License-Identifier: AGPL-3.0-or-later
"""Recurrence rules: the part of RFC 5545 section 3.3.10 that a town's calendar needs, checked without expanding.

`FREQ=WEEKLY;BYDAY=TU,TH;UNTIL=20261218`. DAILY, WEEKLY, MONTHLY and YEARLY only: a rule by the hour or the second
describes no gathering and would expand for ever. Expansion is the index's work and has its own bounds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

RECURRENCE_BYTES_MAX = 300

_COUNT_MAX = 1000
_DAY = "(?:MO|TU|WE|TH|FR|SA|SU)"
_WEEK = "(?:[1-9]|[1-4][0-9]|5[0-3])"
_YEARDAY = "(?:[1-9]|[1-9][0-9]|[12][0-9][0-9]|3[0-5][0-9]|36[0-6])"


def _list(item: str) -> re.Pattern[str]:
    return re.compile(f"{item}(?:,{item})*")


_PARTS = {
    "FREQ": re.compile("DAILY|WEEKLY|MONTHLY|YEARLY"),
    "INTERVAL": re.compile("[1-9][0-9]{0,2}"),
    "COUNT": re.compile("[1-9][0-9]{0,3}"),
    "UNTIL": re.compile("([0-9]{4})([0-9]{2})([0-9]{2})(?:T(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]Z?)?"),
    "BYDAY": _list(f"(?:[+-]?{_WEEK})?{_DAY}"),
    "BYMONTHDAY": _list("-?(?:[1-9]|[12][0-9]|3[01])"),
    "BYMONTH": _list("(?:[1-9]|1[0-2])"),
    "BYYEARDAY": _list(f"-?{_YEARDAY}"),
    "BYWEEKNO": _list(f"-?{_WEEK}"),
    "BYSETPOS": _list(f"-?{_YEARDAY}"),
    "BYHOUR": _list("(?:[0-9]|1[0-9]|2[0-3])"),
    "BYMINUTE": _list("[1-5]?[0-9]"),
    "WKST": re.compile(_DAY),
}

_FREQUENCIES = {
    "BYWEEKNO": {"YEARLY"},
    "BYYEARDAY": {"YEARLY"},
    "BYMONTHDAY": {"DAILY", "MONTHLY", "YEARLY"},
}
"""Parts that mean something at some frequencies only; the RFC forbids them at the others."""


def is_recurrence(text: object) -> bool:
    """Whether `text` is a rule: known parts, each once, FREQ first, and no two that the RFC forbids together."""
    if type(text) is not str or len(text) > RECURRENCE_BYTES_MAX or not text.startswith("FREQ="):
        return False
    pairs = [part.partition("=") for part in text.split(";")]
    parts = {name: value for name, _, value in pairs}
    if len(parts) != len(pairs) or not all(_sound(name, value) for name, value in parts.items()):
        return False
    return _agree(parts)


def _sound(name: str, value: str) -> bool:
    """Whether one part is known and written as it should be."""
    shape = _PARTS.get(name)
    match = shape.fullmatch(value) if shape else None
    if match is None or (name == "COUNT" and int(value) > _COUNT_MAX):
        return False
    return name != "UNTIL" or _is_day(*match.groups())


def _is_day(year: str, month: str, day: str) -> bool:
    try:
        date(int(year), int(month), int(day))
    except ValueError:
        return False
    return True


def _agree(parts: Mapping[str, str]) -> bool:
    """Whether the parts may stand together."""
    frequency, by_day = parts["FREQ"], parts.get("BYDAY", "")
    if "COUNT" in parts and "UNTIL" in parts:
        return False
    if any(name in parts and frequency not in allowed for name, allowed in _FREQUENCIES.items()):
        return False
    if any(digit in by_day for digit in "0123456789") and (frequency in ("DAILY", "WEEKLY") or "BYWEEKNO" in parts):
        return False
    return "BYSETPOS" not in parts or sum(name.startswith("BY") for name in parts) > 1
