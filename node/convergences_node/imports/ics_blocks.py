# SPDX-License-Identifier: AGPL-3.0-or-later
"""An iCalendar file cut into its components (RFC 5545 section 3.4), one after the other, whatever its size.

Only the cutting is done here, on bytes: lines are unfolded before they are decoded, since a fold may stand in the
middle of a letter (section 3.1). A component that is never closed, or is longer than a component may be, costs itself.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from convergences_protocol.errors import Fault

BLOCK_BYTES_MAX = 1024 * 1024
"""An event whose picture is written into it; a record's body is at most 64 KiB."""
OUTER = "VCALENDAR"

_FOLD = re.compile(rb"\r?\n[ \t]")
_EDGE = re.compile(rb"(BEGIN|END):([A-Za-z0-9-]{1,60})[ \t]*\r?\n?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Block:
    """One component: its name, its text, the line it begins on. A calendar's own properties come with the name ``."""

    line: int
    name: str
    text: str
    fault: Fault | None = None


def blocks(file: BinaryIO, encoding: str) -> Iterator[Block]:
    """The components inside the calendars of a file, and those that stand alone."""
    cutter = _Cutter(encoding)
    for number, line in enumerate(iter(lambda: file.readline(BLOCK_BYTES_MAX), b""), 1):
        yield from cutter.take(number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line)
    yield from cutter.end()


class _Cutter:
    """Holds the lines of the component that is open."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._names: list[str] = []
        self._lines: list[bytes] = []
        self._bytes = 0
        self._line = 0

    def take(self, number: int, line: bytes) -> Iterator[Block]:
        edge = _EDGE.fullmatch(line)
        begins = edge is not None and edge[1].upper() == b"BEGIN"
        name = edge[2].decode().upper() if edge else ""
        # Nothing holds a calendar, and nothing that holds an event is another event: the one before was never closed.
        if begins and (name == OUTER or name in self._names):
            yield from self.end()
        if name == OUTER:
            return
        if not self._names and not begins:
            if edge is None:
                yield self._block(number, "", line)
            return
        if not self._names:
            self._line, self._lines, self._bytes = number, [], 0
        self._hold(line)
        if begins:
            self._names.append(name)
        elif edge is not None and name in self._names:
            del self._names[self._names.index(name) :]
            if not self._names:
                yield self._whole(name)

    def end(self) -> Iterator[Block]:
        """What is still open at the end is not whole."""
        if self._names:
            cut = Fault("row", "ics_open", {"name": self._names[0]})
            yield Block(self._line, self._names[0], "", cut)
        self._names = []

    def _hold(self, line: bytes) -> None:
        self._bytes += len(line)
        if self._bytes <= BLOCK_BYTES_MAX:
            self._lines.append(line)

    def _whole(self, name: str) -> Block:
        if self._bytes > BLOCK_BYTES_MAX:
            return Block(self._line, name, "", Fault("row", "row_too_long", {"limit": BLOCK_BYTES_MAX}))
        return self._block(self._line, name, b"".join(self._lines))

    def _block(self, number: int, name: str, data: bytes) -> Block:
        try:
            return Block(number, name, _FOLD.sub(b"", data).decode(self._encoding))
        except UnicodeError:
            return Block(number, name, "", Fault("row", "row_encoding", {"encoding": self._encoding}))
