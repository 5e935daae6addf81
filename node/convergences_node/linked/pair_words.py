# SPDX-License-Identifier: AGPL-3.0-or-later
"""PAIR read backwards: which kind and type a class is, which field a property fills, which predicate a link is.

Derived from the same declarations as what is written (`surfaces/pair.py`). What is written by hand is what others write
and we do not: near words, and words misspelt in archives that are out there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from convergences_protocol.kinds import KINDS, Field, Kind

from convergences_node.web.surfaces.linked_context import LINKED_PREFIXES, short
from convergences_node.web.surfaces.pair_terms import INVERSES, RELATED, predicates

PAIR = LINKED_PREFIXES["pair"]
RELATION = KINDS["relation"]
KINDS_READ: Mapping[str, Kind] = MappingProxyType({name: kind for name, kind in KINDS.items() if not kind.control})

CLASSES_NEAR: Mapping[str, str] = {
    "pair:PhysicalPlace": "pair:Place",
    "pair:Agent": "pair:Actor",
    "pair:Thema": "pair:Theme",  # stands in the Assemblée Virtuelle's own archive
}
"""Classes that no kind gives, and the nearest that one does."""
USUAL_TYPES: Mapping[str, str] = {"actor": "other", "action": "activity", "content": "document", "place": "other"}
"""What something is whose class says only its kind."""
NEAR: Mapping[str, Mapping[str, str]] = {
    "actor": {"pair:webPage": "website", "pair:aboutPage": "website"},
    "action": {"pair:webPage": "website", "pair:homePage": "website"},
    "place": {"pair:webPage": "website", "pair:aboutPage": "website"},
    "content": {
        "pair:webPage": "website",
        "pair:homePage": "website",
        "pair:comment": "text",
        "pair:documents": "about",
    },
}
"""Properties that a kind has no field for, and the nearest field that it has; by kind."""
LINKS_NEAR: Mapping[str, str] = {"pair:cooperatesWith": "pair:partnerOf", "pair:subactivityOf": "pair:partOf"}
"""Links that no predicate says, and the nearest that one does."""
USUAL_PREDICATES: Mapping[str, str] = {"pair:involvedIn": "takes_part_in"}
"""Of several predicates that are one word in PAIR, the one that says less."""


def prefixed(iri: str) -> str:
    """An IRI in short, as our documents write it; one of a vocabulary that they do not speak as it is."""
    for name, start in LINKED_PREFIXES.items():
        if iri.startswith(start):
            return f"{name}:{iri[len(start) :]}"
    return iri


def _classes() -> Iterator[tuple[str, tuple[str, str | None]]]:
    for kind in KINDS_READ.values():
        declared = kind.by_name.get("type")
        for term, class_ in reversed(list((declared.term_iris if declared else {}).items())):
            yield class_, (kind.name, term)
        yield kind.rdf_class, (kind.name, USUAL_TYPES.get(kind.name))
    for related in RELATED.values():
        yield related.class_, (RELATION.name, None)


CLASSES: Mapping[str, tuple[str, str | None]] = MappingProxyType({short(class_): said for class_, said in _classes()})
"""By class: the kind, and the first of its types that is of that class."""


def kind_of(classes: list[str]) -> tuple[str, str | None] | None:
    """The kind and type that these classes say together: the one that says most."""
    found = [CLASSES[CLASSES_NEAR.get(each, each)] for each in classes if CLASSES_NEAR.get(each, each) in CLASSES]
    if not found:
        return None
    usual = {(name, USUAL_TYPES.get(name)) for name in KINDS_READ}
    return next((each for each in found if each not in usual), found[0])


def fields_by_property(kind: Kind) -> Mapping[str, list[Field]]:
    """The fields that a property of this kind's elements may fill, the likeliest first."""
    found: dict[str, list[Field]] = {}
    for field in kind.fields:
        found.setdefault(short(field.property), []).append(field)
    for property_, name in NEAR.get(kind.name, {}).items():
        found.setdefault(property_, []).append(kind.by_name[name])
    return found


PREDICATES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        short(iri): tuple(term for term, each in predicates(RELATION.name).items() if each == iri)
        for iri in predicates(RELATION.name).values()
    }
)
"""By property: what we call such a relation."""


def predicate_of(property_: str) -> str:
    """The predicate of a link that says no more than its property."""
    return USUAL_PREDICATES.get(property_) or PREDICATES[property_][0]


def turned(property_: str) -> str:
    """What the other end calls it; empty if nobody does."""
    return INVERSES.get(property_, "")
