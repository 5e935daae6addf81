# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes the golden vectors of records: `python -m tests.vectors.make_records` (`--check` only compares).

`records/README.md` says how another implementation would use the files.
"""

from __future__ import annotations

import sys

from tests.vectors import writing
from tests.vectors.signatures import signatures
from tests.vectors.unreadable_bodies import unreadable_bodies
from tests.vectors.unreadable_headers import bad_signatures, unreadable_headers
from tests.vectors.valid_records import valid
from tests.vectors.writing import Vector


def files() -> dict[str, list[Vector]]:
    """Every file's content, by name."""
    return {
        "valid.json": list(valid()),
        "unreadable-headers.json": [
            {"name": name, "note": note, "header": header.hex()} for name, note, header in unreadable_headers()
        ],
        "bad-signatures.json": [
            {"name": name, "note": note, "header": header.hex()} for name, note, header in bad_signatures()
        ],
        "signatures.json": list(signatures()),
        "unreadable-bodies.json": [
            {"name": name, "note": note, "header": record.header.hex(), "body": (record.body or b"").hex()}
            for name, note, record in unreadable_bodies()
        ],
    }


if __name__ == "__main__":
    sys.exit(writing.main("records", files()))
