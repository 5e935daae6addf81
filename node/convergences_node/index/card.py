# SPDX-License-Identifier: AGPL-3.0-or-later
"""An element's card as JSON, made once when its record is read, so that an answer is put together and not encoded: what
the record's fields say, and which record says so, as one `views.Item`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from convergences_protocol.element import ElementId

from convergences_node.index.views import Item
from convergences_node.media.thumbs import thumb_of

_encode = msgspec.json.Encoder().encode


class SaidBy(NamedTuple):
    """The record that says what a card shows: its log, its number there, and its author's clock."""

    origin: str
    number: int
    time: int


def card_of(
    element: ElementId,
    kind: str,
    title: str,
    fields: Mapping[str, Any],
    dates: tuple[int | None, int | None],
    recurring: bool,
    location: tuple[int, int] | None,
    said_by: SaidBy,
) -> bytes:
    """An element's card."""
    get = fields.get
    card = Item(
        id=str(element),
        kind=kind,
        type=get("type"),
        name=title,
        territory=element.territory,
        summary=get("summary"),
        themes=get("themes", ()),
        start=get("start") or get("published"),
        end=get("end"),
        first=dates[0],
        last=dates[1],
        recurring=recurring,
        status=get("status"),
        location=location,
        address=get("address"),
        locality=get("locality"),
        town=get("town"),
        website=get("website"),
        picture=thumb_of(kind, fields),
        origin=said_by.origin,
        index=said_by.number,
        time=said_by.time,
    )
    return _encode(card)
