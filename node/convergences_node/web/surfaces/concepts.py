# SPDX-License-Identifier: AGPL-3.0-or-later
"""The words of the kinds as things: PAIR wants a type and a status to be resources with a label, each in a container.

The words that kinds declare are all there, in the order of their declarations, then the territories' own that are used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from convergences_protocol.element import is_element_text
from convergences_protocol.kinds import KINDS, Field, Kind

from convergences_node.web import words
from convergences_node.web.messages import Messages
from convergences_node.web.surfaces.pair import CONCEPT_CONTAINERS, Reader, Resource

STEMS: Mapping[str, str] = {
    "pair:Actor": "Agent",
    "pair:Person": "Agent",
    "pair:Organization": "Organization",
    "pair:Group": "Group",
    "pair:Activity": "Activity",
    "pair:Event": "Event",
    "pair:Project": "Project",
    "pair:Place": "Place",
    "pair:Document": "Document",
    "pair:Resource": "Resource",
}
"""What PAIR's names for the types, or the states, of such things begin with."""

TYPED_BY = {"rdf:predicate": "pair:hasType"}
"""A relation's type is its predicate."""
TYPES = frozenset({"pair:hasType", *TYPED_BY})
Used = Iterable[tuple[str, str]]
"""Kinds with the types that elements of them have."""


def concepts(container: str, used: Used, messages: Messages, reader: Reader) -> Iterator[Resource]:
    """The words of one container."""
    for kind, field in _fields(container):
        own = sorted({type_ for name, type_ in used if name == kind.name and _is_own(field, type_)})
        for term in (*field.terms, *(own if field.property in TYPES else ())):
            yield _concept(container, kind, field, term, messages, reader)


def concept_of(container: str, name: str, used: Used, messages: Messages, reader: Reader) -> Resource | None:
    """The word that an address names: `<kind>-<term>`."""
    wanted = f"{reader.base}/{container}/{name}"
    return next((each for each in concepts(container, used, messages, reader) if each["id"] == wanted), None)


def _fields(container: str) -> Iterator[tuple[Kind, Field]]:
    for kind in KINDS.values():
        for field in kind.fields:
            if CONCEPT_CONTAINERS.get(TYPED_BY.get(field.property, field.property)) == container:
                yield kind, field


def _is_own(field: Field, term: str) -> bool:
    """Whether this is a word of a territory: one that is an element has its address already."""
    return term != "" and term not in field.terms and not is_element_text(term)


def _concept(container: str, kind: Kind, field: Field, term: str, messages: Messages, reader: Reader) -> Resource:
    general = "Status" if container == "status" else "Type"
    class_ = kind.class_of({"type": term}) if container == "types" else kind.rdf_class
    stem = STEMS.get(class_) or STEMS.get(kind.rdf_class)
    return {
        "id": reader.concept(container, kind.name, term),
        "type": [f"pair:{general}", *([f"pair:{stem}{general}"] if stem else [])],
        "pair:label": words.facet_label(messages, field.name, term, (kind.name,)),
    }
