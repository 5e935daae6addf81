# SPDX-License-Identifier: AGPL-3.0-or-later
"""Find a territory by its code, or by the name or postcode that a person types.

The tables are small text files, read line by line. A line is only taken apart when the text sought is somewhere in it,
which makes 35,000 communes a matter of milliseconds.
"""

import csv
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from itertools import islice

from convergences_protocol.codes import is_territory
from convergences_protocol.errors import Fault

from convergences_node.faults import NotFound
from convergences_node.territories.facts import TerritoryFacts
from convergences_node.territories.outlines import outline_of

DATA = files("convergences_node.territories") / "data"
RESULTS_MAX = 50
"""More than that is not an answer to a person, it is a list to read."""
QUERY_CHARS_MAX = 100
CODE = re.compile(r"[0-9][0-9AB][0-9]{0,7}|R[0-9]{2}")

Row = dict[str, str]


class UnknownTerritory(NotFound):
    """No territory has that code, or it has ended and its successor should be named instead."""


def find(code_or_siren: str) -> TerritoryFacts:
    """The territory with this code: INSEE commune, SIREN, département or région, with or without `FR-`.

    Raises `UnknownTerritory`; the hint names the successor of a commune that has merged into another.
    """
    code = code_or_siren.strip().upper().removeprefix("FR-")
    found = None
    if CODE.fullmatch(code):
        found = _commune(code) or _grouping(code) or _departement(code) or _region(code)
    if found is None:
        raise _unknown(code)
    return found


def search(text: str, limit: int = 10) -> list[TerritoryFacts]:
    """Territories whose name or postcode begins with the text, exact names first, then the most peopled."""
    wanted = folded(text[:QUERY_CHARS_MAX].strip())
    if not wanted:
        return []
    found = [*_communes_named(wanted), *_groupings_named(wanted)]
    found.sort(key=lambda facts: (folded(facts.name) != wanted, -(facts.population or 0), facts.code))
    return found[: min(limit, RESULTS_MAX)]


def folded(text: str) -> str:
    """Lower case, without accents, hyphens or apostrophes: how two spellings of a name are compared."""
    plain = unicodedata.normalize("NFKD", text.replace("œ", "oe").replace("Œ", "OE"))
    letters = (" " if sign in "-'’" else sign for sign in plain if not unicodedata.combining(sign))
    return " ".join("".join(letters).lower().split())


def _commune(code: str) -> TerritoryFacts | None:
    """A commune by its INSEE code or its own SIREN; one that has ended, by its old code."""
    for name in ("communes.csv", "former.csv"):
        for row in _rows(name, code):
            if code in (row["code"], row["siren"]):
                return _commune_facts(row)
    return None


def _commune_facts(row: Row) -> TerritoryFacts:
    centre, outline = outline_of(row["code"])
    parents = (row["ept"], row["epci"], row["departement"], _region_of(row["departement"]))
    successor = row.get("successor")
    return TerritoryFacts(
        code=f"FR-{row['code']}",
        name=row["name"],
        type="commune",
        within=tuple(f"FR-{parent}" for parent in parents if parent),
        postcodes=tuple(row["postcodes"].split()),
        population=_number(row["population"]),
        siren=row["siren"] or None,
        former_codes=tuple(f"FR-{old}" for old in row["former_codes"].split()),
        former_names=_former_names(row["former_codes"].split()),
        centre=centre,
        outline=outline,
        ended=row.get("ended"),
        successor=f"FR-{successor}" if successor else None,
    )


def _region_of(departement: str) -> str:
    """The région around a département; none overseas, where the territory is no département."""
    rows = (row for row in _rows("departements.csv", departement) if row["code"] == departement)
    region = next((row["region"] for row in rows), "")
    return f"R{region}" if is_territory(f"FR-R{region}") else ""


def _former_names(codes: list[str]) -> tuple[str, ...]:
    return tuple(row["name"] for code in codes for row in _rows("former.csv", code) if row["code"] == code)


def _grouping(siren: str) -> TerritoryFacts | None:
    """An agglomeration, with the métropole, départements and régions that its communes are in."""
    row = next((row for row in _rows("groupings.csv", siren) if row["siren"] == siren), None)
    if row is None:
        return None
    members = [member for member in _rows("communes.csv", siren) if siren in (member["epci"], member["ept"])]
    around = sorted({member["epci"] for member in members} - {siren, ""})
    departements = sorted({member["departement"] for member in members})
    regions = sorted({_region_of(departement) for departement in departements} - {""})
    within = [*around, *departements, *regions]
    facts = _grouping_facts(row)
    return replace(facts, within=tuple(f"FR-{code}" for code in within))


def _grouping_facts(row: Row) -> TerritoryFacts:
    siren = row["siren"]
    population = _number(row["population"])
    return TerritoryFacts(f"FR-{siren}", row["name"], row["type"], population=population, siren=siren)


def _departement(code: str) -> TerritoryFacts | None:
    for row in _rows("departements.csv", code):
        if row["code"] == code:
            return TerritoryFacts(f"FR-{code}", row["name"], "departement", within=(f"FR-R{row['region']}",))
    return None


def _region(code: str) -> TerritoryFacts | None:
    for row in _rows("regions.csv", code.removeprefix("R")):
        if f"R{row['code']}" == code:
            return TerritoryFacts(f"FR-{code}", row["name"], "region")
    return None


def _communes_named(wanted: str) -> Iterator[TerritoryFacts]:
    """Every hit is weighed before any is taken apart further: a prefix such as `saint` has thousands."""
    hits = [row for row in _rows("communes.csv", "") if _answers(row, wanted)]
    hits.sort(key=lambda row: (folded(row["name"]) != wanted, -(_number(row["population"]) or 0), row["code"]))
    return (_commune_facts(row) for row in islice(hits, RESULTS_MAX))


def _answers(row: Row, wanted: str) -> bool:
    return wanted in row["postcodes"].split() or folded(row["name"]).startswith(wanted)


def _groupings_named(wanted: str) -> Iterator[TerritoryFacts]:
    """`CA`, `CC` and the like before the name are skipped: nobody types them."""
    for row in _rows("groupings.csv", ""):
        name = folded(row["name"])
        if name.startswith(wanted) or name.partition(" ")[2].startswith(wanted):
            yield _grouping_facts(row)


def _rows(name: str, needle: str) -> Iterator[Row]:
    """The rows of a table whose line contains `needle`. No field of ours holds a line break."""
    with (DATA / name).open(encoding="utf-8") as file:
        columns = next(csv.reader([next(file)]))
        for cells in csv.reader(line for line in file if needle in line):
            yield dict(zip(columns, cells, strict=True))


def _unknown(code: str) -> UnknownTerritory:
    hint = "an INSEE code of a commune has 5 signs (93066), a SIREN has 9 (200057867), a région is R11"
    fault = Fault("", "territory_unknown", {"given": code[:20]})
    for row in _rows("communes.csv", code):
        if code and code in row["former_codes"].split():
            hint = f"{code} is now part of {row['name']}: FR-{row['code']}"
            fault = Fault("", "territory_ended", {"given": code, "name": row["name"], "now": f"FR-{row['code']}"})
    return UnknownTerritory(f"no territory has the code {code[:20]!r}", hint=hint, fault=fault)


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None
