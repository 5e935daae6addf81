# SPDX-License-Identifier: AGPL-3.0-or-later
"""What this node's linked data look like, as SHACL shapes (W3C, 2017) derived from the kinds' declarations.

A reader checks with them what it was given, by any SHACL validator; `pair.py` writes what they describe. A shape is of
a kind: it is looked for by the classes that the kind's elements have, names every property with how often it may stand
and what its values are, and lets others be said besides. What stands inside another thing (a place without an address
of its own) is of no kind, and is described where it stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiohttp import web
from convergences_protocol.kinds import KINDS, Field, FieldType, Kind
from convergences_protocol.kinds.schema import field_schema
from convergences_protocol.kinds.values import LATITUDE_E7_MAX, LONGITUDE_E7_MAX

from convergences_node.web.etag import CACHE_ASK, conditional
from convergences_node.web.exporting import base_of
from convergences_node.web.surfaces.data_files import KINDS_KEPT
from convergences_node.web.surfaces.linked_context import REFERENCES, full, short
from convergences_node.web.surfaces.negotiating import TURTLE
from convergences_node.web.surfaces.pair import (
    CONCEPT_CONTAINERS,
    COUNTRY,
    GEOMETRY,
    NOT_HELD,
    PLACES,
    POSTAL,
    WKT,
    Resource,
)
from convergences_node.web.surfaces.pair_terms import DATE_TIMES, RELATED, predicates
from convergences_node.web.surfaces.triples import PREFIX_LINES, n_triples

SH = "http://www.w3.org/ns/shacl#"
_LIST = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_INSTANT = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"
_OFFSET = r"(Z|[+-][0-9]{2}:[0-9]{2})$"


async def shapes_show(request: web.Request) -> web.Response:
    """The shapes of what is here as linked data (SHACL, Turtle), one for each kind."""
    base = base_of(request)
    lines = [n_triples(shape_of(KINDS[name], base)) for name in KINDS_KEPT]
    head = f"{PREFIX_LINES}@prefix sh: <{SH}> .\n"
    return conditional(request, (head + "".join(lines)).encode(), TURTLE, cache=CACHE_ASK, vary=("Host",))


def shape_of(kind: Kind, base: str) -> Resource:
    """The shape of a kind's elements."""
    own = {"id": f"{base}/shapes.ttl#{kind.name}", "type": f"{SH}NodeShape"}
    classes = [{"id": full(short(class_))} for class_ in sorted(_classes(kind))]
    properties = [_sh(property_) for property_ in _properties(kind)]
    if PLACES.isdisjoint(_classes(kind)):
        return {**own, f"{SH}targetClass": classes, f"{SH}property": properties}
    # Places stand inside other things too, and are no elements there.
    either: list[Resource] = [{f"{SH}nodeKind": {"id": f"{SH}BlankNode"}}, {f"{SH}property": properties}]
    return {**own, f"{SH}targetClass": classes, f"{SH}or": _list(either)}


def _classes(kind: Kind) -> set[str]:
    """The classes that only this kind's elements have."""
    declared = kind.by_name.get("type")
    found = {kind.rdf_class, *(declared.term_iris.values() if declared else ())}
    return found | {RELATED[iri].class_ for iri in predicates(kind.name).values() if iri in RELATED}


def _properties(kind: Kind) -> Iterator[Resource]:
    place: dict[str, Resource] = {}
    for field in kind.fields:
        property_ = short(field.property)
        if field.type in NOT_HELD:
            continue
        if property_ == "rdf:predicate":
            yield {"path": "pair:hasType", "minCount": 1, "maxCount": 1, "nodeKind": "IRI"}
        if field.type is FieldType.OUTLINE:
            text = {"path": "geo:asWKT", "minCount": 1, "maxCount": 1, "datatype": WKT}
            yield {"path": property_, "maxCount": 1, "class": GEOMETRY, "nodeKind": "BlankNode", "property": [text]}
        elif field.type is FieldType.POINT:
            place |= {
                "pair:latitude": _degrees("pair:latitude", LATITUDE_E7_MAX),
                "pair:longitude": _degrees("pair:longitude", LONGITUDE_E7_MAX),
            }
        elif property_ in POSTAL:
            place[property_] = _property(kind, field, property_)
        elif not (property_ == "dc:identifier" and field.name == "source_id"):
            yield _property(kind, field, property_)
    yield from _where(kind, place)
    yield {"path": "pair:identifier", "minCount": 1, "maxCount": 1, **_pattern(_ELEMENT_PATTERN)}
    for name in ("dc:created", "dc:modified"):
        yield {"path": name, "minCount": 1, "maxCount": 1, **_pattern(_INSTANT)}


_ELEMENT_PATTERN = str(field_schema(KINDS["relation"].by_name["subject"])["pattern"])


def _where(kind: Kind, place: dict[str, Resource]) -> Iterator[Resource]:
    """Where it is: of a place itself, else of a place inside it."""
    postal = [place.pop(name) for name in POSTAL if name in place]
    if postal:
        country = {"path": "pair:addressCountry", "maxCount": 1, "hasValue": COUNTRY}
        address = {"class": "pair:PostalAddress", "nodeKind": "BlankNode", "property": [*postal, country]}
        place["pair:hasPostalAddress"] = {"path": "pair:hasPostalAddress", "maxCount": 1, **address}
    if not PLACES.isdisjoint(_classes(kind)):
        yield from place.values()
    elif place:
        label = {"path": "pair:label", "minCount": 1, "maxCount": 1, "datatype": "xsd:string"}
        inside = {"class": "pair:Place", "nodeKind": "BlankNode", "property": [label, *place.values()]}
        yield {"path": "pair:hasLocation", "maxCount": 1, **inside}


def _property(kind: Kind, field: Field, property_: str) -> Resource:
    """What one field becomes."""
    least = 1 if field.required and field.type is not FieldType.TERRITORY else 0
    shape: Resource = {"path": property_, **({"minCount": least} if least else {})}
    # Two fields of one property say it twice, and so does a link that others say of the element.
    alone = sum(1 for other in kind.fields if short(other.property) == property_) == 1
    if not field.many and alone and property_ not in _LINKED_BY_OTHERS:
        shape["maxCount"] = 1
    return shape | _value(field, property_)


_LINKED_BY_OTHERS = frozenset(short(iri) for name in KINDS_KEPT for iri in predicates(name).values())


def _value(field: Field, property_: str) -> Resource:
    if property_ in DATE_TIMES:
        return {"datatype": "xsd:dateTime", "pattern": _OFFSET}
    if property_ in CONCEPT_CONTAINERS or property_ in REFERENCES or field.type is FieldType.ELEMENT:
        return {"nodeKind": "IRI"}
    if field.type is FieldType.DATE:
        return {"datatype": "edtf:EDTF", "pattern": str(_item(field)["pattern"])}
    if field.type in (FieldType.TEXT, FieldType.MARKDOWN):
        # A licence is an address or a word.
        text: Resource = {} if property_ == "dc:license" else {"datatype": "xsd:string"}
        return {**text, "minLength": 1, "maxLength": field.limit}
    if field.type is FieldType.INTEGER:
        return {"datatype": "xsd:integer", "minInclusive": -field.limit, "maxInclusive": field.limit}
    if field.type is FieldType.BOOLEAN:
        return {"datatype": "xsd:boolean"}
    return _pattern(str(_item(field)["pattern"]))


def _item(field: Field) -> dict[str, Any]:
    schema = field_schema(field)
    found: dict[str, Any] = schema["items"] if field.many else schema
    return found


def _pattern(pattern: str) -> Resource:
    return {"datatype": "xsd:string", "pattern": pattern}


def _degrees(property_: str, greatest: int) -> Resource:
    return {
        "path": property_,
        "maxCount": 1,
        "datatype": "xsd:double",
        "minInclusive": -greatest / 1e7,
        "maxInclusive": greatest / 1e7,
    }


def _sh(shape: Resource) -> Resource:
    """The same in SHACL's words."""
    made: Resource = {}
    for name, value in shape.items():
        if name == "property":
            made[f"{SH}property"] = [_sh(each) for each in value]
        elif name in ("path", "class", "datatype"):
            made[f"{SH}{name}"] = {"id": full(value)}
        elif name == "nodeKind":
            made[f"{SH}nodeKind"] = {"id": f"{SH}{value}"}
        else:
            made[f"{SH}{name}"] = value
    return made


def _list(items: list[Resource]) -> Resource:
    """An RDF list."""
    rest: Resource = {"id": f"{_LIST}nil"}
    for item in reversed(items):
        rest = {f"{_LIST}first": item, f"{_LIST}rest": rest}
    return rest
