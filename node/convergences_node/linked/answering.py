# SPDX-License-Identifier: AGPL-3.0-or-later
"""The process that is asked: `python -m convergences_node.linked.answering <snapshot>`, one query after the other.

It opens one snapshot of the store, which nobody writes any more, and from then on can open nothing else: neither a
file nor a socket, so that no query reaches another machine (`SERVICE`) whatever it says. Its memory is bounded by the
system, its time by whoever asks it and kills it. A query and its answer are frames on its standard input and output:
four bytes of length, then JSON; behind an answer's frame come so many bytes as it says.

It imports the store and next to nothing else: it begins in a tenth of a second and takes 25 MiB.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
from typing import Any, BinaryIO

import pyoxigraph

MEMORY_BYTES_MAX = 224 << 20
"""Beyond that the process ends: a query that sorts every pair of statements would take all there is. Fifty of it are
mapped and never touched; what researchers ask of 60,000 elements stays below 140. With the node at its busiest that is
less than the 400 that it may have in all."""
ANSWER_BYTES_MAX = 1 << 24
ROWS_MAX = 100_000
"""What wants more takes `/data/all.nq.gz`, which has everything."""
NICE = 5
"""Pages go first."""
DETAIL_CHARACTERS_MAX = 300

TABLES = {
    "application/sparql-results+json": (pyoxigraph.QueryResultsFormat.JSON, b"},{"),
    "application/sparql-results+xml": (pyoxigraph.QueryResultsFormat.XML, b"<result>"),
    "text/csv": (pyoxigraph.QueryResultsFormat.CSV, b"\r\n"),
    "text/tab-separated-values": (pyoxigraph.QueryResultsFormat.TSV, b"\n"),
}
"""The forms of a table (SPARQL 1.1 Query Results), each with what stands once in every row."""
GRAPHS = {
    "text/turtle": pyoxigraph.RdfFormat.TURTLE,
    "application/n-triples": pyoxigraph.RdfFormat.N_TRIPLES,
    "application/rdf+xml": pyoxigraph.RdfFormat.RDF_XML,
    "application/ld+json": pyoxigraph.RdfFormat.JSON_LD,
}


class TooMuchError(Exception):
    """The answer has more rows, or more bytes, than one answer may have."""


class Sheet(io.BytesIO):
    """Where an answer is written, piece by piece, until it is too long."""

    def __init__(self, mark: bytes = b"") -> None:
        super().__init__()
        self._mark = mark
        self._rows = 0

    def write(self, data: Any) -> int:
        """Append. Raises `TooMuchError`."""
        size = super().write(data)
        # A mark that falls between two pieces is not counted: one row in a hundred, for a bound that is round.
        self._rows += bytes(data).count(self._mark) if self._mark else 0
        if self.tell() > ANSWER_BYTES_MAX or self._rows > ROWS_MAX:
            raise TooMuchError
        return size


def answer(store: pyoxigraph.Store, asked: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """What comes of one query: how it went, and the bytes of its answer."""
    try:
        media, sheet = _written(store, asked)
    except TooMuchError:
        return {"outcome": "too-much"}, b""
    except SyntaxError as error:
        return {"outcome": "malformed", "detail": str(error)[:DETAIL_CHARACTERS_MAX]}, b""
    except (ValueError, OSError, RuntimeError) as error:
        return {"outcome": "failed", "detail": str(error)[:DETAIL_CHARACTERS_MAX]}, b""
    data = sheet.getvalue()
    return {"outcome": "answered", "media": media, "bytes": len(data)}, data


def _written(store: pyoxigraph.Store, asked: dict[str, Any]) -> tuple[str, Sheet]:
    default, named = (_graphs(asked[name]) for name in ("default", "named"))
    found = store.query(
        asked["query"],
        use_default_graph_as_union=asked["union"],
        # A dataset that names only one sort of graphs has nothing of the other (SPARQL 1.1 Protocol section 2.1.4).
        default_graph=default or ([] if named else None),
        named_graphs=named or ([] if default else None),
    )
    if isinstance(found, pyoxigraph.QueryTriples):
        sheet = Sheet()
        prefixes = asked["prefixes"] if asked["graph"] == "text/turtle" else None
        pyoxigraph.serialize(found, sheet, GRAPHS[asked["graph"]], prefixes=prefixes)
        return asked["graph"], sheet
    form, mark = TABLES[asked["table"]]
    sheet = Sheet(mark)
    if isinstance(found, pyoxigraph.QueryBoolean):
        sheet.write(found.serialize(format=form))
    else:
        found.serialize(sheet, form)
    return asked["table"], sheet


def _graphs(addresses: list[str]) -> list[Any]:
    return [pyoxigraph.NamedNode(address) for address in addresses]


def read_frame(file: BinaryIO) -> dict[str, Any] | None:
    """The next frame; None at the end."""
    size = file.read(4)
    if len(size) < 4:
        return None
    read: dict[str, Any] = json.loads(file.read(int.from_bytes(size, "big")))
    return read


def frame(value: dict[str, Any]) -> bytes:
    """A frame's bytes."""
    data = json.dumps(value).encode()
    return len(data).to_bytes(4, "big") + data


def close_in() -> None:
    """From here on nothing is opened by this process, and its memory is bounded."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Answer until the input is closed."""
    os.nice(NICE)
    store = pyoxigraph.Store.read_only(sys.argv[1])
    close_in()
    out = sys.stdout.buffer
    out.write(frame({"outcome": "ready"}))
    out.flush()
    while asked := read_frame(sys.stdin.buffer):
        head, data = answer(store, asked)
        out.write(frame(head))
        out.write(data)
        out.flush()


if __name__ == "__main__":
    main()
