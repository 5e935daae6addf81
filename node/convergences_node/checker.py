# SPDX-License-Identifier: AGPL-3.0-or-later
"""A process that checks signatures, and knows nothing else: `python -m convergences_node.checker`.

It is there in a few hundredths of a second, because it loads nothing but what checks a signature and how a header is
framed; every millisecond of its start is one that a backlog does not get. On its standard input come portions: how many
headers, the length of each, and the headers. On its standard output goes a byte a header, 1 if its signature verifies;
before all that one byte, to say that it is there. It ends with its input, so it ends with the node, however that ends.
"""

from __future__ import annotations

import os
import signal
import sys
from array import array
from collections.abc import Sequence

from convergences_protocol.framing import signature_valid

READY = b"\x01"
NICE = 5
"""Below the node itself, which residents wait for."""
COUNT_BYTES, LENGTH_BYTES = 4, 2


def portion(headers: Sequence[bytes]) -> list[bytes]:
    """What is sent of these headers, each of which is framed: shorter than `framing.HEADER_BYTES_MAX`."""
    return [len(headers).to_bytes(COUNT_BYTES, sys.byteorder), array("H", map(len, headers)).tobytes(), *headers]


def main() -> None:
    """Answer portions until there are no more."""
    os.nice(NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever interrupts the terminal means the node
    take, give = sys.stdin.buffer, sys.stdout.buffer
    give.write(READY)
    give.flush()
    while count := take.read(COUNT_BYTES):
        lengths = array("H", take.read(LENGTH_BYTES * int.from_bytes(count, sys.byteorder)))
        headers = take.read(sum(lengths))
        give.write(_verdicts(headers, lengths))
        give.flush()


def _verdicts(headers: bytes, lengths: Sequence[int]) -> bytes:
    found = bytearray()
    start = 0
    for length in lengths:
        found.append(signature_valid(headers[start : start + length]))
        start += length
    return bytes(found)


if __name__ == "__main__":
    main()
