# SPDX-License-Identifier: AGPL-3.0-or-later
"""The JSON-LD context of what linked-data programs read here, as SemApps has it: prefixes, four coercions, and every
object property of PAIR.

It is written into each document: a browser of another site would have to fetch it, and rdflib too. Terms keep their
prefix, so that a document compacts to what Archipelago reads without a word of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from convergences_protocol.kinds.prefixes import PREFIXES

from convergences_node.web.surfaces.pair_terms import DATE_TIMES, OBJECT_PROPERTIES

LINKED_PREFIXES: Mapping[str, str] = MappingProxyType(
    {
        "as": "https://www.w3.org/ns/activitystreams#",
        "dc": PREFIXES["dcterms"],
        "dcat": "http://www.w3.org/ns/dcat#",
        "foaf": "http://xmlns.com/foaf/0.1/",
        "ldp": "http://www.w3.org/ns/ldp#",
        "semapps": "http://semapps.org/ns/core#",
        "vcard": "http://www.w3.org/2006/vcard/ns#",
        "void": "http://rdfs.org/ns/void#",
        **{name: iri for name, iri in PREFIXES.items() if name != "dcterms"},
    }
)
"""Every vocabulary that a document here may speak. SemApps knows Dublin Core's terms as `dc`."""

REFERENCES = OBJECT_PROPERTIES | {
    "as:formerType",
    "dc:isReplacedBy",
    "dc:replaces",
    "ldp:contains",
    "owl:sameAs",
    "rdf:object",
    "rdf:predicate",
    "rdf:subject",
}
"""Properties whose text values are addresses."""

CONTEXT: Mapping[str, Any] = MappingProxyType(
    {
        "id": "@id",
        "type": "@type",
        **LINKED_PREFIXES,
        **{name: {"@type": "xsd:dateTime"} for name in sorted(DATE_TIMES)},
        **{name: {"@type": "@id"} for name in sorted(REFERENCES)},
    }
)


def short(curie: str) -> str:
    """A property as it is written in these documents."""
    return f"dc:{curie.removeprefix('dcterms:')}" if curie.startswith("dcterms:") else curie


def full(curie: str) -> str:
    """The IRI of a prefixed name; an IRI stays as it is."""
    prefix, _, name = curie.partition(":")
    return LINKED_PREFIXES[prefix] + name if prefix in LINKED_PREFIXES and not name.startswith("//") else curie
