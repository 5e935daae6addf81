# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every kind of page, found from the table of routes: a new page is visited without anybody having to think of it.

A route without a part to fill in is visited as it is, with its views if it has any, and in the states of `STATES`. One
with an element's id is visited for an element of each kind; any other part takes the example that the route itself
gives, or a value of `filled`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from convergences_node.web.parameters import ELEMENT
from convergences_node.web.route import HTML, Route
from convergences_node.web.routes import ROUTES

STATES: Mapping[str, Mapping[str, str]] = {
    "search_page": {
        "results": "q=association",
        "nothing": "q=introuvable+vraiment",
        "actions": "kind=action&sort=date",
        "empty-month": "vue=agenda&from=2031",
    },
    "poster_page": {"empty-week": "from=2031-01-01"},
    "statistics_page": {"actions": "kind=action"},
}
"""Questions of a page that show something else of it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One page to visit."""

    name: str
    path: str


def page_routes() -> tuple[Route, ...]:
    """The routes that answer a page."""
    return tuple(route for route in ROUTES if route.media == HTML and route.method == "GET")


def kinds(elements: Mapping[str, str], filled: Mapping[str, str]) -> Iterator[Kind]:
    """Every page to visit. `elements`: an id for each kind of element; `filled`: values for other parts of addresses.

    KeyError names a part of an address that nobody gives a value for.
    """
    for route in page_routes():
        yield from _of(route, elements, filled)
    yield Kind("not-there", "/nulle/part")


def _of(route: Route, elements: Mapping[str, str], filled: Mapping[str, str]) -> Iterator[Kind]:
    name = route.name.removesuffix("_page")
    if route.path_parameters == ELEMENT:
        yield from (Kind(f"{name}-{kind}", route.path.replace("{id}", id_)) for kind, id_ in elements.items())
        return
    path = route.path
    for parameter in route.path_parameters:
        value = filled.get(parameter.name) or parameter.example
        if value is None:
            raise KeyError(f"{route.path}: no example of {parameter.name}")
        path = path.replace(f"{{{parameter.name}}}", str(value))
    yield Kind(name, path)
    views = next((parameter.schema["enum"] for parameter in route.query if parameter.name == "vue"), ())
    assert isinstance(views, list | tuple)
    queries = {view: f"vue={view}" for view in views} | dict(STATES.get(route.name, {}))
    yield from (Kind(f"{name}-{state}", f"{path}?{query}") for state, query in queries.items())
