# SPDX-License-Identifier: AGPL-3.0-or-later
"""What becomes of memory that the node has let go of: little is kept, for a Pi has little, and it is seldom looked for.

glibc (mallopt(3)) gives a large block back to the system when it is freed, and keeps the next one of that size, in each
thread's own heap: after forty guesses of a password, at 19 MiB each and one at a time, a node held 134 MiB more than
before, and after a crowd at its door 190. With a fixed threshold it is given back each time, and two heaps are enough
for as many processors' worth of threads that mostly wait for each other.

What lies free between two blocks that are in use is given back when the node asks for it: once an index was made
again, which leaves much of that, and where nothing has come to be indexed for a while.

Processes that the node starts are told by their environment. Where the C library is another one, nothing is done.
"""

from __future__ import annotations

import ctypes
import gc
import os

LARGE_BYTES = 1 << 20
"""From here on a block is the system's again as soon as it is freed. Frames and batches are smaller, and stay."""
KEPT_BYTES = 1 << 20
"""What may stay free at the end of a heap."""
HEAPS = 2

OBJECTS_BETWEEN_COLLECTIONS = 10_000
"""New objects, less those that went by themselves, between two looks for cycles; by default 700."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""From malloc.h."""
_SETTINGS = (
    (_MMAP_THRESHOLD, "MALLOC_MMAP_THRESHOLD_", LARGE_BYTES),
    (_TRIM_THRESHOLD, "MALLOC_TRIM_THRESHOLD_", KEPT_BYTES),
    (_ARENA_MAX, "MALLOC_ARENA_MAX", HEAPS),
)


def keep_little() -> bool:
    """From now on, here and in what is started from here. Whether the C library knows how."""
    for _, name, value in _SETTINGS:
        os.environ.setdefault(name, str(value))
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(number, value) for number, _, value in _SETTINGS)


def give_back() -> bool:
    """Give the system all that lies free in the heaps (malloc_trim(3)). Whether the C library knows how."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is None:
        return False
    trim(0)  # whether anything was given back says nothing of whether there was anything
    return True


def collect_seldom(objects: int = OBJECTS_BETWEEN_COLLECTIONS) -> None:
    """From now on look for cycles once in so many new objects, and no longer among what is there now: once a node is
    ready, that stays.

    A batch makes some thousands of objects in no cycle; by default all that the program consists of would be looked
    through for them again and again, a tenth of a backlog's time, and each time a page waits for it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(objects)
