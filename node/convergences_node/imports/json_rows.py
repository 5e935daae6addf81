# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rows of JSON files: one object a line (NDJSON), a list of objects, or a GeoJSON FeatureCollection (RFC 7946).

A list is read through a sliding window, so that its size does not matter; only one object is ever in memory. Nested
objects become columns named `outer.inner`; a feature's point becomes the columns `lon` and `lat`.
"""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from convergences_protocol.errors import Fault

from .rows import Dialect, Row
from .text import LINE_CHARS_MAX, read_lines

CHUNK_BYTES = 64 * 1024
GAP = re.compile(r"[\ufeff \t\r\n,]*")
NESTING_MAX = 4
"""Columns deeper than that are not columns."""


def read_ndjson(file: BinaryIO, dialect: Dialect) -> Iterator[Row]:
    """One object a line; empty lines are passed over."""
    for line in read_lines(file, dialect.encoding):
        text = line.text.strip("\ufeff \t\r\n")
        if line.fault:
            yield Row(line.number, {}, line.fault)
        elif text:
            yield _parse(line.number, text)


def _parse(number: int, text: str) -> Row:
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        return Row(number, {}, Fault("row", "row_not_json", {"reason": str(error)[:200]}))
    return _row(number, value)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _row(number: int, value: Any) -> Row:
    if not isinstance(value, dict):
        return Row(number, {}, Fault("row", "row_not_an_object", {"found": type(value).__name__}))
    if value.get("type") == "Feature" and isinstance(value.get("properties"), dict):
        value = _feature(value)
    return Row(number, _flat(value))


def _feature(value: dict[str, Any]) -> dict[str, Any]:
    """A feature's properties, its id, and where it is if it is a point."""
    columns: dict[str, Any] = {"id": value.get("id"), **value["properties"]}
    geometry = value.get("geometry")
    if isinstance(geometry, dict) and geometry.get("type") == "Point":
        coordinates = geometry.get("coordinates")
        if isinstance(coordinates, list) and len(coordinates) >= 2:
            columns.setdefault("lon", coordinates[0])
            columns.setdefault("lat", coordinates[1])
    return columns


def _flat(value: dict[str, Any], prefix: str = "", depth: int = 1) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, inner in value.items():
        if isinstance(inner, dict) and depth < NESTING_MAX:
            columns.update(_flat(inner, f"{prefix}{name}.", depth + 1))
        else:
            columns[prefix + name] = inner
    return columns


def read_json(file: BinaryIO, dialect: Dialect) -> Iterator[Row]:
    """The objects of a list, or of the list named `features`, `elements`, `results` or `data` of one object."""
    window = _Window(file, dialect.encoding)
    if not window.enter_list():
        yield Row(1, {}, Fault("row", "json_no_list"))
        return
    decoder = json.JSONDecoder(parse_constant=_no_constant)
    while window.at_object():
        line = window.line
        try:
            value = window.take(decoder)
        except (ValueError, RecursionError) as error:
            # Past a broken object nothing tells where the next one begins.
            yield Row(line, {}, Fault("row", "json_broken", {"reason": str(error)[:200]}))
            return
        yield _row(line, value)
    if not window.closed():
        yield Row(window.line, {}, Fault("row", "json_cut"))


class _Window:
    """A stretch of the document's text that slides forward; at most one object and a few chunks long."""

    LISTS = ('"features"', '"elements"', '"results"', '"data"')

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        self._text = ""
        self._at = 0
        self._ended = False
        self.line = 1

    def enter_list(self) -> bool:
        """Move just inside the list; the list of an object must begin within the first stretch."""
        while not self._ended and len(self._text) < LINE_CHARS_MAX // 2:
            self._more()
        start = self._text.lstrip("\ufeff \t\r\n")
        where = self._text.find("[") if start.startswith("[") else self._named_list()
        if where < 0:
            return False
        self._move(where + 1)
        return True

    def _named_list(self) -> int:
        for name in self.LISTS:
            found = self._text.find(name)
            if found >= 0:
                bracket = self._text.find("[", found)
                if self._text[found + len(name) : bracket].strip() == ":":
                    return bracket
        return -1

    def at_object(self) -> bool:
        """Skip to the next value of the list; False at the list's or the file's end."""
        while True:
            match = GAP.match(self._text, self._at)
            self._move(match.end() if match else self._at)
            if self._at < len(self._text):
                return self._text[self._at] != "]"
            if self._ended:
                return False
            self._more()

    def closed(self) -> bool:
        return self._text.startswith("]", self._at)

    def take(self, decoder: json.JSONDecoder) -> Any:
        """The value at the window's beginning, reading on until it is whole."""
        while True:
            try:
                value, end = decoder.raw_decode(self._text, self._at)
            except ValueError:
                waiting = len(self._text) - self._at
                if self._ended or waiting > LINE_CHARS_MAX:
                    raise
                # Twice as much each time: a large object is not parsed again for every chunk.
                for _ in range(max(1, waiting // CHUNK_BYTES)):
                    self._more()
                continue
            self._move(end)
            return value

    def _move(self, at: int) -> None:
        self.line += self._text.count("\n", self._at, at)
        self._at = at

    def _more(self) -> None:
        """Read one more chunk and let go of what was read before."""
        chunk = self._file.read(CHUNK_BYTES)
        self._ended = not chunk
        self._text = self._text[self._at :] + self._decoder.decode(chunk, final=self._ended)
        self._at = 0
