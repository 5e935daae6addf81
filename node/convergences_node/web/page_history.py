# SPDX-License-Identifier: AGPL-3.0-or-later
"""The whole history of an element: who changed what, when, the old beside the new, for whoever asks.

Of an element that was erased or withdrawn too: that something was written, when, in which archive, and that it is gone;
never what it said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiohttp import web

from convergences_node.web.asking import element_of, town_of
from convergences_node.web.element_history import history, mentioned
from convergences_node.web.filters import Choice
from convergences_node.web.pages import answer_page, reading_of
from convergences_node.web.parameters import PAGES_MAX
from convergences_node.web.place_names import territory_in, territory_names
from convergences_node.web.problems import Problem

EVENTS_MAX = 20
"""On one page: comparing texts costs, and nobody reads more at once."""
NAMES_MAX = 500


async def history_page(request: web.Request) -> web.Response:
    """The history of an element: who changed what, when, with the old beside the new."""
    town, reading, element = town_of(request), reading_of(request), element_of(request)
    page = _page_of(request.query)
    revisions = await town.index.history(str(element))
    last = -(-len(revisions) // EVENTS_MAX)
    if not revisions or page > last:
        raise Problem("element-unknown", element=str(element))
    end = len(revisions) - (page - 1) * EVENTS_MAX
    begin = max(end - EVENTS_MAX, 0)
    # One earlier, for the oldest of the page to be compared with; and all before a run of records without a text.
    from_ = next((place for place in range(begin - 1, -1, -1) if revisions[place].fields is not None), begin)
    some = revisions[from_:end]
    labels = await town.index.names(sorted(mentioned(some))[:NAMES_MAX])
    names = await territory_names(town, [element.territory, *(territory_in(each.origin) for each in some)])
    events = await asyncio.to_thread(history, reading, some, names, {**names, **labels})
    view = await town.index.element(str(element))
    title = view.item.name if view else ""
    path = f"/e/{element}/histoire"
    values: dict[str, object] = {
        "title": title or reading.messages.text("element.untitled"),
        "lang": reading.lang(view.fields.get("language")) if view else None,
        "element_href": reading.element(str(element)),
        "events": events[: end - begin],
        "pages": tuple(
            Choice(reading.messages.text(f"history.{name}"), reading.link(path, f"page={number}"))
            for name, number in (("newer", page - 1), ("older", page + 1))
            if 1 <= number <= last
        ),
        "api_href": f"/api/v1/elements/{element}/history",
    }
    return answer_page(request, "history.html", values)


def _page_of(query: Mapping[str, str]) -> int:
    text = query.get("page", "").strip() or "1"
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= PAGES_MAX):
        raise Problem("query-refused", faults=[("page", "not_between", {"least": 1, "most": PAGES_MAX})])
    return int(text)
