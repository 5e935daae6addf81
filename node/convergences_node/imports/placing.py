# SPDX-License-Identifier: AGPL-3.0-or-later
"""The commune of a row, from whatever the row says of where it is.

First the cell that should hold an INSEE code, then the postcode and the town's name (also inside an address), last the
point: where the outline of its commune is known, that decides; else the département around it, between communes of
one name. Nothing is guessed: see `territories/communes.py`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from convergences_node.territories.communes import Communes, communes, postcode_in

from .cells import BadCell, clean, shown
from .mapping import Column


def place(cells: Sequence[Any], column: Column, fields: Mapping[str, Any]) -> str | None:
    """The commune's code; None if the row says nothing of where it is. Raises `BadCell` where none can be told."""
    given = [text for text in map(clean, cells) if text]
    known = communes()
    for text in given:
        if found := known.by_code(text):
            return found
    address, locality = str(fields.get("address", "")), str(fields.get("locality", ""))
    postcode = str(fields.get("postcode", "")) or postcode_in(f"{address} {locality}") or ""
    name = locality or next((text for text in given if not text[:1].isdigit()), "")
    found = known.find(postcode, name, column.within) if postcode or name else None
    if found is None and isinstance(location := fields.get("location"), list):
        found = known.at(location) or (None if postcode else _named_around(known, name, column.within, location))
    if found is None and (given or postcode or name):
        raise BadCell("cell_commune", given=shown(" ".join([*given, postcode, locality]).strip()))
    return found


def _named_around(known: Communes, name: str, within: str, location: Sequence[int]) -> str | None:
    """Of the communes of that name, the one whose département is around the point: Valence in Drôme, or the other."""
    departement = known.departement_at(location) if name else None
    return known.find("", name, within, departement) if departement else None
