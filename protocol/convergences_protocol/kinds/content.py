# SPDX-License-Identifier: AGPL-3.0-or-later
"""Content (*contenus*): what is said about actors, actions and places. Pictures and documents hang on it."""

from __future__ import annotations

from .field import Field, FieldType
from .kind import Kind
from .shared import NAME, PROVENANCE, THEMES

KIND = Kind(
    name="content",
    rdf_class="pair:Document",
    title_field="name",
    fields=(
        NAME,
        Field(
            "type",
            FieldType.TERM,
            required=True,
            terms=("article", "announcement", "document", "photo", "report"),
            term_iris={
                "article": "schema:Article",
                "announcement": "schema:SpecialAnnouncement",
                "photo": "schema:Photograph",
                "report": "schema:Report",
            },
            property="pair:hasType",
            facet=True,
        ),
        Field("text", FieldType.MARKDOWN, limit=50_000, property="pair:description", searched="C"),
        Field("about", FieldType.ELEMENT, many=True, property="pair:about"),
        THEMES,
        Field("published", FieldType.DATE, property="dcterms:issued"),
        Field("website", FieldType.URL, property="pair:aboutPage"),
        Field("media", FieldType.MEDIA, many=True, property="schema:associatedMedia"),
        *PROVENANCE,
    ),
)
