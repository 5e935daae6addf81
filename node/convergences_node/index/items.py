# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rows of the index as what a list shows of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from convergences_node.index.row import element_of, plan_of
from convergences_node.index.views import Item

# Each row as the text of a JSON array, with the fields in it as they are stored. Ids are in hexadecimal, kinds and
# origins have no sign that JSON would write differently.
_SELECT = """
    SELECT group_concat(
        '[' || e.row || ',"' || hex(e.id) || '","' || e.kind || '","' || l.origin || '",' || e.idx
        || ',' || coalesce(e.first, 'null') || ',' || coalesce(e.last, 'null') || ',' || e.recurs
        || ',' || coalesce(e.lat, 'null') || ',' || coalesce(e.lon, 'null') || ',' || s.time || ',' || s.fields || ']'
    )
    FROM json_each(?) j CROSS JOIN elements e ON e.row = j.value JOIN states s ON s.row = e.row
    JOIN logs l ON l.log = e.log
"""


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


_Row = tuple[int, str, str, str, int, int | None, int | None, int, int | None, int | None, int, _Card]
_decode = msgspec.json.Decoder(list[_Row]).decode


def items_of(db: sqlite3.Connection, rows: Sequence[int], window: tuple[int, int] | None = None) -> list[Item]:
    """The items of these rows, in their order. In a window, a recurring action shows its next occurrence."""
    (found,) = db.execute(_SELECT, (f"[{', '.join(map(str, rows))}]",)).fetchone()
    return [_item(db, row, window) for row in _decode(f"[{found}]")] if found else []


def _item(db: sqlite3.Connection, row: _Row, window: tuple[int, int] | None) -> Item:
    number, id_, kind, origin, index, first, last, recurs, lat, lon, time, card = row
    if recurs and window is not None:
        next_one = db.execute(
            "SELECT first, last FROM occurrences WHERE row = ? AND first <= ? AND last >= ? ORDER BY first LIMIT 1",
            (number, window[1], window[0]),
        ).fetchone()
        first, last = next_one or (first, last)
    element = element_of(bytes.fromhex(id_))
    return Item(
        id=str(element),
        kind=kind,
        type=card.type,
        name=card.name or _title(db, number, kind),
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
        location=None if lat is None or lon is None else (lat, lon),
        address=card.address,
        locality=card.locality,
        town=card.town,
        website=card.website,
    )


def _title(db: sqlite3.Connection, row: int, kind: str) -> str:
    """The title of a kind whose title field is not called `name`."""
    title = plan_of(kind).title
    if not title or title == "name":
        return ""
    (fields,) = db.execute("SELECT fields FROM states WHERE row = ?", (row,)).fetchone()
    return str(msgspec.json.decode(fields).get(title, ""))
