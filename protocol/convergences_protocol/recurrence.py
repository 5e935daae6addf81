# SPDX-License-Identifier: AGPL-3.0-or-later
"""Recurrence rules: the part of RFC 5545 section 3.3.10 that a town's calendar needs, checked without expanding.

`FREQ=WEEKLY;BYDAY=TU,TH;UNTIL=20261218`. DAILY, WEEKLY, MONTHLY and YEARLY only: a rule by the hour or the second
describes no gathering and would expand for ever. Expansion is the index's work and has its own bounds.
"""

from __future__ import annotations

import re

RECURRENCE_BYTES_MAX = 300

_COUNT_MAX = 1000
_DAY = "(?:MO|TU|WE|TH|FR|SA|SU)"


def _list(item: str) -> re.Pattern[str]:
    return re.compile(f"{item}(?:,{item})*")


_PARTS = {
    "FREQ": re.compile("DAILY|WEEKLY|MONTHLY|YEARLY"),
    "INTERVAL": re.compile("[1-9][0-9]{0,2}"),
    "COUNT": re.compile("[1-9][0-9]{0,3}"),
    "UNTIL": re.compile(r"[0-9]{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:T[0-9]{6}Z?)?"),
    "BYDAY": _list(f"(?:[+-]?[1-5]?[0-9])?{_DAY}"),
    "BYMONTHDAY": _list("-?(?:[1-9]|[12][0-9]|3[01])"),
    "BYMONTH": _list("(?:[1-9]|1[0-2])"),
    "BYYEARDAY": _list("-?[1-9][0-9]{0,2}"),
    "BYWEEKNO": _list("-?(?:[1-9]|[1-4][0-9]|5[0-3])"),
    "BYSETPOS": _list("-?[1-9][0-9]{0,2}"),
    "BYHOUR": _list("(?:[0-9]|1[0-9]|2[0-3])"),
    "BYMINUTE": _list("[1-5]?[0-9]"),
    "WKST": re.compile(_DAY),
}


def is_recurrence(text: object) -> bool:
    """Whether `text` is a rule: known parts, each once, FREQ first, COUNT and UNTIL never together."""
    if type(text) is not str or len(text) > RECURRENCE_BYTES_MAX:
        return False
    pairs = [part.partition("=") for part in text.split(";")]
    names = [name for name, _, _ in pairs]
    if names[0] != "FREQ" or len(set(names)) != len(names) or {"COUNT", "UNTIL"} <= set(names):
        return False
    if not all(name in _PARTS and _PARTS[name].fullmatch(value) for name, _, value in pairs):
        return False
    counts = [int(value) for name, _, value in pairs if name == "COUNT"]
    return all(count <= _COUNT_MAX for count in counts)
