# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which commune an address is in: by INSEE code, by postcode and name, by a point; for tables of many rows.

`gazetteer.py` answers a person, a line of a file at a time; this one holds all the communes in memory (some 15 MiB,
only as long as somebody needs them) and answers in microseconds. It promises a commune only where what is known
leaves one: two communes of the same name and postcode, or a name found all over France, are answered by None.
"""

from __future__ import annotations

import csv
import re
import weakref
from collections.abc import Iterator, Sequence

from .gazetteer import DATA, folded
from .outlines import DEPARTEMENTS, OUTLINES, Outlines

NAME_CHARS_MAX = 120
LIKENESS_MIN = 88
"""Of 100: how alike two names must be that already share a postcode, such as `Montreuil Juignié`."""

DISTRICTS = {"75": "75056", "69": "69123", "13": "13055"}
"""Paris, Lyon and Marseille: their arrondissements have codes of their own, but are no communes."""

_POSTCODE = re.compile(r"(?<!\d)(?:F-?)?((?:0[1-9]|[1-8]\d|9[0-8])\s?\d{3})(?!\d)")
_DISTRICT = re.compile(r"\b(?:\d{1,2}\s*(?:er?|eme|e)?\s*)?(?:arrondissement|arrdt?)\b|\b\d{1,2}(?:er|eme|e)\b")
_TAIL = re.compile(r"\b(?:cedex|cdx)\b.*|\bbp \d+.*|\bcs \d+.*")
_SAINT = re.compile(r"\bste?\b")
_ARTICLE = re.compile(r"^(?:le|la|les|l) ")

_held: weakref.ref[Communes] | None = None


def communes() -> Communes:
    """The communes of France: those that somebody holds already, else read afresh."""
    global _held
    found = _held() if _held is not None else None
    if found is None:
        found = Communes()
        _held = weakref.ref(found)
    return found


def postcode_in(text: str) -> str | None:
    """The last postcode that an address says: before it comes the street, whose number may look like one."""
    found = _POSTCODE.findall(text)
    return found[-1].replace(" ", "") if found else None


class Communes:
    """Every commune, by its codes, postcodes and names."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._now: dict[str, str] = {}
        self._by_postcode: dict[str, list[str]] = {}
        self._by_name: dict[str, list[str]] = {}
        self._around: dict[str, tuple[str, ...]] = {}
        self._outlines, self._departements = Outlines(OUTLINES), Outlines(DEPARTEMENTS)
        for row in _rows("communes.csv"):
            self._take(row)
        for row in _rows("former.csv"):
            self._now[row["code"]] = row["successor"]

    def _take(self, row: dict[str, str]) -> None:
        code, name = row["code"], plain_name(row["name"])
        self._names[code] = name
        self._around[code] = tuple(part for part in (row["departement"], row["epci"], row["ept"]) if part)
        self._now.update((old, code) for old in row["former_codes"].split())
        for postcode in row["postcodes"].split():
            self._by_postcode.setdefault(postcode, []).append(code)
        for key in {name, _ARTICLE.sub("", name)}:
            self._by_name.setdefault(key, []).append(code)

    def by_code(self, given: str) -> str | None:
        """The commune with this INSEE code, or the one that it is part of now."""
        code = given.upper().removeprefix("FR-")
        # A spreadsheet takes 01053 for a number, and drops the zero.
        code = f"0{code}" if len(code) == 4 and code.isdigit() else code
        if code in self._names:
            return f"FR-{code}"
        district = DISTRICTS.get(code[:2]) if len(code) == 5 and code[2] in "123" else None
        now = self._now.get(code) or (district if district and _is_district(code) else None)
        return f"FR-{now}" if now else None

    def find(self, postcode: str, name: str, *within: str) -> str | None:
        """The one commune that a postcode and a name leave, either of which may be empty.

        `within` are a département or an agglomeration (`FR-33`, `FR-243300316`) that it is known to be in, or both.
        """
        wanted = plain_name(name[:NAME_CHARS_MAX])
        around = {each.removeprefix("FR-") for each in within if each}
        named = self._inside(self._by_name.get(wanted, []), around)
        here = self._inside(self._by_postcode.get(postcode, []), around)
        found = [code for code in named if code in here] or (_alike(wanted, here, self._names) if wanted else here)
        if not found and postcode:
            # A postcode of a large customer (CEDEX) is no commune's; its first digits still are those of a département.
            found = [code for code in named if _same_departement(code, postcode)] or (here if len(here) == 1 else [])
        elif not found:
            found = named
        if len(found) > 1:
            found = [code for code in found if self._names[code] == wanted]
        return f"FR-{found[0]}" if len(found) == 1 else None

    def at(self, location: Sequence[int]) -> str | None:
        """The commune around this point (`[latitude, longitude]` in 1e-7 degree), where its outline is known."""
        found = self._outlines.around((location[0], location[1]))
        return self.by_code(found) if found else None

    def departement_at(self, location: Sequence[int]) -> str | None:
        """The département around this point, as `FR-26`; None overseas, at sea and abroad."""
        found = self._departements.around((location[0], location[1]))
        return f"FR-{found}" if found else None

    def _inside(self, codes: list[str], around: set[str]) -> list[str]:
        return [code for code in codes if around.issubset(self._around[code])]


def plain_name(name: str) -> str:
    """A commune's name as it is compared: `ST DENIS CEDEX 2` is `saint denis`, `Paris 11e` is `paris`."""
    text = folded(name).replace("œ", "oe")
    text = _TAIL.sub("", _DISTRICT.sub("", text)) if not text.isalpha() else text
    text = _SAINT.sub(lambda found: "sainte" if found[0] == "ste" else "saint", text).replace("/", " ")
    bare, _, article = text.partition("(")
    if article:  # `Havre (Le)`; whatever else is in brackets says what kind of place it is
        inner = article.rstrip(") ")
        text = f"{inner} {bare}" if inner in ("le", "la", "les", "l") else bare
    # `93200 Saint-Denis`: no commune of France has a number in its name.
    return " ".join(part for part in re.split(r"[\s.,]+", text) if part and not part.isdigit())


def _alike(wanted: str, codes: list[str], names: dict[str, str]) -> list[str]:
    """Of the communes of one postcode: the one that the name begins, or that is spelled nearly so."""
    begun = [
        code
        for code in codes
        if f"{names[code]} ".startswith(f"{wanted} ") or f"{wanted} ".startswith(f"{names[code]} ")
    ]
    if begun or not codes:
        return begun
    from rapidfuzz import fuzz

    return [code for code in codes if fuzz.ratio(wanted, names[code]) >= LIKENESS_MIN]


def _is_district(code: str) -> bool:
    """75101 to 75120, 69381 to 69389, 13201 to 13216."""
    ranges = ((75101, 75120), (69381, 69389), (13201, 13216))
    return code.isdigit() and any(first <= int(code) <= last for first, last in ranges)


def _same_departement(code: str, postcode: str) -> bool:
    """Corsica writes 20 in its postcodes, 2A and 2B in its codes; overseas it takes three digits."""
    if postcode.startswith("20"):
        return code[:2] in ("2A", "2B")
    digits = 3 if postcode.startswith(("97", "98")) else 2
    return code[:digits] == postcode[:digits]


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8") as file:
        yield from csv.DictReader(file)
