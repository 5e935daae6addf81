# SPDX-License-Identifier: AGPL-3.0-or-later
"""The physical limits beside which replication is judged: checking signatures, and inserting the same rows.

Both do only the bare work, in this process, over the very headers and bodies that the backlog holds.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from convergences_protocol.record import signature_valid

ROWS_A_TRANSACTION = 1_000
THREADS = 2


def verify_in_two_threads(headers: Sequence[bytes]) -> float:
    """Headers a second whose COSE_Sign1 signatures PyNaCl checks in two threads."""
    halves = [headers[0::2], headers[1::2]]
    start = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        good = sum(pool.map(lambda half: sum(map(signature_valid, half)), halves))
    if good != len(headers):
        raise RuntimeError(f"{len(headers) - good} of {len(headers)} signatures do not verify")
    return len(headers) / (time.perf_counter() - start)


def insert_rows(path: Path, headers: Sequence[bytes], bodies: Sequence[bytes]) -> float:
    """Rows a second that SQLite inserts durably (WAL, synchronous=FULL), a thousand a transaction, without an index."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE record (number INTEGER PRIMARY KEY, header BLOB NOT NULL, body BLOB NOT NULL) STRICT")
    rows = list(zip(range(len(headers)), headers, bodies, strict=True))
    start = time.perf_counter()
    for first in range(0, len(rows), ROWS_A_TRANSACTION):
        db.execute("BEGIN")
        db.executemany("INSERT INTO record VALUES (?, ?, ?)", rows[first : first + ROWS_A_TRANSACTION])
        db.execute("COMMIT")
    elapsed = time.perf_counter() - start
    db.close()
    return len(rows) / elapsed
