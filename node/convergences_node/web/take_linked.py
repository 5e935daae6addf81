# SPDX-License-Identifier: AGPL-3.0-or-later
"""A search or an element as linked data: JSON-LD 1.1, from the properties that each kind's fields are declared with.

One context for all the elements of a kind, which `@included` holds together: a thousand of them do not repeat it.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from aiohttp import web
from convergences_protocol.kinds import KINDS
from convergences_protocol.kinds.context import document, json_ld_context

from convergences_node.web.asking import question_of
from convergences_node.web.exporting import Exported, answer_file, exported_element, exported_search, shown

MEDIA = "application/ld+json"
_encode = msgspec.json.Encoder(order="deterministic").encode


async def search_linked(request: web.Request) -> web.Response:
    """A search as JSON-LD: a list with a part for each kind found, its context and its elements."""
    exported = await exported_search(request, shown(question_of(request)))
    return answer_file(request, exported, await asyncio.to_thread(linked, exported), MEDIA, "jsonld")


async def element_linked(request: web.Request) -> web.Response:
    """An element as JSON-LD, with the context that says what its fields mean."""
    exported, view = await exported_element(request)
    fields = exported.details[view.item.id].fields if view.item.id in exported.details else view.fields
    made = document(KINDS[view.item.kind], view.item.id, fields, exported.address)
    return answer_file(request, exported, _encode(made), MEDIA, "jsonld")


def linked(exported: Exported) -> bytes:
    """The list's bytes."""
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for item in exported.items:
        kind, detail = KINDS.get(item.kind), exported.details.get(item.id)
        if kind is not None and detail is not None:
            made = document(kind, item.id, detail.fields, exported.address)
            del made["@context"]
            by_kind.setdefault(item.kind, []).append(made)
    return _encode(
        [{"@context": json_ld_context(KINDS[kind]), "@included": some} for kind, some in sorted(by_kind.items())]
    )
