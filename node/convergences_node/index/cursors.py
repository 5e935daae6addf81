# SPDX-License-Identifier: AGPL-3.0-or-later
"""The place where a page of results ended, as an opaque text that the next page begins from.

A cursor holds the sort key of the last item shown, never a count of items: what is inserted or withdrawn meanwhile
neither repeats nor skips a result. It belongs to one question (a digest of it is inside) and is checked at the door: it
is not a secret and needs no signature, for it can name nothing that the question itself could not reach.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from convergences_node.index.query import Query

CURSOR_CHARS_MAX = 400
SECOND_MIN = -62_167_219_200
"""The first second of the year 0, the earliest that a date can name."""
SECOND_MAX = 253_402_300_799
"""The last second of the year 9999."""
INTEGER_MAX = (1 << 63) - 1


class Place(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """After which item the next page begins."""

    question: bytes
    key: int | str
    """The sort key of the last item: a second, a rank, a name."""
    row: int
    """Its row, which settles ties."""
    total: int
    exact: bool
    """How many matched when the first page was read: later pages say the same without counting again."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Place).decode


def question_digest(query: Query) -> bytes:
    """Eight bytes that stand for a question, whatever its page."""
    return hashlib.sha256(_encode(query.without_page())).digest()[:8]


def write(query: Query, key: int | str, row: int, total: int, exact: bool) -> str:
    """The cursor after an item."""
    place = Place(question_digest(query), key, row, total, exact)
    return base64.urlsafe_b64encode(_encode(place)).rstrip(b"=").decode()


def read(cursor: str) -> Place | None:
    """The place that a cursor names; None for anything that `write` did not make."""
    if len(cursor) > CURSOR_CHARS_MAX or not cursor.isascii():
        return None
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = _decode(data)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        return None
    numbers = [place.total, place.row, place.key if isinstance(place.key, int) else 0]
    return place if all(-INTEGER_MAX <= number <= INTEGER_MAX for number in numbers) else None


def belongs(cursor: str, query: Query) -> bool:
    """Whether `cursor` was made for this question."""
    place = read(cursor)
    return place is not None and place.question == question_digest(query)
