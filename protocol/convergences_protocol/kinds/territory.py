# SPDX-License-Identifier: AGPL-3.0-or-later
"""Territories (*territoires*): towns and what gathers them. They nest, merge, and keep the names they had."""

from __future__ import annotations

from .field import Field, FieldType
from .kind import Kind, in_order, shaped
from .shared import NAME, PROVENANCE

KIND = Kind(
    name="territory",
    rdf_class="schema:AdministrativeArea",
    title_field="name",
    fields=(
        NAME,
        Field("code", FieldType.TERRITORY, required=True, property="dcterms:identifier", searched="A"),
        Field(
            "type",
            FieldType.TERM,
            required=True,
            terms=("commune", "epci", "ept", "departement", "region", "metropole"),
            term_iris={"commune": "pair:Town"},
            property="pair:hasType",
            facet=True,
        ),
        Field("within", FieldType.TERRITORY, many=True, property="schema:containedInPlace", facet=True),
        Field("postcodes", FieldType.TEXT, many=True, limit=10, property="pair:addressZipCode", searched="B"),
        Field("population", FieldType.INTEGER, property="schema:population"),
        Field("siren", FieldType.TEXT, limit=9, property="schema:taxID"),
        Field("former_names", FieldType.TEXT, many=True, limit=300, property="pair:alternativeLabel", searched="A"),
        Field("former_codes", FieldType.TERRITORY, many=True, property="schema:identifier", searched="A"),
        Field("centre", FieldType.POINT, property="schema:geo"),
        Field("outline", FieldType.OUTLINE, property="geo:hasGeometry"),
        # Its actor in the fediverse: who keeps its log announces what it tells there, and does not tell it again.
        Field("relay", FieldType.URL, property="schema:sameAs"),
        Field("began", FieldType.DATE, property="schema:foundingDate"),
        Field("ended", FieldType.DATE, property="schema:dissolutionDate"),
        *PROVENANCE,
    ),
    rules=(in_order("began", "ended"), shaped("siren", "[0-9]{9}")),
)
