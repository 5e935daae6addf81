# SPDX-License-Identifier: AGPL-3.0-or-later
"""The two ends of a conversation about one log: the town that writes it, and whoever keeps a copy."""

from __future__ import annotations

from collections.abc import Sequence

from convergences_protocol.keys import SigningKey

from tests.protocol.replication.pair import KEY, ORIGIN, End, grow, records, tell

OTHER = SigningKey.from_seed(b"somebody else's key, of 32 bytes")
THIRD = SigningKey.from_seed(b"a third party's key, of 32 bytes")


def new_town(count: int = 0) -> End:
    """The author of the log, with so many records in it."""
    town = End("town", KEY.public, own=True)
    if count:
        grow(town, records(count))
    tell(town)
    return town


def new_agglo(count: int = 0) -> End:
    """Who keeps a copy, of so many records."""
    agglo = End("agglo", OTHER.public)
    if count:
        grow(agglo, records(count))
    tell(agglo)
    return agglo


def size_of(end: End) -> int:
    """How many records of the log it has."""
    return end.archive.log(ORIGIN).size


def signed(made: Sequence[tuple[bytes, bytes | None]]) -> bytes:
    """The note of the head that covers exactly these records."""
    return grow(End("author", KEY.public, own=True), made).note
