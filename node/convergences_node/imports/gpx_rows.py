# SPDX-License-Identifier: AGPL-3.0-or-later
"""Waypoints of a GPX file (Topografix, 1.0 and 1.1), read as the parser meets them: only one is in memory.

Tracks and routes are somebody's walk, not a list of places, and are passed over. A document that declares entities is
refused: GPX needs none, and they are how a kilobyte becomes a gigabyte.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any, BinaryIO
from xml.sax import SAXException
from xml.sax.handler import ContentHandler

from convergences_protocol.errors import Fault

from .rows import Dialect, Row

CHUNK_BYTES = 64 * 1024
DEPTH_MAX = 100
TEXT_CHARS_MAX = 64 * 1024
"""Of one element: a record's body holds no more."""
CELLS_MAX = 200


def read_gpx(file: BinaryIO, dialect: Dialect) -> Iterator[Row]:
    """One row a waypoint: `lat`, `lon`, and what is said of it under the names that GPX gives (`name`, `desc` …)."""
    from defusedxml.common import DefusedXmlException
    from defusedxml.expatreader import DefusedExpatParser

    parser = DefusedExpatParser(forbid_dtd=True)
    waypoints = _Waypoints(parser)
    parser.setContentHandler(waypoints)
    found = 0
    try:
        while chunk := file.read(CHUNK_BYTES):
            parser.feed(chunk)
            found += len(waypoints.rows)
            yield from waypoints.take()
        parser.close()
    except DefusedXmlException:
        yield Row(_line(parser), {}, Fault("row", "xml_entities"))
    except (SAXException, _TooDeep, ValueError) as error:
        yield from waypoints.take()
        yield Row(_line(parser), {}, Fault("row", "xml_broken", {"reason": _reason(error)}))
    else:
        yield from waypoints.take()
        if not found:
            yield Row(1, {}, Fault("row", "gpx_no_waypoint", {"tracks": waypoints.tracks}))


def _line(parser: Any) -> int:
    return max(1, parser.getLineNumber() or 1)


def _reason(error: Exception) -> str:
    message = error.getMessage() if isinstance(error, SAXException) else str(error)
    return message[:200]


class _TooDeep(Exception):  # noqa: N818 - says what the document is
    """Elements within elements within elements."""


class _Waypoints(ContentHandler):
    """Gathers each `wpt`; names are taken without their prefix, which is all that tells 1.0 and 1.1 apart here."""

    def __init__(self, parser: Any) -> None:
        super().__init__()
        self._parser = parser
        self.rows: deque[Row] = deque()
        self.tracks = 0
        self._path: list[str] = []
        self._cells: dict[str, Any] | None = None
        self._document: dict[str, Any] = {}
        self._line = 1
        self._text: list[str] = []
        self._chars = 0

    def take(self) -> Iterator[Row]:
        while self.rows:
            yield self.rows.popleft()

    def startElement(self, name: str, attrs: Any) -> None:  # noqa: N802 - the name is SAX's
        if len(self._path) >= DEPTH_MAX:
            raise _TooDeep(f"elements nested more than {DEPTH_MAX} deep")
        local = name.rpartition(":")[2]
        self._path.append(local)
        self._text, self._chars = [], 0
        if local == "wpt":
            self._line = _line(self._parser)
            self._cells = {"lat": attrs.get("lat"), "lon": attrs.get("lon"), **self._document}
        elif local == "link" and self._cells is not None:
            self._cells.setdefault("link", attrs.get("href"))
        elif local in ("trk", "rte"):
            self.tracks += 1

    def characters(self, content: str) -> None:
        self._chars += len(content)
        if self._chars <= TEXT_CHARS_MAX:
            self._text.append(content)

    def endElement(self, name: str) -> None:  # noqa: N802
        local = self._path.pop()
        text = "".join(self._text).strip()
        self._text = []
        if self._cells is None:
            self._say_of_document(local, text)
        elif local == "wpt":
            self.rows.append(Row(self._line, _named(self._cells)))
            self._cells = None
        elif text and len(self._cells) < CELLS_MAX:
            column = ".".join([*self._path[self._path.index("wpt") + 1 :], local])
            self._cells.setdefault(column, text)

    def _say_of_document(self, local: str, text: str) -> None:
        """The file's own name, which its waypoints keep: it is what tells two files' waypoint 001 apart."""
        if local == "name" and text and self._path in (["gpx"], ["gpx", "metadata"]):
            self._document.setdefault("document", text[:200])


def _named(cells: dict[str, Any]) -> dict[str, Any]:
    """A waypoint has no id: where it is and what it is called is what tells it again."""
    cells["id"] = f"{cells['lat']},{cells['lon']} {cells.get('name', '')}".strip()[:200]
    cells.setdefault("link", cells.get("url"))
    return cells
