# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the gazetteer says of one territory, and how that becomes a `territory` record."""

from dataclasses import dataclass
from typing import Literal

SOURCE = "@etalab/decoupage-administratif"
"""INSEE, DGCL and La Poste, gathered by Etalab; the outlines come from IGN by way of france-geojson."""

SOURCE_TITLE = "Découpage administratif (Etalab, d’après l’INSEE, la DGCL, La Poste et l’IGN)"
"""The same for who reads a page, and has never heard of a package."""

LICENCE = "etalab-2.0"
"""SPDX name of the Licence Ouverte 2.0."""

GROUPINGS = frozenset({"epci", "ept", "metropole", "departement", "region"})
"""Types of territories that gather others: their nodes hold a charter."""

Point = tuple[int, int]
Outline = tuple[tuple[tuple[int, ...], ...], ...]


@dataclass(frozen=True, slots=True)
class TerritoryFacts:
    """One territory. Coordinates are latitude then longitude, in 1e-7 degree. An unknown figure is None."""

    code: str
    name: str
    type: str
    within: tuple[str, ...] = ()
    postcodes: tuple[str, ...] = ()
    population: int | None = None
    siren: str | None = None
    former_codes: tuple[str, ...] = ()
    former_names: tuple[str, ...] = ()
    centre: Point | None = None
    outline: Outline = ()
    ended: str | None = None
    successor: str | None = None
    """The code of the commune that this one is now part of."""

    @property
    def node_kind(self) -> Literal["town", "agglomeration"]:
        """What a node of this territory usually is."""
        return "agglomeration" if self.type in GROUPINGS else "town"

    def fields(self) -> dict[str, object]:
        """The fields of the `territory` record; what is unknown is left out."""
        values: dict[str, object] = {
            "name": self.name,
            "code": self.code,
            "type": self.type,
            "within": list(self.within),
            "postcodes": list(self.postcodes),
            "population": self.population,
            "siren": self.siren,
            "former_codes": list(self.former_codes),
            "former_names": list(self.former_names),
            "centre": list(self.centre) if self.centre else None,
            "outline": [[list(ring) for ring in polygon] for polygon in self.outline],
            "ended": self.ended,
            "source": SOURCE,
            "source_id": self.code,
            "licence": LICENCE,
        }
        return {name: value for name, value in values.items() if value is not None and value != []}
