# SPDX-License-Identifier: AGPL-3.0-or-later
"""Elements as statements, each in the graph of the log that says so: what the dump of everything and the store that is
asked in SPARQL are made of.

A graph is called by its log's address, at which that log's signed head is (`…/checkpoint`): what was taken away can be
traced to who vouches for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from convergences_protocol.kinds import KINDS

from convergences_node.index.listing import Listing
from convergences_node.web.surfaces.pair import Reader, Resource, classes_of, resource
from convergences_node.web.surfaces.triples import n_quads


def quads_of(some: Listing, reader: Reader) -> Sequence[bytes]:
    """The elements of a portion as N-Quads, each with the lines of one element."""
    graphs = (f"{reader.base}/log/{item.origin.partition('/')[2]}" for item in some.items)
    both = zip(resources_of(some, None, reader), graphs, strict=True)
    return [n_quads(each, graph).encode() for each, graph in both]


def resources_of(some: Listing, class_: str | None, reader: Reader) -> Iterator[Resource]:
    """The elements of a portion that are of a class of PAIR, or all."""
    for item in some.items:
        fields = some.details[item.id].fields
        if class_ is None or class_ in classes_of(KINDS[item.kind], fields):
            yield resource(item, fields, some.links.get(item.id, ()), reader)
