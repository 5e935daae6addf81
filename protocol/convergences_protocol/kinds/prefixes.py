# SPDX-License-Identifier: AGPL-3.0-or-later
"""The vocabularies that kinds map to, each under its prefix; no other file spells one out.

PAIR mixes two namespaces in its own file; only the `#` one is emitted. ValueFlows' examples write http, its ontology
https, which is right. `schema` is https, as schema.org itself has written since 2019.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

PREFIXES: Mapping[str, str] = MappingProxyType(
    {
        "pair": "http://virtual-assembly.org/ontologies/pair#",
        "schema": "https://schema.org/",
        "vf": "https://w3id.org/valueflows/ont/vf#",
        "dcterms": "http://purl.org/dc/terms/",
        "ical": "http://www.w3.org/2002/12/cal/ical#",
        "geo": "http://www.opengis.net/ont/geosparql#",
        "owl": "http://www.w3.org/2002/07/owl#",
        "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
        "edtf": "http://id.loc.gov/datatypes/edtf/",
        "xsd": "http://www.w3.org/2001/XMLSchema#",
    }
)
