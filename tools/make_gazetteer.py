# SPDX-License-Identifier: AGPL-3.0-or-later
"""Make the gazetteer that ships with the node, from open data.

    python tools/make_gazetteer.py FOLDER

FOLDER holds the tables of the npm package `@etalab/decoupage-administratif` as CSV and JSON (INSEE *Code officiel
géographique*, DGCL, La Poste; Licence Ouverte 2.0) and contours of `france-geojson` (IGN, Licence Ouverte). The same
folder gives the same bytes: nothing here reads a clock or a network.

What is written, in `node/convergences_node/territories/data/`: `communes.csv`, `groupings.csv` (EPCI and EPT),
`departements.csv`, `regions.csv`, `former.csv` (communes that have ended and whose archive may still be ours),
`outlines.ndjson`, and `departements.ndjson`, the outlines of départements. Each is sorted by code, one territory a
line, so that a new edition is a readable diff.
"""

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parent.parent / "node" / "convergences_node" / "territories" / "data"
OUTLINES = ("plaine-commune-2024-9-villes", "saint-brieuc-armor-agglomeration")
DEPARTEMENTS = Path("contours") / "departements-version-simplifiee.geojson"
DEPARTEMENT_DECIMALS = 4
"""Some ten metres: these outlines are simplified by hundreds, and only tell apart what has one name and lies far."""
# Only the communes whose end an example lives through. The rest of the former codes are with their successor.
FORMER = {"93059": ("93066", "2025-01-01")}


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    source = Path(arguments[0])
    TARGET.mkdir(parents=True, exist_ok=True)
    communes = read_csv(source / "communes-france-2026.csv")
    write("communes.csv", COMMUNE_COLUMNS, (commune_row(row) for row in communes))
    write("groupings.csv", ("siren", "name", "type", "population"), groupings(source, communes))
    departements = json.loads((source / "departements-2026.json").read_text("utf-8"))
    write("departements.csv", ("code", "name", "region"), ((d["code"], d["nom"], d["region"]) for d in departements))
    regions = json.loads((source / "regions-2026.json").read_text("utf-8"))
    write("regions.csv", ("code", "name"), ((r["code"], r["nom"]) for r in regions))
    write("former.csv", (*COMMUNE_COLUMNS, "successor", "ended"), former_rows(source))
    write_outlines(source)
    write_departements(source)
    return 0


COMMUNE_COLUMNS = ("code", "name", "departement", "population", "postcodes", "siren", "epci", "ept", "former_codes")


def commune_row(row: dict[str, str]) -> tuple[str, ...]:
    return (
        row["code_insee"],
        row["nom"],
        row["departement"],
        row["population"],
        row["codes_postaux"],
        row["siren"],
        row["epci_siren"],
        row["ept_siren"],
        row["anciens_codes"],
    )


def groupings(source: Path, communes: list[dict[str, str]]) -> Iterable[tuple[str, ...]]:
    """EPCI and EPT, with the plain type that a `territory` record knows."""
    kinds = {"METRO": "metropole", "MET69": "metropole", "EPT": "ept"}
    for row in read_csv(source / "epci-france-2026.csv"):
        yield row["siren"], row["nom"], kinds.get(row["type"], "epci"), row["population_municipale"]


def former_rows(source: Path) -> Iterable[tuple[str, ...]]:
    """Communes of the 2024 edition that the 2026 edition has merged into another."""
    area = json.loads((source / "plaine-commune-2024-9-villes.json").read_text("utf-8"))
    for commune in area["communes"]:
        if commune["code_insee"] not in FORMER:
            continue
        successor, ended = FORMER[commune["code_insee"]]
        yield (
            commune["code_insee"],
            commune["nom"],
            commune["departement"],
            str(commune["population_municipale"]),
            " ".join(commune["codes_postaux"]),
            commune["siren"],
            area["agglomeration"]["metropole"]["siren"],
            area["agglomeration"]["siren"],
            " ".join(commune["anciens_codes"]),
            successor,
            ended,
        )


def write_outlines(source: Path) -> None:
    """One line a commune: centre and contour in 1e-7 degree integers, as records keep them (never floats)."""
    lines = []
    for name in OUTLINES:
        for feature in json.loads((source / f"{name}.geojson").read_text("utf-8"))["features"]:
            centre = feature["properties"]["centre"]
            outline = [[flat(ring) for ring in polygon] for polygon in polygons(feature["geometry"])]
            lines.append(
                {
                    "code": feature["properties"]["code_insee"],
                    "centre": [e7(centre["lat"]), e7(centre["lon"])],
                    "outline": outline,
                }
            )
    write_lines("outlines.ndjson", lines)


def write_departements(source: Path) -> None:
    """One line a département of metropolitan France: its outline, without what it does not need."""
    lines: list[dict[str, Any]] = []
    for feature in json.loads((source / DEPARTEMENTS).read_text("utf-8"))["features"]:
        rough = [[[rounded(point) for point in ring] for ring in polygon] for polygon in polygons(feature["geometry"])]
        lines.append(
            {
                "code": feature["properties"]["code"],
                "outline": [[flat(ring) for ring in polygon] for polygon in rough],
            }
        )
    write_lines("departements.ndjson", lines)


def rounded(point: list[float]) -> list[float]:
    return [round(degrees, DEPARTEMENT_DECIMALS) for degrees in point]


def write_lines(name: str, lines: list[dict[str, Any]]) -> None:
    lines.sort(key=lambda line: str(line["code"]))
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    (TARGET / name).write_text(text, "utf-8")


def polygons(geometry: dict[str, Any]) -> list[list[list[list[float]]]]:
    coordinates = geometry["coordinates"]
    return [coordinates] if geometry["type"] == "Polygon" else list(coordinates)


def flat(ring: list[list[float]]) -> list[int]:
    """GeoJSON writes longitude first; records write latitude first."""
    return [e7(value) for longitude, latitude in ring for value in (latitude, longitude)]


def e7(degrees: float) -> int:
    return round(degrees * 10_000_000)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def write(name: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with (TARGET / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(sorted(rows, key=lambda row: row[0]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
