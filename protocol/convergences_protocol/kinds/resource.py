# SPDX-License-Identifier: AGPL-3.0-or-later
"""Resources (*ressources*): what actors can and have, and may offer to each other or need: a skill, some equipment.

Who offers it and who needs it are relations, which begin and end; the resource itself is named once for all of them.
"""

from __future__ import annotations

from .field import Field, FieldType
from .kind import Kind
from .shared import DESCRIPTION, NAME, OTHER_NAMES, PROVENANCE, SUMMARY, THEMES, WEBSITE

KIND = Kind(
    name="resource",
    rdf_class="pair:Resource",
    title_field="name",
    fields=(
        NAME,
        Field(
            "type",
            FieldType.TERM,
            required=True,
            terms=("skill", "equipment", "other"),
            term_iris={"skill": "pair:Skill", "equipment": "pair:AtomBasedResource"},
            property="pair:hasType",
            facet=True,
        ),
        OTHER_NAMES,
        SUMMARY,
        DESCRIPTION,
        THEMES,
        WEBSITE,
        *PROVENANCE,
    ),
)
