# SPDX-License-Identifier: AGPL-3.0-or-later
"""An answer as a map drawn here: outlines of the towns, a mark for each place, a number where many are close together.

No tile and no script is needed: the picture is a part of the page, every town and every mark in it is a link that the
keyboard reaches, and the list beside it holds the same elements in the same order. Where the scripts were built, they
lay a map that moves over the picture (`front/src/map.js`), of what `live` tells them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from dataclasses import replace as with_name
from urllib.parse import urlencode

import msgspec
from msgspec.structs import replace

from convergences_node.index.details import OutlineView
from convergences_node.index.query import E7, Query
from convergences_node.index.views import Answer, Facets, Item, Total
from convergences_node.web import words
from convergences_node.web.cards import Card, Reading, card
from convergences_node.web.filters import LIST, MAP, Choice, about, page_link
from convergences_node.web.map_names import placed as names_placed
from convergences_node.web.map_question import Unseen
from convergences_node.web.projecting import WIDTH, Frame, box_of, corners, frame_around, path_of
from convergences_node.web.ribbon import Ribbon, ribbon
from convergences_node.web.static_files import address_if_built
from convergences_node.web.town_door import Town

CARDS_OPEN_MAX = 12
CELL = 44
"""Units of a square in which marks would touch: they become one, with their number."""
APART = 36
"""Units between two marks, so that each is seen whole."""
NEAR = 0.08
"""How much wider than its marks the box of a number is."""
_LIVE_WORDS = (
    "map",
    "help",
    "closer",
    "wider",
    "close",
    "many",
    "untitled",
    "newest",
    "play",
    "pause",
    "slider",
    "all",
)
"""Sentences of `map.live` that only the script says."""
_MOVES = (
    ("larger", 0.0, 0.0, 0.5),
    ("smaller", 0.0, 0.0, 2.0),
    ("north", 0.0, 0.5, 1.0),
    ("south", 0.0, -0.5, 1.0),
    ("west", -0.5, 0.0, 1.0),
    ("east", 0.5, 0.0, 1.0),
)


@dataclass(frozen=True, slots=True)
class Shape:
    """A town's outline: a link to what is there."""

    path: str
    href: str
    name: str
    label: str
    x: float
    y: float
    is_own: bool
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """A place, or several that are too close to be drawn apart."""

    x: float
    y: float
    href: str
    label: str
    kind: str
    count: int


@dataclass(frozen=True, slots=True)
class DrawnMap:
    """All that the template lays out."""

    width: int
    height: int
    label: str
    shapes: tuple[Shape, ...]
    marks: tuple[Mark, ...]
    moves: tuple[Choice, ...]
    whole: Choice | None
    """The way back to all of the map, from a part of it."""
    ribbon: Ribbon | None
    live: str | None
    """What the script needs to know, as JSON; None where the scripts were not built."""
    cards: tuple[Card, ...]
    shown: str
    """How many of the answers that lie in the frame are here."""
    open_max: int
    """Cards that are shown at once; the others unfold, so that a phone reaches what comes after them."""
    unseen: Unseen | None


async def drawn_map(
    town: Town,
    reading: Reading,
    asked: Query,
    frame: Frame,
    answer: Answer,
    facets: Facets,
    undated: Facets,
    unseen: Unseen | None,
    *,
    follows: bool = True,
) -> DrawnMap:
    """The map of an answer that lies in a frame; `facets` count what is there, `undated` what would be without its
    dates. `follows`: the page around it follows its movements, where scripts run."""
    outlines = await town.index.outlines()
    own = town.web_settings.territory
    placed = [item for item in answer.items if item.location is not None]
    counts = {count.value: count.count for count in facets.counts.get("territory", ())}
    marks = tuple(_marks(reading, asked, frame, placed))
    return DrawnMap(
        width=WIDTH,
        height=frame.height,
        label=reading.messages.count("map.label", len(placed)),
        shapes=tuple(_named(frame, tuple(_shapes(reading, asked, frame, outlines, counts, own)), marks)),
        marks=marks,
        moves=_moves(reading, asked, frame),
        whole=_whole(reading, asked),
        ribbon=await ribbon(town, reading, asked, undated),
        live=_live(town, reading, asked, frame, follows),
        cards=tuple(card(reading, item) for item in placed),
        shown=_shown(reading, len(placed), facets.total),
        open_max=CARDS_OPEN_MAX,
        unseen=unseen,
    )


def _shown(reading: Reading, here: int, found: Total) -> str:
    """How many are here, of how many: as they were counted, or about so many."""
    messages = reading.messages
    if found.exact and found.count <= here:
        return messages.count("map.shown", here)
    if found.exact:
        return messages.count("map.shown_of", here, total=messages.number(found.count))
    return messages.count("map.shown_of_about", here, total=messages.number(about(found.count)))


def _shapes(
    reading: Reading,
    asked: Query,
    frame: Frame,
    outlines: Sequence[OutlineView],
    counts: dict[str, int],
    own: str,
) -> Iterable[Shape]:
    messages = reading.messages
    for each in outlines:
        path = path_of(frame, each.outline)
        box = box_of(corners(each.outline))
        if not path or box is None:
            continue
        x, y = frame.place(((box.south + box.north) // 2, (box.west + box.east) // 2))
        query = replace(asked.without_page(), territories=(each.code,), box=None, circle=None)
        yield Shape(
            path=path,
            href=page_link(reading, query, MAP),
            name=each.name if 0 < x < WIDTH and 0 < y < frame.height else "",
            label=messages.count("map.town", counts.get(each.code, 0), town=each.name),
            x=x,
            y=y,
            is_own=each.code == own,
            is_chosen=each.code in asked.territories,
        )


def _named(frame: Frame, shapes: Sequence[Shape], marks: Sequence[Mark]) -> Iterable[Shape]:
    """The towns with their names where no mark hides them."""
    wanted = [(each.name, each.x, each.y) for each in shapes]
    found = names_placed(wanted, [(mark.x, mark.y) for mark in marks], WIDTH, frame.height)
    for each, place in zip(shapes, found, strict=True):
        yield with_name(each, x=place[0], y=place[1]) if place else with_name(each, name="")


def _marks(reading: Reading, asked: Query, frame: Frame, seen: Sequence[Item]) -> Iterable[Mark]:
    """One mark a square of the picture, in reading order; squares whose marks would touch become one."""
    squares: dict[tuple[int, int], list[tuple[float, float, Item]]] = {}
    for item in seen:
        assert item.location is not None
        x, y = frame.place(item.location)
        squares.setdefault((int(y // CELL), int(x // CELL)), []).append((x, y, item))
    groups: list[list[tuple[float, float, Item]]] = []
    for _, some in sorted(squares.items(), key=lambda square: (-len(square[1]), square[0])):
        near = next((group for group in groups if math.dist(_middle(group), _middle(some)) < APART), None)
        if near is None:
            groups.append(some)
        else:
            near.extend(some)
    for group in sorted(groups, key=lambda group: (_middle(group)[1], _middle(group)[0])):
        yield _mark(reading, asked, frame, _middle(group), [item for _, _, item in group])


def _middle(group: Sequence[tuple[float, float, Item]]) -> tuple[float, float]:
    return round(sum(x for x, _, _ in group) / len(group), 1), round(sum(y for _, y, _ in group) / len(group), 1)


def _mark(reading: Reading, asked: Query, frame: Frame, place: tuple[float, float], items: Sequence[Item]) -> Mark:
    points = [item.location for item in items if item.location is not None]
    x, y = place
    if len(items) == 1:
        title = items[0].name or reading.messages.text("element.untitled")
        return Mark(x, y, reading.element(items[0].id), title, items[0].kind, 1)
    box = box_of(points)
    assert box is not None
    # What is in one building cannot be told apart by coming nearer: a list tells it.
    view = MAP if len(set(points)) > 1 else LIST
    query = replace(asked.without_page(), box=frame_around(box, NEAR).box, circle=None)
    label = reading.messages.count("map.many", len(items))
    return Mark(x, y, page_link(reading, query, view), label, "many", len(items))


def _moves(reading: Reading, asked: Query, frame: Frame) -> tuple[Choice, ...]:
    first = replace(asked.without_page(), circle=None)
    return tuple(
        Choice(
            reading.messages.text(f"map.{name}"),
            page_link(reading, replace(first, box=frame.moved(east, north, scale)), MAP),
        )
        for name, east, north, scale in _MOVES
    )


def _whole(reading: Reading, asked: Query) -> Choice | None:
    if asked.box is None:
        return None
    return Choice(reading.messages.text("map.whole"), page_link(reading, replace(asked.without_page(), box=None), MAP))


def _live(town: Town, reading: Reading, asked: Query, frame: Frame, follows: bool) -> str | None:
    """Where the script finds marks, outlines and tiles, what it shows first, whether the page around it follows its
    movements, and its words."""
    if address_if_built("map.js") is None:
        return None
    everywhere = replace(asked.without_page(), box=None, at=None, sort=None)
    marked = replace(everywhere, kinds=asked.kinds or words.KINDS_SHOWN)
    box = frame.box
    said = {
        "marks": f"/api/v1/marks?{urlencode(marked.to_params())}",
        "outlines": "/api/v1/outlines",
        "tiles": "/api/v1/tiles.pmtiles" if town.web_settings.map_tiles else None,
        "tiles_script": address_if_built("tiles.js"),
        "page": page_link(reading, replace(everywhere, sort=asked.sort), MAP),
        "follows": follows,
        "frame": [box.west / E7, box.south / E7, box.east / E7, box.north / E7],
        "own": town.web_settings.territory,
        "chosen": asked.territories,
        "at": asked.at,
        "language": reading.messages.language,
        "words": {key: reading.messages.text(f"map.live.{key}") for key in _LIVE_WORDS}
        | {f"kind_{kind}": words.kind_label(reading.messages, kind) for kind in words.KINDS_SHOWN},
    }
    return msgspec.json.encode(said).decode()
