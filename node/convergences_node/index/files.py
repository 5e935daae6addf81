# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which files the elements name, as they stand: pictures and documents, by their digests."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from typing import Any

import msgspec

_decode = msgspec.json.Decoder(dict[str, Any]).decode

_NAMING = "SELECT e.id, s.fields FROM states s JOIN elements e USING (row) WHERE instr(s.fields, '\"digest\":') > 0"


def named_files(db: sqlite3.Connection, digests: Collection[str], but: bytes | None = None) -> set[str]:
    """Those of these digests that some element names; `but` is an element whose word is not heard.

    Reads through every record's text, and takes apart those that name a file: asked when something was erased.
    """
    wanted, found = set(digests), set[str]()
    if not wanted:
        return found
    for element, fields in db.execute(_NAMING):
        if element != but:
            found.update(wanted.intersection(_digests(_decode(fields))))
    return found


def _digests(value: object) -> Iterator[str]:
    """Every text under `digest`, however deep."""
    if isinstance(value, dict):
        for name, each in value.items():
            if name == "digest" and isinstance(each, str):
                yield each
            else:
                yield from _digests(each)
    elif isinstance(value, list):
        for each in value:
            yield from _digests(each)
