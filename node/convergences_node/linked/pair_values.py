# SPDX-License-Identifier: AGPL-3.0-or-later
"""A statement's object as a value of a field, and where it goes: into the field that it fits, or nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from unicodedata import normalize
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from convergences_protocol.codes import is_territory
from convergences_protocol.element import is_element_text
from convergences_protocol.kinds import Field, FieldType, Kind
from convergences_protocol.kinds.field import MANY_MAX

from convergences_node.linked.pair_graph import Graph
from convergences_node.linked.pair_read import Read, Ref
from convergences_node.web.surfaces import licences, wkt
from convergences_node.web.surfaces.pair import CONCEPT_CONTAINERS, date_time
from convergences_node.web.surfaces.pair_terms import DATE_TIMES

CONCEPT = re.compile(r"/(?:types|status)/([a-z]+)-([^/]+)$")
"""The address of a term of our own: the kind that it is of, and the term."""
_FRACTION = re.compile(r"(T\d\d:\d\d:\d\d)\.\d+")
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Values:
    """Values of one graph's statements. `kinds` says of each element that is read its kind, and its type or None."""

    def __init__(self, graph: Graph, zone: ZoneInfo, kinds: Mapping[str, tuple[str, str | None]]) -> None:
        self._graph = graph
        self._zone = zone
        self._kinds = kinds

    def fill(self, read: Read, kind: Kind, field_: Field, property_: str, value: Any) -> bool:
        """Put a value into a field; False if it is none for it, or the field is full."""
        made = self._value(kind, field_, property_, value)
        if made is None or (not isinstance(made, Ref) and not fits(field_, made)):
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
            return self.term(kind, value) if self._graph.is_iri(value) else None
        if field_.type is FieldType.ELEMENT:
            is_one = self._graph.is_iri(value) and self._may_be(field_, value.value)
            return Ref(value.value) if is_one else None
        if field_.type is FieldType.OUTLINE:
            return next((made for text in self.shapes(value) if (made := wkt.read_outline(text)) is not None), None)
        if self._graph.is_blank(value) or field_.type in (FieldType.POINT, FieldType.MEDIA):
            return None
        text = self.text(value)
        if property_ == "dc:license":
            return licences.WORDS.get(text, text) or None
        if property_ in DATE_TIMES:
            return self._date(text, property_)
        if field_.type is FieldType.INTEGER:
            return int(text) if re.fullmatch(r"-?\d{1,16}", text) else None
        if field_.type is FieldType.BOOLEAN:
            return {"true": True, "1": True, "false": False, "0": False}.get(text)
        if field_.name == "source_id" and "code" in kind.by_name and is_territory(text):
            return None
        return text or None

    def shapes(self, geometry: Any) -> Iterator[str]:
        """What GeoSPARQL says of a geometry, as Well-Known Text; nothing of a value that is no thing."""
        if self._graph.is_blank(geometry) or self._graph.is_iri(geometry):
            yield from (
                each.value for each in self._graph.said(geometry).get("geo:asWKT", ()) if hasattr(each, "value")
            )

    def _may_be(self, field_: Field, iri: str) -> bool:
        """Whether a field may name this element: of its kinds, or of some other town and not here."""
        kind = self._kinds.get(iri)
        if kind is None:
            return element_in(iri) is not None
        return not field_.targets or kind[0] in field_.targets

    def term(self, kind: Kind, value: Any) -> str | None:
        """A term of that kind by its address: ours, or an element that somebody made a term of."""
        found = CONCEPT.search(value.value)
        if found and found[1] == kind.name:
            return unquote(found[2])
        return element_in(value.value)

    def text(self, value: Any) -> str:
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


def fits(field_: Field, value: Any) -> bool:
    """Whether the field takes that value, alone or as one of many."""
    return field_.accepts([value] if field_.many else value)


def element_in(iri: str) -> str | None:
    """The id of an element that an address of a node's names."""
    last = unquote(iri.rpartition("/")[2])
    return last if is_element_text(last) else None
