# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rows of the index as what a list shows of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from convergences_node.index.row import element_of, plan_of
from convergences_node.index.views import Item

_ROW = (
    "SELECT e.row, e.id, e.kind, l.origin, e.idx, e.first, e.last, e.recurs, e.lat, e.lon, s.time, s.fields"
    " FROM elements e JOIN states s USING (row) JOIN logs l USING (log)"
)


class _Card(msgspec.Struct):
    """The fields that a card shows, whatever the kind; the others are skipped over in C."""

    name: str | None = None
    type: str | None = None
    summary: str | None = None
    themes: tuple[str, ...] = ()
    start: str | None = None
    end: str | None = None
    published: str | None = None
    status: str | None = None
    address: str | None = None
    locality: str | None = None
    town: str | None = None
    website: str | None = None


_decode = msgspec.json.Decoder(_Card).decode


def items_of(db: sqlite3.Connection, rows: Sequence[int], window: tuple[int, int] | None = None) -> list[Item]:
    """The items of these rows, in their order. In a window, a recurring action shows its next occurrence."""
    marks = ", ".join("?" * len(rows))
    found = {row[0]: row for row in db.execute(f"{_ROW} WHERE e.row IN ({marks})", rows)}
    return [_item(db, found[row], window) for row in rows if row in found]


def _item(db: sqlite3.Connection, row: tuple[Any, ...], window: tuple[int, int] | None) -> Item:
    number, id_, kind, origin, index, first, last, recurs, lat, lon, time, fields = row
    card = _decode(fields)
    if recurs and window is not None:
        next_one = db.execute(
            "SELECT first, last FROM occurrences WHERE row = ? AND first <= ? AND last >= ? ORDER BY first LIMIT 1",
            (number, window[1], window[0]),
        ).fetchone()
        first, last = next_one or (first, last)
    element = element_of(id_)
    return Item(
        id=str(element),
        kind=kind,
        type=card.type,
        name=card.name or _title(kind, fields),
        territory=element.territory,
        origin=origin,
        index=index,
        time=time,
        summary=card.summary,
        themes=card.themes,
        start=card.start or card.published,
        end=card.end,
        first=first,
        last=last,
        recurring=bool(recurs),
        status=card.status,
        location=None if lat is None else (lat, lon),
        address=card.address,
        locality=card.locality,
        town=card.town,
        website=card.website,
    )


def _title(kind: str, fields: str) -> str:
    """The title of a kind whose title field is not called `name`."""
    title = plan_of(kind).title
    return str(msgspec.json.decode(fields).get(title, "")) if title and title != "name" else ""
