# SPDX-License-Identifier: AGPL-3.0-or-later
"""What an element's page shows, of one moment: the element, what is related to it, what is published on it.

Its own relations are in all three, and are read once.
"""

from __future__ import annotations

import sqlite3

from convergences_protocol.element import ElementId
from msgspec.structs import replace

from convergences_node.index.element import Near, element_view, near, walk
from convergences_node.index.folding import Groups, same_as
from convergences_node.index.known import Known
from convergences_node.index.published import Bulletin, Published, published_on_what
from convergences_node.index.views import ElementView, Walk


def view_of(
    db: sqlite3.Connection,
    element: ElementId,
    known: Known,
    groups: Groups,
    at: str | None = None,
    around: Near | None = None,
) -> ElementView | None:
    """An element with its relations and with what is the same; `groups` are elements that are one."""
    view = element_view(db, element, known, at, around)
    return replace(view, same=same_as(db, str(element), groups)) if view and groups else view


def surroundings_of(
    db: sqlite3.Connection,
    element: ElementId,
    known: Known,
    groups: Groups,
    bulletin: Bulletin,
    *,
    at: str | None,
    depth: int,
    most: int,
) -> tuple[ElementView | None, Walk, Published]:
    """All three: the walk of so many steps at a date, and at most so many publications."""
    around = near(db, element, known, at)
    view, walked = view_of(db, element, known, groups, at, around), walk(db, element, known, at, depth, around)
    if view is None:
        return None, walked, Published()
    return view, walked, published_on_what(db, element, view.item.kind, view.fields, known, bulletin, most)
