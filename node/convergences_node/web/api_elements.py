# SPDX-License-Identifier: AGPL-3.0-or-later
"""One element: as it stands, who did what to it, what it is related to, and the receipt of its latest record."""

from __future__ import annotations

from aiohttp import web
from convergences_protocol.receipt import FILE_SUFFIX

from convergences_node.archive.reader import ArchiveReader
from convergences_node.index.query import DEPTH_MAX
from convergences_node.web.absent import absent
from convergences_node.web.answers import HistoryAnswer, RelationsAnswer
from convergences_node.web.asking import answer_json, date_of, element_of, town_of
from convergences_node.web.etag import CACHE_ASK, conditional
from convergences_node.web.problems import Problem
from convergences_node.web.receipts import receipt_of, receipted
from convergences_node.web.route import NOTE


async def element_show(request: web.Request) -> web.Response:
    """An element as it stands, with its relations both ways, at a date if one is asked.

    404 for one that is not known here, 410 for one that was erased or withdrawn; its history says which.
    """
    element = element_of(request)
    view = await town_of(request).index.element(str(element), at=date_of(request))
    if view is None:
        raise await absent(town_of(request), str(element))
    return answer_json(request, view)


async def element_history(request: web.Request) -> web.Response:
    """Every record about an element, oldest first: who, what, when, in which log. Erased and withdrawn ones too."""
    element = element_of(request)
    revisions = await town_of(request).index.history(str(element))
    if not revisions:
        raise Problem("element-unknown", element=str(element))
    return answer_json(request, HistoryAnswer(element=str(element), revisions=tuple(revisions)))


async def element_relations(request: web.Request) -> web.Response:
    """What an element is related to, both ways, at a date if one is asked, to a depth.

    Each relation says whose log asserts it and whether both ends' homes do.
    """
    element, at, depth = str(element_of(request)), date_of(request), depth_of(request)
    index = town_of(request).index
    view = await index.element(element, at=at)
    if view is None:
        raise await absent(town_of(request), element)
    walk = await index.walk(element, depth=depth, at=at)
    return answer_json(
        request,
        RelationsAnswer(element=element, at=at, relations=view.relations, steps=walk.steps, complete=walk.complete),
    )


def depth_of(request: web.Request) -> int:
    """How many steps to walk."""
    text = request.query.get("depth", "").strip() or "1"
    if text not in {str(depth) for depth in range(1, DEPTH_MAX + 1)}:
        raise Problem("query-refused", faults=[("depth", "not_between", {"least": 1, "most": DEPTH_MAX})])
    return int(text)


async def element_receipt(request: web.Request) -> web.Response:
    """The receipt of an element's latest record (C2SP tlog-proof): proves offline, years later, that it was in the log.

    The body is beside it if it is still there; without it, the receipt proves that a record existed, not what it said.
    """
    element = element_of(request)
    town = town_of(request)
    latest = receipted(await town.index.history(str(element)))
    if latest is None:
        raise Problem("element-unknown", element=str(element))

    def read(reader: ArchiveReader) -> bytes | None:
        entry = reader.entry(latest.origin, latest.index)
        return receipt_of(reader, entry) if entry else None

    receipt = await town.archive.read(read)
    if receipt is None:
        raise Problem("receipt-absent", headers={"Retry-After": "5"})
    response = conditional(request, receipt, f"{NOTE}; charset=utf-8", cache=CACHE_ASK)
    name = str(element).replace(":", "-")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}{FILE_SUFFIX}"'
    return response
