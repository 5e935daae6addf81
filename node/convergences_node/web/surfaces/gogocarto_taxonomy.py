# SPDX-License-Identifier: AGPL-3.0-or-later
"""The themes as GoGoCarto's taxonomy: a tree of options with numbers, colours and names, and lists by number.

A theme whose broader one is not here is at the top; so is one in a ring, which the themes of two towns can make.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import web

from convergences_node.web.asking import town_of
from convergences_node.web.etag import CACHE_ASK, conditional
from convergences_node.web.exporting import printable
from convergences_node.web.problems import Problem
from convergences_node.web.route import JSON, Parameter
from convergences_node.web.surfaces.everything import portions
from convergences_node.web.surfaces.gogocarto import number_of
from convergences_node.web.surfaces.pair_terms import class_kinds
from convergences_node.web.town_door import Town

KINDS_OF_THEMES = class_kinds("pair:Theme")
NESTED_MAX = 20
"""Steps from a theme up to the top; a deeper tree is cut in two there."""
NUMBER = Parameter(
    "number", "An option's number.", {"type": "string", "pattern": "^[0-9]{1,15}$"}, example="249127184516321"
)

Themes = Mapping[str, Mapping[str, Any]]
"""The fields of each theme, by its id, in the order of birth."""
Option = dict[str, Any]
_encode = msgspec.json.Encoder().encode


async def taxonomy_list(request: web.Request) -> web.Response:
    """The themes as GoGoCarto's options: a tree, each with a number that never changes."""
    options = tree(await themes_of(town_of(request)))
    return conditional(request, _encode({"options": options}), JSON, cache=CACHE_ASK, vary=("Host",))


async def taxonomy_json(request: web.Request) -> web.Response:
    """The same, under the other name that readers ask for."""
    return await taxonomy_list(request)


async def taxonomy_show(request: web.Request) -> web.Response:
    """One option with what is below it."""
    wanted = int(request.match_info["number"])
    found = next((each for each in flat(tree(await themes_of(town_of(request)))) if each["id"] == wanted), None)
    if found is None:
        raise Problem("not-found")
    return conditional(request, _encode(found), JSON, cache=CACHE_ASK, vary=("Host",))


async def taxonomy_mapping(request: web.Request) -> web.Response:
    """Each option's name, by its number."""
    options = flat(tree(await themes_of(town_of(request))))
    body = _encode({str(each["id"]): each["name"] for each in options})
    return conditional(request, body, JSON, cache=CACHE_ASK, vary=("Host",))


async def themes_of(town: Town) -> Themes:
    """All themes of this node."""
    return {
        item.id: some.details[item.id].fields async for some in portions(town, KINDS_OF_THEMES) for item in some.items
    }


def tree(themes: Themes) -> list[Option]:
    """The options at the top, each with those below it."""
    below: dict[str | None, list[str]] = {}
    for theme in themes:
        below.setdefault(_above(theme, themes), []).append(theme)
    return [_option(theme, themes, below, number) for number, theme in enumerate(below.get(None, ()))]


def flat(options: Sequence[Option]) -> Iterator[Option]:
    """Every option of a tree."""
    for option in options:
        yield option
        yield from flat(option["suboptions"])


def _above(theme: str, themes: Themes) -> str | None:
    """The broader theme; None for one that is at the top, in a ring, or too deep."""
    found = str(themes[theme].get("broader"))
    parent, steps = found, 0
    while parent in themes and parent != theme and steps < NESTED_MAX:
        parent, steps = str(themes[parent].get("broader")), steps + 1
    return found if found in themes and parent not in themes else None


def _option(theme: str, themes: Themes, below: Mapping[str | None, Sequence[str]], index: int) -> Option:
    fields = themes[theme]
    name = printable(fields["name"])
    colour = {"color": fields["colour"], "softColor": fields["colour"]} if "colour" in fields else {}
    return {
        "id": number_of(theme),
        "name": name,
        "nameShort": name,
        "index": index,
        **colour,
        "textHelper": printable(fields.get("description", "")),
        "displayOption": True,
        "showExpanded": False,
        "useIconForMarker": False,
        "useColorForMarker": bool(colour),
        "suboptions": [_option(each, themes, below, number) for number, each in enumerate(below.get(theme, ()))],
        "subcategories": [],
    }
