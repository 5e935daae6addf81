# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rows of the index as what a list shows of them: their cards, which were made when their records were taken in.

`cards_of` gives them as JSON, to be sent as they are; `items_of` gives the same as objects, for whoever looks at them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from convergences_protocol.element import ElementId

from convergences_node.index.row import id_of
from convergences_node.index.views import Item

_SELECT = "SELECT CAST(group_concat(c.card) AS BLOB) FROM json_each(?) j CROSS JOIN cards c ON c.row = j.value"
"""As bytes: to make a text of twelve kilobytes of UTF-8, and bytes of that again, is half of what it costs to read."""
_NAMED = "SELECT group_concat(c.card) FROM elements e CROSS JOIN cards c USING (row) WHERE e.id IN"
AT_ONCE = 250
"""Ids asked for in one statement."""
_RECURS = b'"recurring":true'
"""Stands in the card of what recurs, and in no other: within a text JSON writes quotes differently."""
_NEXT = """
    SELECT o.first, o.last FROM elements e JOIN occurrences o ON o.row = e.row
    WHERE e.id = ? AND o.first <= ? AND o.last >= ? ORDER BY o.first LIMIT 1
"""
_decode = msgspec.json.Decoder(list[Item]).decode
_encode = msgspec.json.Encoder().encode


def items_of(db: sqlite3.Connection, rows: Sequence[int], window: tuple[int, int] | None = None) -> list[Item]:
    """The items of these rows, in their order. In a window, a recurring action shows its next occurrence."""
    items = _decode(b"[%b]" % _cards(db, rows))
    if window is None:
        return items
    return [_in_window(db, item, window) if item.recurring else item for item in items]


def items_named(db: sqlite3.Connection, ids: Iterable[bytes]) -> Iterator[Item]:
    """The items of the elements with these ids, of those that are here, in no order."""
    every = list(ids)
    for start in range(0, len(every), AT_ONCE):
        some = every[start : start + AT_ONCE]
        (cards,) = db.execute(f"{_NAMED} ({', '.join('?' * len(some))})", some).fetchone()
        yield from _decode(f"[{cards or ''}]")


def cards_of(db: sqlite3.Connection, rows: Sequence[int], window: tuple[int, int] | None = None) -> msgspec.Raw:
    """The same as JSON."""
    cards = _cards(db, rows)
    if window is not None and _RECURS in cards:
        return msgspec.Raw(_encode(items_of(db, rows, window)))
    return msgspec.Raw(b"[%b]" % cards)


def _cards(db: sqlite3.Connection, rows: Sequence[int]) -> bytes:
    (cards,) = db.execute(_SELECT, (f"[{', '.join(map(str, rows))}]",)).fetchone()
    return cards or b""


def _in_window(db: sqlite3.Connection, item: Item, window: tuple[int, int]) -> Item:
    first, last = window
    found = db.execute(_NEXT, (id_of(ElementId.parse(item.id)), last, first)).fetchone()
    return msgspec.structs.replace(item, first=found[0], last=found[1]) if found else item
