# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a node has let go of is the system's again, and looking for it costs little."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import os, threading
from pathlib import Path
from convergences_node.allocating import keep_little

def resident_mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20

def work():
    for _ in range(3):
        bytearray(os.urandom(1) * (20 << 20))

knows = keep_little()
before = resident_mib()
turn = threading.Barrier(6)
def worker():
    turn.wait()
    work()
threads = [threading.Thread(target=worker) for _ in range(6)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(knows, resident_mib() - before, os.environ["MALLOC_ARENA_MAX"])
"""


def test_large_blocks_of_many_threads_are_given_back() -> None:
    """Six threads take 20 MiB three times each: without a fixed threshold each would keep its last ones."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    knows, kept, heaps = done.stdout.split()
    if knows != "True":
        pytest.skip("the C library here is not glibc")
    assert int(kept) < 20
    assert heaps == "2", "what the node starts is told as well"


BETWEEN = """
import ctypes, os
from pathlib import Path
from convergences_node.allocating import give_back, keep_little

def resident_mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20

keep_little()
c = ctypes.CDLL(None)
c.malloc.restype, c.malloc.argtypes, c.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
before = resident_mib()
blocks = []
for n in range(4_000):
    blocks.append(c.malloc(16_000))
    ctypes.memset(blocks[-1], 1, 16_000)
for n, block in enumerate(blocks):
    if n % 100 != 99:
        c.free(block)
kept = resident_mib() - before
knows = give_back()
print(knows, kept, resident_mib() - before)
"""


def test_what_lies_free_between_what_is_in_use_is_given_back_when_asked() -> None:
    """Sixty MiB, of which one block in a hundred stays: the last one keeps all that lies before it."""
    done = subprocess.run([sys.executable, "-c", BETWEEN], capture_output=True, text=True, check=True)
    knows, before, after = done.stdout.split()
    if knows != "True":
        pytest.skip("the C library here is not glibc")
    assert int(before) > 50
    assert int(after) < 10


SELDOM = """
import gc
from convergences_node.allocating import collect_seldom

class Node:
    pass

def knot():
    one = Node()
    one.itself = one

knot()
collect_seldom()
looked_through = len(gc.get_objects())
looks = []
gc.callbacks.append(lambda phase, info: looks.append(info["generation"]) if phase == "stop" else None)
batch = [(number,) for number in range(5_000)]
of_a_batch = len(looks)
for _ in range(50_000):
    knot()
left = sum(isinstance(one, Node) for one in gc.get_objects())
print(gc.get_freeze_count(), looked_through, of_a_batch, left)
"""


def test_what_is_there_when_a_node_is_ready_is_not_looked_through_again_and_new_cycles_are_found() -> None:
    done = subprocess.run([sys.executable, "-c", SELDOM], capture_output=True, text=True, check=True)
    frozen, looked_through, of_a_batch, left = map(int, done.stdout.split())
    assert frozen > 10 * looked_through
    assert of_a_batch == 0, "a batch is no reason to look"
    assert left <= 10_000 + 10
