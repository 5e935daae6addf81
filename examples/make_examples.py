# SPDX-License-Identifier: AGPL-3.0-or-later
"""Make the examples' records from the tidy tables of open data.

    python examples/make_examples.py TIDY TERRITORIES

TIDY holds `plaine-commune.ndjson` and `valence-romans-agglo.ndjson`, TERRITORIES the contours; where every row comes
from is in each example's README. Each town's rows go to `records/<code>.ndjson`, the rows of no single town to the
agglomeration's. The same input gives the same bytes.

Only facts are kept: what it is, where, when, of which theme, who organises it. Texts that somebody wrote as texts
(descriptions), free keywords (they name people), and private addresses are left out.
"""

import json
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
KEPT = (
    "source", "id", "type", "nom", "code_insee", "commune", "code_postal", "lieu", "adresse", "lat", "lon",
    "thematiques", "creation", "periode", "envergure", "horaires", "debut", "fin", "url", "organisateur", "maj",
)  # fmt: skip
DESCRIPTION_CHARS_MAX = 200
"""Longer than that is prose, not a fact."""
PERSONAL = re.compile(r"@|\b0[1-9](?:[ .]?\d\d){4}\b|maison individuelle|\bchez (?:M\.|Mme)", re.IGNORECASE)


@dataclass(frozen=True)
class Example:
    """Where an example comes from and which licence its rows carry."""

    name: str
    table: str
    agglomeration: str
    licences: dict[str, str] = field(default_factory=dict)
    themes_only: bool = False
    descriptions: bool = True


EXAMPLES = (
    Example("plaine-commune", "plaine-commune.ndjson", "200057867"),
    Example(
        "valence-romans",
        "valence-romans-agglo.ndjson",
        "200068781",
        licences={"openagenda": "Licence Ouverte (to be confirmed upstream)"},
        themes_only=True,
        descriptions=False,
    ),
)
LICENCE = "etalab-2.0"


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    tidy, territories = map(Path, arguments)
    for example in EXAMPLES:
        count = make(example, tidy)
        print(f"{example.name}: {count} records")
    contours(territories / "plaine-commune-2024-9-villes.geojson", HERE / "plaine-commune" / "contours.geojson")
    return 0


def make(example: Example, tidy: Path) -> int:
    """Write one file a town and return how many rows there are."""
    folder = HERE / example.name / "records"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    labels = known_labels(HERE / example.name / "themes.ndjson") if example.themes_only else None
    files: dict[str, list[dict[str, Any]]] = {}
    for line in (tidy / example.table).read_text("utf-8").splitlines():
        row = facts_of(json.loads(line), example, labels)
        files.setdefault(row.get("code_insee") or example.agglomeration, []).append(row)
    for code, rows in sorted(files.items()):
        rows.sort(key=lambda row: (row["source"], row["id"]))
        write(folder / f"{code}.ndjson", rows)
    return sum(map(len, files.values()))


def facts_of(row: dict[str, Any], example: Example, labels: set[str] | None) -> dict[str, Any]:
    """The row without what is empty, prose, personal, or said better elsewhere."""
    kept = {name: row[name] for name in KEPT if row.get(name) not in (None, "", [])}
    for name in ("adresse", "lieu", "horaires"):
        if PERSONAL.search(str(kept.get(name, ""))):
            # Where somebody lives is not ours to repeat; the town is enough.
            for private in ("adresse", "lieu", "lat", "lon"):
                kept.pop(private, None)
    description = row.get("description") or ""
    if example.descriptions and 0 < len(description) < DESCRIPTION_CHARS_MAX and not PERSONAL.search(description):
        kept["description"] = description
    if labels is not None and "thematiques" in kept:
        kept["thematiques"] = [label for label in kept["thematiques"] if label.lower() in labels]
        if not kept["thematiques"]:
            del kept["thematiques"]
    kept["licence"] = example.licences.get(row["source"], LICENCE)
    return kept


def known_labels(themes: Path) -> set[str]:
    rows = [json.loads(line) for line in themes.read_text("utf-8").splitlines()]
    return {label.lower() for row in rows for label in (row["nom"], *row.get("autres_noms", ()))}


def contours(source: Path, target: Path) -> None:
    """One feature a line, so that a town's outline is found and compared by eye."""
    collection = json.loads(source.read_text("utf-8"))
    features = sorted(collection["features"], key=lambda feature: str(feature["properties"]["code_insee"]))
    lines = ",\n".join(json.dumps(feature, ensure_ascii=False, separators=(",", ":")) for feature in features)
    target.write_text(f'{{"type":"FeatureCollection","features":[\n{lines}\n]}}\n', "utf-8")


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
