# SPDX-License-Identifier: AGPL-3.0-or-later
"""From PAIR's statements to elements: `surfaces/pair.py` backwards, and what other archives of PAIR write besides.

Every statement about an element either fills a field, makes a relation, says again what is said already, or is counted
as not held, by its property, with an example: nothing is lost unseen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from convergences_protocol.element import is_element_text
from convergences_protocol.kinds import Field, Kind, check

from convergences_node.linked.pair_graph import Graph, name_of
from convergences_node.linked.pair_place import Places
from convergences_node.linked.pair_read import Link, NotHeld, Read, Ref
from convergences_node.linked.pair_values import CONCEPT, Values
from convergences_node.linked.pair_words import (
    KINDS_READ,
    LINKS_NEAR,
    PREDICATES,
    fields_by_property,
    kind_of,
    predicate_of,
    turned,
)
from convergences_node.web.surfaces.linked_context import short
from convergences_node.web.surfaces.pair_terms import RELATED

STRUCTURE = frozenset({"rdf:type", "ldp:contains", "pair:identifier", "dc:created", "dc:modified"})
"""What is said of a thing as a resource, and not of what it is about."""
SAME_CLASSES = frozenset({"as:Organization", "as:Group", "as:Person", "foaf:Person", "foaf:Organization"})
"""Other vocabularies' words for what PAIR's class says already."""
NAME = KINDS_READ["actor"].by_name["name"].property
SAYS_AGAIN = frozenset({"as:name", "foaf:name", "schema:name", "rdfs:label"})


class Reading:
    """One reading of a graph."""

    def __init__(self, graph: Graph, zone: ZoneInfo) -> None:
        self.graph = graph
        self.not_held = NotHeld()
        self.kinds: dict[str, tuple[str, str | None]] = {}
        self._values = Values(graph, zone, self.kinds)
        self._places = Places(graph, self._values, self.not_held)
        self._said_of_relations: set[tuple[str, str, str]] = set()
        for iri, classes in graph.classes():
            self._sort(iri, classes)

    def _sort(self, iri: str, classes: list[str]) -> None:
        """Decide what a thing is; relations that are things of their own say which links they stand for."""
        if any(each.startswith("ldp:") for each in classes) or CONCEPT.search(iri):
            return
        found = kind_of(classes)
        if found is None:
            named = [each for each in classes if each not in SAME_CLASSES] or classes
            self.not_held.note(named[0], iri)
            return
        self.kinds[iri] = found
        if found[0] == "relation" and (ends := self._ends(self.graph.said(iri))) is not None:
            self._said_of_relations |= {ends, (ends[2], turned(ends[1]), ends[0])}

    def elements(self) -> Iterator[Read]:
        """Every element, in the order of their addresses, relations last."""
        for relations in (False, True):
            for iri, (kind, type_) in self.kinds.items():
                if (kind == "relation") == relations:
                    yield self._element(iri, KINDS_READ[kind], type_)

    # ------------------------------------------------------------------------------------------------------ an element
    def _element(self, iri: str, kind: Kind, type_: str | None) -> Read:
        said = self.graph.said(iri)
        identifier = next((each.value for each in said.get("pair:identifier", ()) if is_element_text(each.value)), None)
        read = Read(iri, kind.name, identifier, {"type": type_} if type_ and "type" in kind.by_name else {})
        self._put_turned(iri, kind, said)
        if kind.name == "relation":
            said = self._relation(read, said)
        self._places.put(read, kind, said)
        known = fields_by_property(kind)
        # The name first: other vocabularies say it again.
        for property_ in sorted(said, key=lambda each: (each != short(NAME), each)):
            for value in said[property_]:
                self._take(read, kind, known, property_, value)
        self._drop_wrong(read, kind)
        return read

    def _put_turned(self, iri: str, kind: Kind, said: dict[str, list[Any]]) -> None:
        """What others say of it in the word for their end, as if it said so itself."""
        for property_, other in self.graph.pointing(iri):
            # A relation points at both its ends: that is its own, and said nowhere else.
            if self.kinds.get(other, ("relation", None))[0] != "relation" and (own := turned(property_)):
                there = said.setdefault(own, [])
                if all(each.value != other for each in there):
                    there.append(self.graph.iri(other))

    def _take(self, read: Read, kind: Kind, known: Mapping[str, list[Field]], property_: str, value: Any) -> None:
        """One statement."""
        if property_ in STRUCTURE or (property_ in SAYS_AGAIN and self._values.text(value) == read.fields.get("name")):
            return
        for field_ in known.get(property_, ()):
            if self._values.fill(read, kind, field_, property_, value):
                return
        if not self._linked(read, property_, value):
            self.not_held.note(property_, read.iri)

    # ------------------------------------------------------------------------------------------------------- relations
    def _linked(self, read: Read, property_: str, value: Any) -> bool:
        """Make a relation of a link, or leave it to the other end, or to the relation that stands for it."""
        if not self.graph.is_iri(value):
            return False
        there, own = value.value, LINKS_NEAR.get(property_, property_)
        if (read.iri, property_, there) in self._said_of_relations:
            return True
        if there not in self.kinds:
            return False
        if self.kinds[there][0] == "relation":
            return True
        if own in PREDICATES:
            if turned(property_) != property_ or read.iri < there:
                read.links.append(Link(read.iri, predicate_of(own), there))
            return bool(read.iri != there)
        other = turned(property_)
        return LINKS_NEAR.get(other, other) in PREDICATES or self._fills_there(there, other)

    def _fills_there(self, there: str, property_: str) -> bool:
        """Whether the other end has a field for it, which is filled from there."""
        kind = KINDS_READ[self.kinds[there][0]]
        return property_ != "" and property_ in fields_by_property(kind)

    def _ends(self, said: Mapping[str, list[Any]]) -> tuple[str, str, str] | None:
        """A relation's subject, property and object."""
        first = {name: values[0] for name, values in said.items() if values}
        if "rdf:subject" in first and "rdf:predicate" in first and "rdf:object" in first:
            return first["rdf:subject"].value, name_of(first["rdf:predicate"].value), first["rdf:object"].value
        for iri, related in RELATED.items():
            if related.subject in first and related.object in first:
                return first[related.subject].value, iri, first[related.object].value
        return None

    def _relation(self, read: Read, said: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """Both ends and the role; what is left to say of it."""
        ends = self._ends(said)
        if ends is None:
            return said
        subject, property_, object_ = ends
        near = LINKS_NEAR.get(property_, property_)
        concept = next((self._values.term(KINDS_READ["relation"], each) for each in said.get("pair:hasType", ())), None)
        own = CONCEPT.search(property_)
        predicate = concept or (predicate_of(near) if near in PREDICATES else unquote(own[2]) if own else None)
        if predicate is None:
            return said
        read.fields |= {"subject": Ref(subject), "predicate": predicate, "object": Ref(object_)}
        used = {"rdf:subject", "rdf:predicate", "rdf:object", "pair:hasType"}
        for related in RELATED.values():
            used |= {related.subject, related.object, turned(related.subject), turned(related.object)}
            for role in said.get(related.role, ()):
                labels = self.graph.said(role).get("pair:label", ()) if not hasattr(role, "language") else [role]
                if labels and "role" not in read.fields:
                    read.fields["role"] = self._values.text(labels[0])
                    used.add(related.role)
        return {name: values for name, values in said.items() if name not in used}

    def _drop_wrong(self, read: Read, kind: Kind) -> None:
        """Fields that do not go together: what may be left out is, and counted."""
        for fault in check(kind, {name: _stand_in(value) for name, value in read.fields.items()}):
            name = fault.path.partition(".")[0]
            if name in read.fields and name not in kind.required:
                del read.fields[name]
                self.not_held.note(f"{kind.name}.{name} ({fault.code})", read.iri)


_SOME_ELEMENT = "FR-93066:00000000-0000-7000-8000-000000000000"


def _stand_in(value: Any) -> Any:
    if isinstance(value, list):
        return [_stand_in(each) for each in value]
    return _SOME_ELEMENT if isinstance(value, Ref) else value
