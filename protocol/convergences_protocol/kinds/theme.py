# SPDX-License-Identifier: AGPL-3.0-or-later
"""Themes (*thématiques*): a tree. Its base is in the agglomeration's log, towns hang their own branches under it."""

from __future__ import annotations

from .field import Field, FieldType
from .kind import Kind, shaped
from .shared import DESCRIPTION, NAME, OTHER_NAMES, PROVENANCE

KIND = Kind(
    name="theme",
    rdf_class="pair:Theme",
    title_field="name",
    fields=(
        NAME,
        OTHER_NAMES,
        # PAIR's ontology lacks `broader`; Archipelago, which reads our trees, uses it in PAIR's namespace.
        Field("broader", FieldType.ELEMENT, targets=("theme",), property="pair:broader"),
        DESCRIPTION,
        Field("colour", FieldType.TEXT, limit=7, property="schema:color"),
        *PROVENANCE,
    ),
    rules=(shaped("colour", "#[0-9a-f]{6}"),),
)
