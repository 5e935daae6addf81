# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is known of every French territory before anybody has written anything: names, codes, postcodes, outlines.

`find` answers from a code, `search` from what a person types, `communes.py` for tables of many rows. The tables are in
`data/` (INSEE, DGCL, La Poste, IGN; Licence Ouverte 2.0; see `data/README.md`) and are read from the disk each time:
a question is rare, takes a few tens of milliseconds, and leaves nothing in a small machine's memory.
"""

from convergences_node.territories.facts import TerritoryFacts
from convergences_node.territories.gazetteer import UnknownTerritory, find, search

__all__ = ["TerritoryFacts", "UnknownTerritory", "find", "search"]
