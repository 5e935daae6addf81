# SPDX-License-Identifier: AGPL-3.0-or-later
"""Actions: what actors do, once, every Tuesday or all year long."""

from __future__ import annotations

from .field import Field, FieldType
from .kind import Kind, in_order, only_with
from .shared import DESCRIPTION, NAME, PICTURES, PROVENANCE, SUMMARY, THEMES, WHERE

KIND = Kind(
    name="action",
    rdf_class="pair:Activity",
    title_field="name",
    fields=(
        NAME,
        Field(
            "type",
            FieldType.TERM,
            required=True,
            terms=("event", "festival", "project", "activity", "service", "other"),
            term_iris={
                "event": "pair:Event",
                "festival": "pair:Event",
                "project": "pair:Project",
                "service": "schema:Service",
            },
            property="pair:hasType",
            facet=True,
        ),
        Field(
            "status",
            FieldType.TERM,
            terms=("planned", "confirmed", "tentative", "cancelled", "postponed", "ended"),
            property="pair:hasStatus",
            facet=True,
        ),
        SUMMARY,
        DESCRIPTION,
        THEMES,
        Field("start", FieldType.DATE, property="pair:startDate"),
        Field("end", FieldType.DATE, property="pair:endDate"),
        Field("recurrence", FieldType.RECURRENCE, property="ical:rrule"),
        Field("exceptions", FieldType.DATE, many=True, property="ical:exdate"),
        Field("timezone", FieldType.TIMEZONE, property="schema:scheduleTimezone"),
        Field("period", FieldType.TEXT, property="dcterms:temporal", searched="C"),
        Field("audience", FieldType.TEXT, property="schema:audience", searched="C"),
        *WHERE,
        Field("website", FieldType.URL, property="pair:aboutPage"),
        PICTURES,
        *PROVENANCE,
    ),
    rules=(in_order("start", "end"), only_with("recurrence", "start"), only_with("exceptions", "recurrence")),
)
