# SPDX-License-Identifier: AGPL-3.0-or-later
"""An element's card as JSON, made once when its record is taken in, so that an answer is put together and not encoded.

What the record's fields say is written when the row is made (`card_of`); which record says so is added when the row is
stored (`signed`). Together they are one `views.Item`, byte for byte as msgspec would encode it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from convergences_protocol.element import ElementId

from convergences_node.index.views import Card
from convergences_node.media.thumbs import thumb_of

_encode = msgspec.json.Encoder().encode


def card_of(
    element: ElementId,
    kind: str,
    title: str,
    fields: Mapping[str, Any],
    dates: tuple[int | None, int | None],
    recurring: bool,
    location: tuple[int, int] | None,
) -> str:
    """All of an element's card but for the record that says so."""
    get = fields.get
    card = Card(
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
    )
    return _encode(card).decode()


def signed(card: str, origin: str, index: int, time: int) -> str:
    """The whole of it. An origin has no sign that JSON would write differently."""
    return f'{card[:-1]},"origin":"{origin}","index":{index},"time":{time}}}'
