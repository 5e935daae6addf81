# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where an element is, as PAIR says it: a place inside it or the element itself, a point, an address, a label."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from convergences_protocol.kinds import Field, FieldType, Kind

from convergences_node.linked.pair_graph import Graph
from convergences_node.linked.pair_read import NotHeld, Read
from convergences_node.linked.pair_values import Values, fits
from convergences_node.linked.pair_words import KINDS_READ
from convergences_node.web.surfaces import wkt
from convergences_node.web.surfaces.pair import COUNTRY, POSTAL

PLACE_PARTS = ("pair:label", "pair:latitude", "pair:longitude", "pair:hasPostalAddress", "rdf:type")
_ANY = KINDS_READ["place"]
"""An address is read alike for every kind that has one."""


class Places:
    """Reads where the elements of one graph are."""

    def __init__(self, graph: Graph, values: Values, not_held: NotHeld) -> None:
        self._graph = graph
        self._values = values
        self._not_held = not_held

    def put(self, read: Read, kind: Kind, said: dict[str, list[Any]]) -> None:
        """The place inside it, or itself; what is used is taken out of `said`."""
        point = next((each for each in kind.fields if each.type is FieldType.POINT), None)
        postal = {name: each for each in kind.fields for name in POSTAL if each.property == name}
        holders = [said]
        inside = [each for each in said.get("pair:hasLocation", ()) if self._graph.is_blank(each)]
        if inside:
            place = self._graph.said(inside[0])
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
        if point is None:
            return
        if not all(degrees):
            self._put_geometry(read, point, holder)
            return
        try:
            made = [round(float(values[0].value) * 1e7) for values in degrees]
        except (ValueError, OverflowError):
            return
        if fits(point, made):
            read.fields[point.name] = made
            holder.pop("pair:latitude")
            holder.pop("pair:longitude")

    def _put_geometry(self, read: Read, point: Field, holder: dict[str, list[Any]]) -> None:
        """A point in the words of GeoSPARQL, where PAIR's own are not there."""
        for geometry in holder.get("geo:hasGeometry", []):
            for text in self._values.shapes(geometry):
                made = wkt.read_point(text)
                if made is not None and point.name not in read.fields and fits(point, made):
                    read.fields[point.name] = made
                    holder["geo:hasGeometry"] = [each for each in holder["geo:hasGeometry"] if each != geometry]

    def _put_address(self, read: Read, postal: Mapping[str, Field], holder: dict[str, list[Any]]) -> None:
        found = holder.get("pair:hasPostalAddress", [])
        if not found or not postal:
            return
        parts = self._graph.said(found[0])
        for name, field_ in postal.items():
            left = [each for each in parts.get(name, ()) if not self._values.fill(read, _ANY, field_, name, each)]
            parts[name] = left
        if [each.value for each in parts.get("pair:addressCountry", ())] in ([], [COUNTRY]):
            parts.pop("pair:addressCountry", None)
        self._note_rest(read, parts, ("rdf:type",), "pair:PostalAddress")
        holder["pair:hasPostalAddress"] = found[1:]

    def _put_label(self, read: Read, labels: list[Any], postal: Mapping[str, Field]) -> None:
        """A place's label says its address again, or is all that is known of it."""
        known = {str(read.fields.get(field_.name)) for field_ in postal.values()} | {COUNTRY}
        name = next(iter(self._graph.said(read.iri).get("pair:label", ())), None)
        for label in labels:
            text = self._values.text(label)
            parts = {part.strip() for part in re.split(r"[,\n]", text)}
            split = {word for part in parts for word in (part, *part.split(" ", 1))}
            if (name is not None and text == self._values.text(name)) or not parts - known or known & split - {COUNTRY}:
                continue
            street = postal.get("pair:addressStreet")
            if (
                street is None
                or street.name in read.fields
                or not self._values.fill(read, _ANY, street, street.property, label)
            ):
                self._not_held.note("pair:Place pair:label", read.iri)

    def _note_rest(self, read: Read, said: dict[str, list[Any]], parts: tuple[str, ...], of: str) -> None:
        for property_, values in said.items():
            if values and property_ not in ("rdf:type", "pair:hasPostalAddress") and property_ not in parts:
                self._not_held.note(f"{of} {property_}", read.iri, len(values))
