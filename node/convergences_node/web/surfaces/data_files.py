# SPDX-License-Identifier: AGPL-3.0-or-later
"""The open data of a node as files: all of it as N-Quads, and each kind as a table and as a map.

Whole, or 503. In the N-Quads each element's statements are in the graph of the log that says so, at whose address that
log's signed head is (`…/checkpoint`): what was taken away can be traced to who vouches for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec
from aiohttp import web
from convergences_protocol.kinds import KINDS

from convergences_node.index.listing import Listing
from convergences_node.web.asking import town_of
from convergences_node.web.exporting import Exported, base_of
from convergences_node.web.messages import catalogue
from convergences_node.web.route import Parameter
from convergences_node.web.surfaces.everything import joined, portions, reader_of, written
from convergences_node.web.surfaces.graphs import quads_of
from convergences_node.web.surfaces.negotiating import N_QUADS
from convergences_node.web.surfaces.whole_lists import GZIP, Piece, answer_list
from convergences_node.web.take_places import MEDIA as GEO_JSON
from convergences_node.web.take_places import feature
from convergences_node.web.take_table import MEDIA as CSV
from convergences_node.web.take_table import columns, first_line, lines
from convergences_node.web.words import field_label, kind_label

KINDS_KEPT = tuple(name for name, kind in KINDS.items() if not kind.control)
KIND = Parameter("kind", "Which kind.", {"type": "string", "pattern": f"^(?:{'|'.join(KINDS_KEPT)})$"}, example="actor")
_encode = msgspec.json.Encoder(order="deterministic").encode


async def data_quads(request: web.Request) -> web.StreamResponse:
    """Everything that this node shows, as N-Quads: a graph for each log, in the words of PAIR."""
    return await _quads(request, N_QUADS)


async def data_quads_packed(request: web.Request) -> web.StreamResponse:
    """The same as a gzip file, to be kept as it is."""
    return await _quads(request, GZIP)


async def _quads(request: web.Request, media: str) -> web.StreamResponse:
    town, reader = town_of(request), reader_of(request)

    def write(some: Listing) -> Sequence[bytes]:
        return quads_of(some, reader)

    def make() -> AsyncIterator[Piece]:
        return joined(b"", written(portions(town, KINDS_KEPT, linked=True), write))

    return await answer_list(request, ("quads",), media, make)


async def data_table(request: web.Request) -> web.StreamResponse:
    """All elements of a kind as a table (CSV, RFC 4180, UTF-8), a column a field: `/data/README.txt` explains each."""
    kind, base = request.match_info["kind"], base_of(request)
    names = columns((kind,))

    def write(some: Listing) -> Sequence[bytes]:
        return list(lines(_exported(some, base), names))

    def make() -> AsyncIterator[Piece]:
        return joined(first_line(names), written(portions(town_of(request), (kind,)), write))

    return await answer_list(request, ("table", kind), CSV, make)


async def data_map(request: web.Request) -> web.StreamResponse:
    """All elements of a kind as GeoJSON (RFC 7946); what has no place has no geometry."""
    kind, base = request.match_info["kind"], base_of(request)

    def write(some: Listing) -> Sequence[bytes]:
        exported = _exported(some, base)
        return [_encode(feature(exported, item)) for item in some.items]

    def make() -> AsyncIterator[Piece]:
        source = written(portions(town_of(request), (kind,)), write)
        return joined(b'{"type":"FeatureCollection","features":[\n', source, b",\n", b"\n]}\n")

    return await answer_list(request, ("map", kind), GEO_JSON, make)


def _exported(some: Listing, base: str) -> Exported:
    return Exported("", tuple(some.items), some.details, base, here="", page="")


async def data_readme(request: web.Request) -> web.StreamResponse:
    """What the files hold: each kind with its columns, what they are called, their types, and their meaning in RDF."""
    messages = catalogue(town_of(request).web_settings.language)

    async def make() -> AsyncIterator[Piece]:
        for name in KINDS_KEPT:
            kind = KINDS[name]
            head = f"{name}: {kind_label(messages, name)} ({kind.rdf_class})\n"
            rows = "".join(
                f"  {field.name}: {field_label(messages, name, field.name)}"
                f" [{field.type.value}{', | ' if field.many else ''}] {field.property}\n"
                for field in kind.fields
            )
            yield f"{head}{rows}\n".encode(), 1

    return await answer_list(request, ("readme",), "text/plain; charset=utf-8", make)
