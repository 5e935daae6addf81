# SPDX-License-Identifier: AGPL-3.0-or-later
"""From PAIR's statements to elements: `surfaces/pair.py` backwards, and what other archives of PAIR write besides.

Every statement about an element either fills a field, makes a relation, says again what is said already, or is counted
as not held, by its property, with an example: nothing is lost unseen.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from unicodedata import normalize
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from convergences_protocol.codes import is_territory
from convergences_protocol.element import is_element_text
from convergences_protocol.kinds import Field, FieldType, Kind, check
from convergences_protocol.kinds.field import MANY_MAX

from convergences_node.linked.pair_graph import Graph, name_of
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
from convergences_node.web.surfaces.pair import CONCEPT_CONTAINERS, COUNTRY, POSTAL, date_time
from convergences_node.web.surfaces.pair_terms import DATE_TIMES, RELATED

_CONCEPT = re.compile(r"/(?:types|status)/([a-z]+)-([^/]+)$")
_FRACTION = re.compile(r"(T\d\d:\d\d:\d\d)\.\d+")
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
STRUCTURE = frozenset({"rdf:type", "ldp:contains", "pair:identifier", "dc:created", "dc:modified"})
"""What is said of a thing as a resource, and not of what it is about."""
PLACE_PARTS = ("pair:label", "pair:latitude", "pair:longitude", "pair:hasPostalAddress", "rdf:type")
ADDRESS_PARTS = (*POSTAL, "pair:addressCountry", "rdf:type")
SAME_CLASSES = frozenset({"as:Organization", "as:Group", "as:Person", "foaf:Person", "foaf:Organization"})
"""Other vocabularies' words for what PAIR's class says already."""
NAME = KINDS_READ["actor"].by_name["name"].property
SAYS_AGAIN = frozenset({"as:name", "foaf:name", "schema:name", "rdfs:label"})
EXAMPLE_CHARACTERS_MAX = 200


@dataclass(frozen=True, slots=True)
class Ref:
    """Another element, by its IRI."""

    iri: str


@dataclass(frozen=True, slots=True)
class Link:
    """A relation that is only said by a link between two elements."""

    subject: str
    predicate: str
    object: str


@dataclass(slots=True)
class Read:
    """An element as its statements say it."""

    iri: str
    kind: str
    identifier: str | None
    fields: dict[str, Any]
    links: list[Link] = field(default_factory=list)


class NotHeld:
    """What was said and cannot be held: how often, and an example of each."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._examples: dict[str, str] = {}

    def note(self, what: str, where: str, count: int = 1) -> None:
        """So many statements, or things, of this sort."""
        self._counts[what] += count
        self._examples.setdefault(what, where[:EXAMPLE_CHARACTERS_MAX])

    def to_json(self) -> list[dict[str, Any]]:
        """The most frequent first."""
        found = sorted(self._counts.items(), key=lambda each: (-each[1], each[0]))
        return [{"what": what, "count": count, "example": self._examples[what]} for what, count in found]


class Reading:
    """One reading of a graph."""

    def __init__(self, graph: Graph, zone: ZoneInfo) -> None:
        self.graph = graph
        self.not_held = NotHeld()
        self._zone = zone
        self.kinds: dict[str, tuple[str, str | None]] = {}
        self._said_of_relations: set[tuple[str, str, str]] = set()
        for iri, classes in graph.classes():
            self._sort(iri, classes)

    def _sort(self, iri: str, classes: list[str]) -> None:
        """Decide what a thing is; relations that are things of their own say which links they stand for."""
        if any(each.startswith("ldp:") for each in classes) or _CONCEPT.search(iri):
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
        self._put_place(read, kind, said)
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
        if property_ in STRUCTURE or (property_ in SAYS_AGAIN and self._text(value) == read.fields.get("name")):
            return
        for field_ in known.get(property_, ()):
            if self._fill(read, kind, field_, property_, value):
                return
        if not self._linked(read, property_, value):
            self.not_held.note(property_, read.iri)

    def _fill(self, read: Read, kind: Kind, field_: Field, property_: str, value: Any) -> bool:
        """Put a value into a field; False if it is none for it, or the field is full."""
        made = self._value(kind, field_, property_, value)
        if made is None or (not isinstance(made, Ref) and not _fits(field_, made)):
            return False
        if field_.many:
            there = read.fields.setdefault(field_.name, [])
            if made not in there:
                if len(there) >= MANY_MAX:
                    return False
                there.append(made)
            return True
        is_guess = field_.name == "type" and property_ in CONCEPT_CONTAINERS
        if field_.name in read.fields and not is_guess:
            return bool(read.fields[field_.name] == made)
        read.fields[field_.name] = made
        return True

    def _value(self, kind: Kind, field_: Field, property_: str, value: Any) -> Any:
        """A statement's object as a value of a field; None if it cannot be one."""
        if property_ in CONCEPT_CONTAINERS:
            return self._term(kind, value) if self.graph.is_iri(value) else None
        if field_.type is FieldType.ELEMENT:
            is_one = self.graph.is_iri(value) and self._may_be(field_, value.value)
            return Ref(value.value) if is_one else None
        if self.graph.is_blank(value) or field_.type in (FieldType.POINT, FieldType.OUTLINE, FieldType.MEDIA):
            return None
        text = self._text(value)
        if property_ in DATE_TIMES:
            return self._date(text, property_)
        if field_.type is FieldType.INTEGER:
            return int(text) if re.fullmatch(r"-?\d{1,16}", text) else None
        if field_.type is FieldType.BOOLEAN:
            return {"true": True, "1": True, "false": False, "0": False}.get(text)
        if field_.name == "source_id" and "code" in kind.by_name and is_territory(text):
            return None
        return text or None

    def _may_be(self, field_: Field, iri: str) -> bool:
        """Whether a field may name this element: of its kinds, or of some other town and not here."""
        kind = self.kinds.get(iri)
        if kind is None:
            return element_in(iri) is not None
        return not field_.targets or kind[0] in field_.targets

    def _term(self, kind: Kind, value: Any) -> str | None:
        found = _CONCEPT.search(value.value)
        if found and found[1] == kind.name:
            return unquote(found[2])
        return element_in(value.value)

    def _text(self, value: Any) -> str:
        """A value as text: normalised, without what no record may hold."""
        if not hasattr(value, "value"):
            return ""
        return normalize("NFC", _UNSEEN.sub("", str(value.value).replace("\r\n", "\n").replace("\r", "\n"))).strip()

    def _date(self, text: str, property_: str) -> str | None:
        """A date and time; the day alone where writing that day would say the same second."""
        text = _FRACTION.sub(r"\1", text)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return text or None
        if "T" in text and moment.tzinfo is None:
            moment = moment.replace(tzinfo=self._zone)
        if "T" not in text:
            return text
        day = moment.strftime("%Y-%m-%d")
        written = date_time(day, property_ == "pair:endDate", None, self._zone)
        return day if written == moment.isoformat() else moment.isoformat()

    # ----------------------------------------------------------------------------------------------------- where it is
    def _put_place(self, read: Read, kind: Kind, said: dict[str, list[Any]]) -> None:
        """The place inside it, or itself; what is used is taken out of `said`."""
        point = next((each for each in kind.fields if each.type is FieldType.POINT), None)
        postal = {name: each for each in kind.fields for name in POSTAL if each.property == name}
        holders = [said]
        inside = [each for each in said.get("pair:hasLocation", ()) if self.graph.is_blank(each)]
        if inside:
            place = self.graph.said(inside[0])
            said["pair:hasLocation"] = [each for each in said["pair:hasLocation"] if each != inside[0]]
            holders = [place]
        for holder in holders:
            self._put_point(read, point, holder)
            self._put_address(read, postal, holder)
        if inside:
            self._put_label(read, holders[0].pop("pair:label", []), postal)
            self._note_rest(read, holders[0], PLACE_PARTS, "pair:Place")

    def _put_point(self, read: Read, point: Field | None, holder: dict[str, list[Any]]) -> None:
        degrees = [holder.get(name, []) for name in ("pair:latitude", "pair:longitude")]
        if point is None or not all(degrees):
            return
        try:
            made = [round(float(values[0].value) * 1e7) for values in degrees]
        except (ValueError, OverflowError):
            return
        if _fits(point, made):
            read.fields[point.name] = made
            holder.pop("pair:latitude")
            holder.pop("pair:longitude")

    def _put_address(self, read: Read, postal: Mapping[str, Field], holder: dict[str, list[Any]]) -> None:
        found = holder.get("pair:hasPostalAddress", [])
        if not found or not postal:
            return
        parts = self.graph.said(found[0])
        for name, field_ in postal.items():
            left = [each for each in parts.get(name, ()) if not self._fill(read, _ANY, field_, name, each)]
            parts[name] = left
        if [each.value for each in parts.get("pair:addressCountry", ())] in ([], [COUNTRY]):
            parts.pop("pair:addressCountry", None)
        self._note_rest(read, parts, ("rdf:type",), "pair:PostalAddress")
        holder["pair:hasPostalAddress"] = found[1:]

    def _put_label(self, read: Read, labels: list[Any], postal: Mapping[str, Field]) -> None:
        """A place's label says its address again, or is all that is known of it."""
        known = {str(read.fields.get(field_.name)) for field_ in postal.values()} | {COUNTRY}
        name = next(iter(self.graph.said(read.iri).get("pair:label", ())), None)
        for label in labels:
            text = self._text(label)
            parts = {part.strip() for part in re.split(r"[,\n]", text)}
            split = {word for part in parts for word in (part, *part.split(" ", 1))}
            if (name is not None and text == self._text(name)) or not parts - known or known & split - {COUNTRY}:
                continue
            street = postal.get("pair:addressStreet")
            if (
                street is None
                or street.name in read.fields
                or not self._fill(read, _ANY, street, street.property, label)
            ):
                self.not_held.note("pair:Place pair:label", read.iri)

    def _note_rest(self, read: Read, said: dict[str, list[Any]], parts: tuple[str, ...], of: str) -> None:
        for property_, values in said.items():
            if values and property_ not in ("rdf:type", "pair:hasPostalAddress") and property_ not in parts:
                self.not_held.note(f"{of} {property_}", read.iri, len(values))

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
        concept = next((self._term(KINDS_READ["relation"], each) for each in said.get("pair:hasType", ())), None)
        own = _CONCEPT.search(property_)
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
                    read.fields["role"] = self._text(labels[0])
                    used.add(related.role)
        return {name: values for name, values in said.items() if name not in used}

    def _drop_wrong(self, read: Read, kind: Kind) -> None:
        """Fields that do not go together: what may be left out is, and counted."""
        for fault in check(kind, {name: _stand_in(value) for name, value in read.fields.items()}):
            name = fault.path.partition(".")[0]
            if name in read.fields and name not in kind.required:
                del read.fields[name]
                self.not_held.note(f"{kind.name}.{name} ({fault.code})", read.iri)


_ANY = KINDS_READ["place"]
_SOME_ELEMENT = "FR-93066:00000000-0000-7000-8000-000000000000"


def _fits(field_: Field, value: Any) -> bool:
    return field_.accepts([value] if field_.many else value)


def _stand_in(value: Any) -> Any:
    if isinstance(value, list):
        return [_stand_in(each) for each in value]
    return _SOME_ELEMENT if isinstance(value, Ref) else value


def element_in(iri: str) -> str | None:
    """The id of an element that an address of a node's names."""
    last = unquote(iri.rpartition("/")[2])
    return last if is_element_text(last) else None
