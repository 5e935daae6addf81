# SPDX-License-Identifier: AGPL-3.0-or-later
"""Actors (*acteurs*): those who do things in a town."""

from __future__ import annotations

from .field import Field, FieldType
from .kind import Kind, in_order
from .shared import DESCRIPTION, NAME, OTHER_NAMES, PROVENANCE, SUMMARY, THEMES, WEBSITE, WHERE

KIND = Kind(
    name="actor",
    rdf_class="pair:Actor",
    title_field="name",
    fields=(
        NAME,
        Field(
            "type",
            FieldType.TERM,
            required=True,
            terms=("association", "institution", "company", "collective", "person", "school", "other"),
            term_iris={
                "association": "pair:Organization",
                "institution": "pair:Organization",
                "company": "pair:Organization",
                "collective": "pair:Group",
                "person": "pair:Person",
                "school": "pair:Organization",
            },
            property="pair:hasType",
            facet=True,
        ),
        OTHER_NAMES,
        SUMMARY,
        DESCRIPTION,
        THEMES,
        *WHERE,
        WEBSITE,
        Field("email", FieldType.EMAIL, property="pair:e-mail"),
        Field("phone", FieldType.PHONE, property="pair:phone"),
        Field("opening_hours", FieldType.TEXT, property="pair:openingHours"),
        Field("founded", FieldType.DATE, property="schema:foundingDate"),
        Field("dissolved", FieldType.DATE, property="schema:dissolutionDate"),
        # The colours of its own space, the main one first; a page corrects them until everything can be read.
        Field("colours", FieldType.COLOUR, many=True, property="schema:color"),
        Field("logo", FieldType.MEDIA, property="schema:logo"),
        Field("banner", FieldType.MEDIA, property="schema:image"),
        *PROVENANCE,
    ),
    rules=(in_order("founded", "dissolved"),),
)
