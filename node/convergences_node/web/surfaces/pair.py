# SPDX-License-Identifier: AGPL-3.0-or-later
"""An element as a resource of PAIR, in the shape that SemApps and Archipelago read, derived from its kind.

What differs from the kinds' own JSON-LD is what those programs ask for: a date and time where a record may know only
the day, degrees in a place of its own, a postal address, words (types, status) as things, links from both ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from convergences_protocol.edtf import span
from convergences_protocol.element import ElementId, is_element_text
from convergences_protocol.kinds import KINDS, Field, FieldType, Kind

from convergences_node.index.listing import Link
from convergences_node.index.views import Item
from convergences_node.media.named import address, media_of
from convergences_node.web import dates
from convergences_node.web.exporting import printable
from convergences_node.web.surfaces import licences, wkt
from convergences_node.web.surfaces.linked_context import short
from convergences_node.web.surfaces.pair_terms import DATE_TIMES, INVERSES, RELATED, Related, predicates

Resource = dict[str, Any]

POSTAL = ("pair:addressStreet", "pair:addressZipCode", "pair:addressLocality")
PLACES = frozenset({"pair:Place", "pair:Town"})
CONCEPT_CONTAINERS: Mapping[str, str] = {"pair:hasType": "types", "pair:hasStatus": "status"}
"""Properties whose values are words that kinds declare, and where each word is found as a thing."""
COUNTRY = "France"
"""Every territory's code is of France; a second country brings a table of its own."""
NOT_HELD = (FieldType.MEDIA,)
"""Of pictures PAIR has the address alone (`_put_images`)."""
GEOMETRY = "geo:Geometry"
WKT = "geo:wktLiteral"
"""PAIR has no shapes: an outline is said in the words of GeoSPARQL (OGC 11-052r4, sections 8.3 and 8.5)."""
_WEB = re.compile(r"https?://[^\s<>\"{}|\\^`\x00-\x20]+")
_SECOND_LAST = 253_402_300_799
_WORDS: Mapping[str, str] = {term: iri for kind in KINDS for term, iri in predicates(kind).items()}
"""What each predicate says in one word of RDF."""


@dataclass(frozen=True, slots=True)
class Reader:
    """What a resource depends on beside its record: the node's address, and the clocks of dates that name none."""

    base: str
    zone: ZoneInfo

    def address(self, element: str) -> str:
        """What an element is called on the web, in every document of this node."""
        return f"{self.base}/e/{quote(element, safe=':')}"

    def concept(self, container: str, kind: str, term: str) -> str:
        """The address of a word that a kind declares, or that is a territory's own."""
        return self.address(term) if is_element_text(term) else f"{self.base}/{container}/{kind}-{term}"


def classes_of(kind: Kind, fields: Mapping[str, Any]) -> list[str]:
    """The classes of an element: the one that says most, behind the kind's own where it is no term of PAIR."""
    related = _related(kind, fields)
    found = related.class_ if related else kind.class_of(fields)
    says_all = found == kind.rdf_class or (found.startswith("pair:") and not related)
    return [found] if says_all else [kind.rdf_class, found]


def resource(item: Item, fields: Mapping[str, Any], links: Iterable[Link], reader: Reader) -> Resource:
    """One element, without a context."""
    kind = KINDS[item.kind]
    classes = classes_of(kind, fields)
    made: Resource = {"id": reader.address(item.id), "type": classes[0] if len(classes) == 1 else classes}
    place: Resource = {}
    for name, value in fields.items():
        field = kind.by_name.get(name)
        if field is None or not field.property or field.type in NOT_HELD:
            continue
        property_ = short(field.property)
        if property_ == "rdf:predicate":
            # PAIR has one word for several of ours: which one it was is said as a type, and read back from there.
            made["pair:hasType"] = reader.concept("types", kind.name, value)
        if field.type is FieldType.OUTLINE:
            shape = {"@type": WKT, "@value": wkt.written(value)}
            made[property_] = {"type": GEOMETRY, "geo:asWKT": shape}
        elif field.type is FieldType.POINT:
            place |= {"pair:latitude": value[0] / 1e7, "pair:longitude": value[1] / 1e7}
        elif property_ in POSTAL:
            place[property_] = _plain(value)
        elif (said := _said(kind, field, property_, value, fields, reader)) is not None:
            made[property_] = said
    _put_images(made, item.kind, fields, reader)
    _put_place(made, place, classes)
    _put_links(made, links, reader)
    _put_relation(made, _related(kind, fields), fields, reader)
    made["pair:identifier"] = item.id
    made["dc:created"] = instant(born(item.id))
    made["dc:modified"] = instant(item.time)
    return made


def _said(kind: Kind, field: Field, property_: str, value: Any, fields: Mapping[str, Any], reader: Reader) -> Any:
    """A field's value as this property's; None for a date that no calendar of ours can write."""
    if property_ in DATE_TIMES:
        return date_time(value, property_ == "pair:endDate", fields.get("timezone"), reader.zone)
    if field.many:
        return [_one(kind, field, property_, each, reader) for each in value]
    return _one(kind, field, property_, value, reader)


def _one(kind: Kind, field: Field, property_: str, value: Any, reader: Reader) -> Any:
    if property_ in CONCEPT_CONTAINERS:
        return reader.concept(CONCEPT_CONTAINERS[property_], kind.name, value)
    if property_ == "rdf:predicate":
        known = field.term_iris.get(value)
        return short(known) if known else reader.concept("types", kind.name, value)
    if field.type is FieldType.ELEMENT:
        return reader.address(value)
    if field.type is FieldType.DATE:
        return {"@type": "edtf:EDTF", "@value": value}
    if property_ == "dc:license" and (licence := licences.IRIS.get(value, value)) and _WEB.fullmatch(str(licence)):
        return {"id": licence}
    return _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return printable(value) if isinstance(value, str) else value


def _put_images(made: Resource, kind: str, fields: Mapping[str, Any], reader: Reader) -> None:
    """Where its pictures are. `pair:image` is Archipelago's usage; the ontology itself has no word for it."""
    found = [address(medium.digest, reader.base) for _, medium in media_of(kind, fields) if medium.is_picture]
    if found:
        made["pair:image"] = [{"id": each} for each in found]


def _put_place(made: Resource, place: Resource, classes: Sequence[str]) -> None:
    """Where it is: said of a place itself, else of a place inside it."""
    postal: Resource = {name: place.pop(name) for name in POSTAL if name in place}
    if postal:
        place["pair:hasPostalAddress"] = {"type": "pair:PostalAddress", **postal, "pair:addressCountry": COUNTRY}
    if not PLACES.isdisjoint(classes):
        made |= place
    elif place:
        line = [str(postal[name]) for name in ("pair:addressStreet", "pair:addressLocality") if name in postal]
        label = ", ".join(line) or made.get("pair:label", "")
        made["pair:hasLocation"] = {"type": "pair:Place", "pair:label": label, **place}


def _put_links(made: Resource, links: Iterable[Link], reader: Reader) -> None:
    """What relations say of it, in the word for its end where there is one."""
    for link in links:
        property_ = short(_WORDS.get(link.predicate, ""))
        if not link.outgoing:
            property_ = INVERSES.get(property_, "")
        if property_:
            there = made.setdefault(property_, [])
            if (address := reader.address(link.other)) not in there:
                there.append(address)


def _related(kind: Kind, fields: Mapping[str, Any]) -> Related | None:
    return RELATED.get(predicates(kind.name).get(str(fields.get("predicate")), ""))


def _put_relation(made: Resource, related: Related | None, fields: Mapping[str, Any], reader: Reader) -> None:
    """A relation that PAIR has a class for: both ends in its words, and the role as a thing."""
    if related is None:
        return
    made[related.subject] = reader.address(fields["subject"])
    made[related.object] = reader.address(fields["object"])
    if role := fields.get("role"):
        made[related.role] = {"type": related.role_class, "pair:label": printable(role)}


def date_time(text: str, last: bool, zone: str | None, fallback: ZoneInfo) -> str | None:
    """A date as ISO 8601 with an offset: the first second that it covers or, for an end, the last, on its clocks."""
    try:
        if "T" in text:
            return datetime.fromisoformat(text).isoformat()
        day = datetime.fromtimestamp(span(text)[1 if last else 0], UTC)
        return day.replace(tzinfo=dates.zone(zone, fallback.key)).isoformat()
    except (ValueError, OverflowError, OSError):
        return None


def born(element: str) -> int:
    """When an element was born, by its id."""
    return int.from_bytes(ElementId.parse(element).uuid[:6], "big") // 1000


def instant(seconds: int) -> str:
    """A clock's time, which may have been anywhere."""
    return datetime.fromtimestamp(min(max(seconds, 0), _SECOND_LAST), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
