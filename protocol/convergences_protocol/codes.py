# SPDX-License-Identifier: AGPL-3.0-or-later
"""Territory codes: `FR-` and the code by which the state already knows the territory.

| level | after `FR-` | example |
|---|---|---|
| commune | INSEE code, 5 characters | `FR-93066` Saint-Denis, `FR-2A004` Ajaccio, `FR-97411` |
| group (EPCI, EPT, métropole) | SIREN, 9 digits | `FR-200057867` Plaine Commune |
| departement | 2 or 3 characters | `FR-93`, `FR-2A`, `FR-971` |
| region | `R` and 2 digits | `FR-R11` Île-de-France |

Only the shape is checked: which codes exist changes every first of January, and is the gazetteer's to know.
"""

from __future__ import annotations

import re
from typing import Literal

Level = Literal["commune", "group", "departement", "region"]

_SHAPES: dict[Level, re.Pattern[str]] = {
    "commune": re.compile(r"FR-(?:[0-9]{5}|2[AB][0-9]{3})"),
    "group": re.compile(r"FR-[0-9]{9}"),
    "departement": re.compile(r"FR-(?:[0-9]{2}|2[AB]|9[78][0-9])"),
    "region": re.compile(r"FR-R[0-9]{2}"),
}
_ANY = re.compile("|".join(f"(?:{shape.pattern})" for shape in _SHAPES.values()))


def is_territory(code: object) -> bool:
    """Whether `code` has the shape of a territory code."""
    return type(code) is str and _ANY.fullmatch(code) is not None


def check_territory(code: str) -> str:
    """`code` itself. Raises `ValueError` when it has not the shape of a territory code."""
    if not is_territory(code):
        raise ValueError(f"{code!r:.60} is not a territory code such as FR-93066")
    return code


def level(code: str) -> Level:
    """What kind of territory a code names. Raises `ValueError` when none."""
    for name, shape in _SHAPES.items():
        if shape.fullmatch(code):
            return name
    raise ValueError(f"{code!r:.60} is not a territory code such as FR-93066")
