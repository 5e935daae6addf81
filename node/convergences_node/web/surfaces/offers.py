# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is offered and what is needed, in the words of ValueFlows (1.0.0): a proposal for each such relation that holds.

An offer publishes an intent whose provider is who offers, a request one whose receiver is who needs; what it is about
is the specification of a resource, which several may offer. A skill is worked with, equipment is used.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import web
from convergences_protocol.edtf import span

from convergences_node.index.details import Detail
from convergences_node.index.views import Item
from convergences_node.web.asking import town_of
from convergences_node.web.exporting import printable
from convergences_node.web.surfaces.everything import joined, portions, reader_of
from convergences_node.web.surfaces.linked_context import CONTEXT
from convergences_node.web.surfaces.negotiating import JSON_LD
from convergences_node.web.surfaces.pair import Reader, Resource, born, instant
from convergences_node.web.surfaces.whole_lists import Piece, answer_list
from convergences_node.web.town_door import Town

PURPOSES = {"offers": ("vf:offer", "vf:provider"), "needs": ("vf:request", "vf:receiver")}
"""By predicate: what is proposed, and which part the relation's subject has in it."""
ACTIONS = {"skill": "vf:work", "equipment": "vf:use"}
ACTION_OTHER = "vf:deliverService"
_encode = msgspec.json.Encoder().encode


async def offers_list(request: web.Request) -> web.StreamResponse:
    """What is offered and needed now, as proposals of ValueFlows in JSON-LD."""
    town, reader = town_of(request), reader_of(request)

    def make() -> AsyncIterator[Piece]:
        head = _encode({"@context": dict(CONTEXT)})[:-1] + b',"@graph":[\n'
        return joined(head, _proposals(town, reader), b",\n", b"\n]}\n")

    return await answer_list(request, ("offers",), JSON_LD, make)


async def _proposals(town: Town, reader: Reader) -> AsyncIterator[Sequence[bytes]]:
    now = town.now()
    async for some in portions(town, ("relation",)):
        held = [item for item in some.items if _holds(some.details[item.id].fields, now)]
        about = await town.index.details([some.details[item.id].fields["object"] for item in held])
        yield [_encode(proposal(item, some.details[item.id].fields, about, reader)) for item in held]


def _holds(fields: Mapping[str, Any], now: int) -> bool:
    """Whether a relation says that something is offered or needed now."""
    if fields.get("predicate") not in PURPOSES:
        return False
    began, ended = fields.get("from"), fields.get("to")
    return (began is None or span(began)[0] <= now) and (ended is None or span(ended)[1] >= now)


def proposal(item: Item, fields: Mapping[str, Any], about: Mapping[str, Detail], reader: Reader) -> Resource:
    """One proposal, with its intent inside, and in that what it is about."""
    purpose, part = PURPOSES[fields["predicate"]]
    address, resource = reader.address(item.id), about.get(fields["object"])
    known = resource.fields if resource else {}
    specification: Resource = {"id": reader.address(fields["object"]), "type": "vf:ResourceSpecification"}
    if name := known.get("name"):
        specification["vf:name"] = printable(name)
    return {
        "id": address,
        "type": "vf:Proposal",
        "vf:purpose": {"id": purpose},
        **({"vf:name": specification["vf:name"]} if name else {}),
        **({"vf:note": printable(fields["role"])} if "role" in fields else {}),
        "vf:publishes": {
            "id": f"{address}#intent",
            "type": "vf:Intent",
            "vf:action": {"id": ACTIONS.get(str(known.get("type")), ACTION_OTHER)},
            part: {"id": reader.address(fields["subject"])},
            "vf:resourceConformsTo": specification,
        },
        "dc:created": instant(born(item.id)),
        "dc:modified": instant(item.time),
    }
