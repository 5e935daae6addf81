# SPDX-License-Identifier: AGPL-3.0-or-later
"""Fields that several kinds have in common, declared once."""

from __future__ import annotations

from .field import Field, FieldType

PROVENANCE = (
    Field("source", FieldType.TEXT, property="dcterms:source", facet=True),
    Field("source_id", FieldType.TEXT, property="dcterms:identifier"),
    Field("licence", FieldType.TEXT, property="dcterms:license", facet=True),
    Field("fetched", FieldType.DATE, property="dcterms:dateAccepted"),
    Field("language", FieldType.LANGUAGE, property="dcterms:language"),
)
"""Where a record comes from. (source, source_id) is how an import knows what it has already brought."""

NAME = Field("name", FieldType.TEXT, required=True, limit=300, property="pair:label", searched="A")
OTHER_NAMES = Field("other_names", FieldType.TEXT, many=True, limit=300, property="pair:alternativeLabel", searched="A")
SUMMARY = Field("summary", FieldType.TEXT, limit=1000, property="pair:comment", searched="B")
DESCRIPTION = Field("description", FieldType.MARKDOWN, property="pair:description", searched="C")
THEMES = Field("themes", FieldType.ELEMENT, many=True, targets=("theme",), property="pair:hasTopic", facet=True)
WEBSITE = Field("website", FieldType.URL, property="pair:homePage")
PICTURES = Field("pictures", FieldType.MEDIA, many=True, property="schema:image")

WHERE = (
    Field("address", FieldType.TEXT, property="pair:addressStreet", searched="C"),
    Field("postcode", FieldType.TEXT, limit=10, property="pair:addressZipCode"),
    Field("locality", FieldType.TEXT, limit=200, property="pair:addressLocality", searched="C"),
    Field("town", FieldType.TERRITORY, property="dcterms:spatial", facet=True),
    Field("location", FieldType.POINT, property="pair:hasLocation"),
)
"""Where something is, as an address, a territory and a point; none of them implies another."""
