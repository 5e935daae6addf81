# SPDX-License-Identifier: AGPL-3.0-or-later
"""What this node offers as linked data: its VoID description, by which Archipelago finds its containers, and a context.

The description is framed as their program reads it: `@graph` even for one dataset, the dataset's id a fragment made of
the host with its first `-`, `.` and `:` replaced, counts as text so that `"0"` lets them pass over what is empty.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
from aiohttp import web
from convergences_protocol.kinds import KINDS

from convergences_node.web.asking import town_of
from convergences_node.web.etag import CACHE_ASK, conditional
from convergences_node.web.exporting import base_of
from convergences_node.web.messages import catalogue
from convergences_node.web.surfaces.concepts import concepts
from convergences_node.web.surfaces.everything import reader_of
from convergences_node.web.surfaces.linked_context import CONTEXT, LINKED_PREFIXES
from convergences_node.web.surfaces.negotiating import JSON_LD, TURTLE, wanted_form
from convergences_node.web.surfaces.pair import Reader, Resource, classes_of
from convergences_node.web.surfaces.pair_terms import CONCEPTS, CONTAINERS
from convergences_node.web.surfaces.triples import PREFIX_LINES, n_triples
from convergences_node.web.town_door import Town

VOCABULARIES = ("pair", "dc", "schema", "as")
_REFERENCES = ("class", "classPartition", "sparqlEndpoint", "rootResource", "vocabulary")
_encode = msgspec.json.Encoder().encode


async def void_show(request: web.Request) -> web.Response:
    """What is here as linked data (VoID): each container with its class of PAIR and how much it holds."""
    base = base_of(request)
    dataset = described(town_of(request), await counts(request), base)
    form = wanted_form(request, (JSON_LD, TURTLE))
    body = (PREFIX_LINES + n_triples(dataset)).encode() if form == TURTLE else _encode(framed(dataset, base))
    return conditional(request, body, form, cache=CACHE_ASK, vary=("Accept", "Host"))


async def context_show(request: web.Request) -> web.Response:
    """The JSON-LD context of these documents, for whoever would rather fetch it than read it in each of them."""
    return conditional(request, _encode({"@context": dict(CONTEXT)}), JSON_LD, cache=CACHE_ASK)


async def counts(request: web.Request) -> Mapping[str, int]:
    """How many resources each container holds."""
    town, reader = town_of(request), reader_of(request)
    types, by_class = await town.index.types(), Counter[str]()
    for (kind, type_), count in types.items():
        for class_ in classes_of(KINDS[kind], {"type": type_, "predicate": type_}) if kind in KINDS else ():
            by_class[class_] += count
    return {
        name: _concept_count(town, name, types, reader) if name in CONCEPTS else by_class[class_]
        for name, class_ in CONTAINERS.items()
    }


def _concept_count(town: Town, name: str, types: Mapping[tuple[str, str], int], reader: Reader) -> int:
    return sum(1 for _ in concepts(name, types, catalogue(town.web_settings.language), reader))


def described(town: Town, counted: Mapping[str, int], base: str) -> Resource:
    """The dataset that this node is."""
    settings = town.web_settings
    return {
        "id": f"{base}/.well-known/void#{fragment(urlsplit(base).netloc)}",
        "type": "void:Dataset",
        "dc:title": settings.name,
        "dc:description": f"{settings.name} ({settings.territory})",
        "dc:license": {"id": settings.licence},
        "dc:conformsTo": {"id": f"{base}/shapes.ttl"},
        **({"void:sparqlEndpoint": {"id": f"{base}/sparql"}} if settings.linked else {}),
        "void:uriSpace": f"{base}/",
        "void:rootResource": {"id": f"{base}/"},
        "void:feature": "http://www.w3.org/ns/formats/N-Triples",
        "void:vocabulary": [{"id": LINKED_PREFIXES[name]} for name in VOCABULARIES],
        "void:classPartition": [
            {"void:uriSpace": f"{base}/{name}", "void:class": {"id": class_}, "void:entities": counted[name]}
            for name, class_ in CONTAINERS.items()
        ],
    }


def framed(dataset: Resource, base: str) -> dict[str, Any]:
    """The same as the document that Archipelago reads."""
    here = f"{base}/.well-known/void"
    return {
        "@context": {
            **{name: LINKED_PREFIXES[name] for name in ("dc", "void", "semapps", "xsd", "pair", "ldp", "as")},
            **{f"void:{name}": {"@type": "@id"} for name in _REFERENCES},
            "dc:license": {"@type": "@id"},
            "dc:conformsTo": {"@type": "@id"},
            "void:entities": {"@type": "xsd:integer"},
            "@base": here,
        },
        "@graph": [_framed({**dataset, "id": dataset["id"].removeprefix(here)})],
    }


def _framed(value: Any) -> Any:
    if isinstance(value, list):
        return [_framed(each) for each in value]
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, dict):
        return value
    if set(value) == {"id"}:
        return value["id"]
    return {{"id": "@id", "type": "@type"}.get(name, name): _framed(each) for name, each in value.items()}


def fragment(host: str) -> str:
    """A host as Archipelago's `createFragmentURL` writes it: only the first of each sign is replaced."""
    for sign in "-.:":
        host = host.replace(sign, "_", 1)
    return host
