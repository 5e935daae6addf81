# SPDX-License-Identifier: AGPL-3.0-or-later
"""A JSON document (RFC 8259) seen through a window that slides forward, so that its size does not matter.

`Window` takes one value at a time; `items` walks a document down to the list that its rows are in, and keeps what
stands beside that list, which often says how to read it. Only one item, and a few chunks, are ever in memory.
"""

import codecs
import json
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from convergences_protocol.errors import Fault

from .rows import Dialect
from .text import LINE_CHARS_MAX, UNDECODED

CHUNK_BYTES = 64 * 1024
HEAD_CHARS_MAX = 8 * LINE_CHARS_MAX
"""What stands beside the list: a title, a licence, a page of a collection."""
HEAD_KEYS_MAX = 200
LISTS = ("features", "elements", "results", "data", "events", "items", "orderedItems", "records", "ldp:contains")
"""The names under which the documents that we know keep their list."""

_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class Item:
    """A value of the list, with the line it begins on and what was said before the list."""

    line: int
    value: Any
    head: dict[str, Any]
    fault: Fault | None = None
    whole: bool = False
    """Whether this is no item of a list but the whole document, an object."""


class Broken(Exception):  # noqa: N818 - says what the document is
    """The document is not JSON from here on, or not one that may be read."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


def no_constant(name: str) -> None:
    """Refuses NaN and Infinity, which Python reads and RFC 8259 does not have."""
    raise ValueError(f"{name} is not JSON")


def items(file: BinaryIO, dialect: Dialect) -> Iterator[Item]:
    """The items of the document's list, or the document itself as one item if it is an object without a list."""
    window = Window(file, dialect.encoding)
    head: dict[str, Any] = {}
    try:
        yield from _document(window, head, (dialect.sheet,) if dialect.sheet else LISTS)
    except Broken as broken:
        # Past a broken value nothing tells where the next one begins.
        yield Item(window.line, None, head, broken.fault)


def _document(window: "Window", head: dict[str, Any], lists: tuple[str, ...]) -> Iterator[Item]:
    line, sign = window.line, window.peek()
    if sign == "[":
        yield from _list(window, head)
    elif sign == "{":
        found = yield from _object(window, head, lists)
        if not found:
            yield Item(line, head, {}, whole=True)
    else:
        window.take(LINE_CHARS_MAX)
        yield Item(line, None, head, Fault("row", "json_no_list"))
    if window.peek():
        raise Broken(_broken("something follows the end of the document"))


def _object(window: "Window", head: dict[str, Any], lists: tuple[str, ...]) -> Generator[Item, None, bool]:
    """The members of an object: the first list of a known name is walked, the others are kept in `head`."""
    found = False
    window.expect("{")
    if window.peek() == "}":
        window.expect("}")
        return found
    while True:
        name = window.take(LINE_CHARS_MAX)
        if not isinstance(name, str):
            raise Broken(_broken("a member's name is not a text"))
        window.expect(":")
        if name in lists and not found and window.peek() == "[":
            found = True
            yield from _list(window, head)
        else:
            value = window.take(HEAD_CHARS_MAX)
            if len(head) < HEAD_KEYS_MAX:
                head[name] = value
        if window.expect(",}") == "}":
            return found


def _list(window: "Window", head: dict[str, Any]) -> Iterator[Item]:
    window.expect("[")
    if window.peek() == "]":
        window.expect("]")
        return
    while True:
        window.peek()
        line = window.line
        value, fault = window.item()
        yield Item(line, value, head, fault)
        if not window.peek():
            raise Broken(Fault("row", "json_cut"))
        if window.expect(",]") == "]":
            return


def _broken(reason: str) -> Fault:
    return Fault("row", "json_broken", {"reason": reason[:200]})


class Window:
    """A stretch of the document's text that slides forward."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        multibyte = encoding.replace("_", "-").startswith(("utf-16", "utf-32"))
        self._strange = frozenset("\ufffd" if multibyte else UNDECODED)
        self._encoding = encoding
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)("replace" if multibyte else "surrogateescape")
        self._json = json.JSONDecoder(parse_constant=no_constant)
        self._text = ""
        self._at = 0
        self._ended = False
        self.line = 1
        self._more()
        self._text = self._text.removeprefix("\ufeff")

    def peek(self) -> str:
        """The next sign that is not white space; empty at the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            self._move(match.end() if match else self._at)
            if self._at < len(self._text) or self._ended:
                return self._text[self._at : self._at + 1]
            self._more()

    def expect(self, signs: str) -> str:
        """Pass over one of these signs, and say which. Raises `Broken`."""
        sign = self.peek()
        if not sign or sign not in signs:
            raise Broken(_broken(f"{' or '.join(signs)} expected") if sign else Fault("row", "json_cut"))
        self._move(self._at + 1)
        return sign

    def take(self, chars_max: int) -> Any:
        """The next value, whole. Raises `Broken`."""
        value, fault = self._value(chars_max)
        if fault:
            raise Broken(fault)
        return value

    def item(self) -> tuple[Any, Fault | None]:
        """The next value of a list; one that holds what no text can hold costs only itself. Raises `Broken`."""
        return self._value(LINE_CHARS_MAX)

    def _value(self, chars_max: int) -> tuple[Any, Fault | None]:
        self.peek()
        value, end = self._decode(chars_max)
        text = self._text[self._at : end]
        self._move(end)
        if not text.isascii() and not self._strange.isdisjoint(text):
            return None, Fault("row", "row_encoding", {"encoding": self._encoding})
        return value, None

    def _decode(self, chars_max: int) -> tuple[Any, int]:
        """The value at the window's beginning and where it ends, reading on until it is whole."""
        while True:
            waiting = len(self._text) - self._at
            try:
                value, end = self._json.raw_decode(self._text, self._at)
                # A number at the very end may go on in the next chunk.
                if end < len(self._text) or self._ended:
                    return value, end
            except RecursionError:
                raise Broken(_broken("lists within lists, too deep")) from None
            except ValueError as error:
                if self._ended:
                    raise Broken(_broken(str(error))) from None
            if waiting > chars_max:
                raise Broken(Fault("row", "row_too_long", {"limit": chars_max}))
            # Twice as much each time: a large object is not parsed again for every chunk.
            for _ in range(max(1, waiting // CHUNK_BYTES)):
                self._more()

    def _move(self, at: int) -> None:
        self.line += self._text.count("\n", self._at, at)
        self._at = at

    def _more(self) -> None:
        """Read one more chunk and let go of what was read before."""
        chunk = self._file.read(CHUNK_BYTES)
        self._ended = not chunk
        self._text = self._text[self._at :] + self._decoder.decode(chunk, final=self._ended)
        self._at = 0
