# SPDX-License-Identifier: AGPL-3.0-or-later
"""SQLite without its locks and without counting its memory, for a process in which one thread alone uses it.

By itself SQLite takes a lock for every value that is bound and every row that is stepped to, and another to count each
block of memory (sqlite.org/threadsafe.html, "Multi-thread"; sqlite.org/c3ref/c_config_covering_index_scan.html,
"SQLITE_CONFIG_MEMSTATUS"). A process that indexes a backlog does both some hundred times a record, and nobody else is
there to be locked out. In multi-thread mode connections may still be in several threads, each in one.

SQLite takes such a wish only before its first use, and Python has no word for it: the library is asked by its own name
for it, through Python's extension, so that it is the same one. Where that cannot be, all is as ever.
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from contextlib import suppress

_MULTITHREAD, _MEMSTATUS = 2, 9
"""From sqlite3.h"""
_OK = 0


def use_without_locks() -> bool:
    """From now on, in this process. Whether it is so: False if SQLite was used before, or cannot be asked."""
    if "_sqlite3" in sys.modules:
        return False  # Python starts SQLite when it loads it
    found = importlib.util.find_spec("_sqlite3")
    with suppress(OSError, AttributeError, TypeError):  # built in, or with its SQLite out of sight
        configure = ctypes.CDLL(found.origin if found else None).sqlite3_config
        return bool(configure(_MULTITHREAD) == _OK and configure(_MEMSTATUS, 0) == _OK)
    return False
