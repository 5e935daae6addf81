# SPDX-License-Identifier: AGPL-3.0-or-later
"""Relations (*arborescence*): who does what, where, as part of what, since when and until when."""

from __future__ import annotations

from .field import Field, FieldType
from .kind import Kind, in_order, not_same
from .shared import PROVENANCE

KIND = Kind(
    name="relation",
    rdf_class="pair:Association",
    title_field="predicate",
    fields=(
        Field("subject", FieldType.ELEMENT, required=True, property="rdf:subject"),
        Field(
            "predicate",
            FieldType.TERM,
            required=True,
            terms=(
                "organises",
                "takes_part_in",
                "part_of",
                "hosted_at",
                "partner_of",
                "member_of",
                "supports",
                "offers",
                "needs",
                "about",
                "continued_by",
                "same_as",
            ),
            # PAIR has one word for organising and taking part; the role tells them apart.
            term_iris={
                "organises": "pair:involvedIn",
                "takes_part_in": "pair:involvedIn",
                "part_of": "pair:partOf",
                "hosted_at": "pair:hostedIn",
                "partner_of": "pair:partnerOf",
                "member_of": "pair:affiliatedBy",
                "supports": "pair:supports",
                "offers": "pair:offers",
                "needs": "pair:needs",
                "about": "pair:about",
                "continued_by": "dcterms:isReplacedBy",
                "same_as": "owl:sameAs",
            },
            property="rdf:predicate",
            facet=True,
        ),
        Field("object", FieldType.ELEMENT, required=True, property="rdf:object"),
        Field("from", FieldType.DATE, property="pair:startDate"),
        Field("to", FieldType.DATE, property="pair:endDate"),
        Field("role", FieldType.TEXT, limit=200, property="schema:roleName", searched="C"),
        *PROVENANCE,
    ),
    rules=(in_order("from", "to"), not_same("subject", "object")),
)
