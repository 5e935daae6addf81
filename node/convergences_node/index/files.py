# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which files the elements name, as they stand: pictures and documents, by their digests."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from typing import Any

import msgspec

from convergences_node.index.row import territory_of_id

_decode = msgspec.json.Decoder(dict[str, Any]).decode

_NAMING = "SELECT e.id, s.fields FROM filed f CROSS JOIN states s USING (row) CROSS JOIN elements e USING (row)"


def named_files(db: sqlite3.Connection, digests: Collection[str], but: bytes | None = None) -> set[str]:
    """Those of these digests that some element names; `but` is an element whose word is not heard."""
    wanted, found = set(digests), set[str]()
    if not wanted:
        return found
    for element, fields in db.execute(_NAMING):
        if element != but:
            found.update(wanted.intersection(digest for digest, _ in _files(_decode(fields))))
    return found


def files_named(db: sqlite3.Connection, territory: str | None = None) -> dict[str, int]:
    """Every file that some element (of one territory) names, with the size that it says, the latest record's first."""
    found: dict[str, int] = {}
    for element, fields in db.execute(f"{_NAMING} ORDER BY row DESC"):
        if territory is not None and territory_of_id(element) != territory:
            continue
        for digest, size in _files(_decode(fields)):
            found.setdefault(digest, size)
    return found


def _files(value: object) -> Iterator[tuple[str, int]]:
    """Every `digest` with the `bytes` beside it, however deep."""
    if isinstance(value, dict):
        digest, size = value.get("digest"), value.get("bytes")
        if isinstance(digest, str) and isinstance(size, int):
            yield digest, size
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        if isinstance(each, dict | list):
            yield from _files(each)
