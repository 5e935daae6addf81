# SPDX-License-Identifier: AGPL-3.0-or-later
"""Places (*lieux*): where actors are and actions happen."""

from __future__ import annotations

from .field import Field, FieldType
from .kind import Kind, in_order
from .shared import DESCRIPTION, NAME, OTHER_NAMES, PICTURES, PROVENANCE, SUMMARY, THEMES, WEBSITE, WHERE

KIND = Kind(
    name="place",
    rdf_class="pair:Place",
    title_field="name",
    fields=(
        NAME,
        Field(
            "type",
            FieldType.TERM,
            required=True,
            terms=(
                "venue",
                "public_service",
                "culture",
                "school",
                "station",
                "sport",
                "monument",
                "park",
                "office",
                "other",
            ),
            property="pair:hasType",
            facet=True,
        ),
        OTHER_NAMES,
        SUMMARY,
        DESCRIPTION,
        THEMES,
        *WHERE,
        Field("opening_hours", FieldType.TEXT, property="pair:openingHours"),
        Field("accessibility", FieldType.TEXT, limit=1000, property="schema:accessibilitySummary", searched="C"),
        WEBSITE,
        Field("began", FieldType.DATE, property="schema:foundingDate"),
        Field("ended", FieldType.DATE, property="schema:dissolutionDate"),
        PICTURES,
        *PROVENANCE,
    ),
    rules=(in_order("began", "ended"),),
)
