# SPDX-License-Identifier: AGPL-3.0-or-later
"""The ways to look at one answer: a list, an agenda, a map, a timeline. Changing the view changes nothing else.

The view is one more parameter of the page's address (`?vue=carte`), beside the question itself, so that every state of
the page is an address to keep or to send.
"""

from __future__ import annotations

from aiohttp import web

from convergences_node.index.query import Query
from convergences_node.web.cards import Reading
from convergences_node.web.filters import AGENDA, LIST, MAP, TIMELINE, Choice, params_link
from convergences_node.web.problems import Problem

VIEWS = (LIST, AGENDA, MAP, TIMELINE)


def view_of(request: web.Request) -> str | None:
    """The view that an address names, None when it names none."""
    view = request.query.get("vue", "").strip()
    if view and view not in VIEWS:
        raise Problem("query-refused", faults=[("vue", "not_a_view", {"known": ", ".join(VIEWS)})])
    return view or None


def view_links(reading: Reading, asked: Query) -> tuple[Choice, ...]:
    """The same question in every view, from its first page."""
    params = asked.without_page().to_params()
    return tuple(
        Choice(reading.messages.text(f"view.{view}"), params_link(reading, params, view), reading.view == view)
        for view in VIEWS
    )
