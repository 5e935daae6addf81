# SPDX-License-Identifier: AGPL-3.0-or-later
"""How well duplicates are found among real rows: precision and recall over the pairs that people have labelled.

`python tests/same/measuring.py` prints both by threshold, and the pairs that went wrong.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convergences_node.same.facts import Facts, facts_of
from convergences_node.same.scoring import THRESHOLD, score
from convergences_node.same.spool import SHARED_MAX
from msgspec.structs import replace

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Pair:
    """Two rows and what a person said of them."""

    one: Facts
    other: Facts
    label: str
    found: str

    @property
    def points(self) -> int:
        return score(self.one, self.other).points


@dataclass(frozen=True)
class Measure:
    """Of what is proposed, how much is right; of what is right, how much is proposed."""

    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        return self.right / max(1, self.right + self.missed)


def lines(name: str) -> Iterator[dict[str, str]]:
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(line for line in file if not line.startswith("# "))


def rows() -> dict[str, Facts]:
    """Every row as it is compared."""
    return {line["id"]: _facts(line) for line in lines("rows.csv")}


def _facts(line: dict[str, str]) -> Facts:
    fields: dict[str, Any] = {key: line[key] for key in ("type", "name", "town", "locality", "address", "website")}
    if line["lat"]:
        fields["location"] = [int(line["lat"]), int(line["lon"])]
    fields["source"] = line["id"].partition("/")[0]
    facts = facts_of(f"FR-0:{line['id']}", line["kind"], "log/0", fields)
    return replace(
        facts,
        point_shared=int(line["at_point"] or 0) > SHARED_MAX,
        site_shared=int(line["at_site"] or 0) > SHARED_MAX,
    )


def pairs() -> list[Pair]:
    known = rows()
    return [Pair(known[each["one"]], known[each["other"]], each["label"], each["found"]) for each in lines("pairs.csv")]


def measure(some: list[Pair], least: int = THRESHOLD) -> Measure:
    proposed = {True: 0, False: 0}
    missed = 0
    for pair in some:
        is_proposed = pair.points >= least
        if pair.label == "same":
            missed += not is_proposed
        if is_proposed and pair.label != "unsure":
            proposed[pair.label == "same"] += 1
    return Measure(proposed[True], proposed[False], missed)


def main() -> None:
    some = pairs()
    for least in range(50, 95, 5):
        found = measure(some, least)
        mark = " <- default" if least == THRESHOLD else ""
        sys.stdout.write(
            f"{least:3} precision {found.precision:.3f} recall {found.recall:.3f}"
            f" ({found.right} right, {found.wrong} wrong, {found.missed} missed){mark}\n"
        )
    for pair in some:
        if pair.label != "unsure" and (pair.points >= THRESHOLD) != (pair.label == "same"):
            said = score(pair.one, pair.other)
            why = " ".join(f"{each.name}{each.points:+d}" for each in said.reasons)
            sys.stdout.write(f"{pair.label:5} {said.points:3} {pair.one.name} | {pair.other.name} ({why})\n")


if __name__ == "__main__":
    main()
