# SPDX-License-Identifier: AGPL-3.0-or-later
"""JSON-LD 1.1 of a record, derived from its kind's declaration: the fields become RDF almost as they stand.

Almost: an element id is no address, so whoever serves a `document` says where elements are found. Dates keep their
precision (`edtf:EDTF`) and coordinates stay JSON; a consumer that wants `xsd:dateTime` or `pair:latitude` is served by
the mapping for that consumer, not here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..element import is_element_text
from .field import Field, FieldType
from .kind import Kind
from .prefixes import PREFIXES

_COERCIONS: Mapping[FieldType, str] = {
    FieldType.DATE: "edtf:EDTF",
    FieldType.URL: "@id",
    FieldType.ELEMENT: "@id",
    FieldType.INTEGER: "xsd:integer",
    FieldType.BOOLEAN: "xsd:boolean",
    FieldType.POINT: "@json",
    FieldType.OUTLINE: "@json",
    FieldType.MEDIA: "@json",
}
"""What a bare JSON value is read as; a type that is not here stays a plain string."""


def json_ld_context(kind: Kind) -> dict[str, Any]:
    """The whole context of `kind`: the prefixes that it uses, its fields, and its terms with a class or property."""
    terms = {name: _definition(field) for name, field in kind.by_name.items() if field.property}
    used = {kind.rdf_class, *(iri for field in kind.fields for iri in _iris(field))}
    prefixes = {name: iri for name, iri in PREFIXES.items() if any(curie.startswith(f"{name}:") for curie in used)}
    return {"@version": 1.1, **prefixes, **terms}


def document(kind: Kind, element: str, fields: Mapping[str, Any], address: Callable[[str], str]) -> dict[str, Any]:
    """One element as JSON-LD. `address` gives the IRI at which an element id is served."""

    return {
        "@context": json_ld_context(kind),
        "@id": address(element),
        "@type": kind.class_of(fields),
        **{name: _linked(kind.by_name[name], value, address) for name, value in fields.items()},
    }


def _linked(field: Field, value: Any, address: Callable[[str], str]) -> Any:
    """`value` with the element ids that its field can hold turned into addresses."""
    if field.type not in (FieldType.ELEMENT, FieldType.TERM):
        return value
    if isinstance(value, list):
        return [_linked(field, item, address) for item in value]
    return address(value) if is_element_text(value) else value


def _definition(field: Field) -> dict[str, Any]:
    definition: dict[str, Any] = {"@id": field.property}
    if coercion := _COERCIONS.get(field.type):
        definition["@type"] = coercion
    # Terms become IRIs where all of a field's do; half of them would leave the other half as broken links.
    if field.terms and set(field.terms) == set(field.term_iris):
        definition |= {"@type": "@vocab", "@context": dict(field.term_iris)}
    if field.many:
        definition["@container"] = "@set"
    return definition


def _iris(field: Field) -> set[str]:
    """Every CURIE that a field's definition speaks of."""
    return {field.property, _COERCIONS.get(field.type, ""), *field.term_iris.values()}
