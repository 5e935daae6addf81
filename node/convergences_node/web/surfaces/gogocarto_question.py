# SPDX-License-Identifier: AGPL-3.0-or-later
"""What GoGoCarto's programs ask of a list of elements, read once at the door into a frozen question.

Their map sends some of it twice, in two writings (`bounds` and `boundsJson`, `ontology` and `fullRepresentation`): one
is read. What is asked and cannot be read is refused: a filter that is passed over answers another question, and a
reader who deletes what is missing must not be answered another question.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web
from convergences_protocol.codes import is_territory
from convergences_protocol.errors import Fault

from convergences_node.index.query import E7, Box
from convergences_node.web.parameters import TERRITORY_PATTERN
from convergences_node.web.problems import Problem
from convergences_node.web.route import Parameter

ONTOLOGIES = ("gogofull", "gogocompact", "gogosync")
BOXES_MAX = 8
"""Their map asks for at most four at a time."""
CATEGORIES_MAX = 200
LIMIT_MAX = 100_000
_NUMBERS = "-?[0-9]{1,3}(?:[.][0-9]{1,15})?"
WORD_CHARS_MAX = 2000
_WORD = {"type": "string", "maxLength": WORD_CHARS_MAX}
_FLAGS = ("", "true", "false", "0", "1")
_FLAG = {"type": "string", "enum": list(_FLAGS)}

ONTOLOGY = Parameter(
    "ontology",
    "How much of each element: all, an array for a map, or its id.",
    {"type": "string", "enum": list(ONTOLOGIES)},
)
FILTERS = (
    Parameter(
        "bounds",
        "Only inside one of these: west, south, east, north in degrees, several with `;` between them.",
        {"type": "string", "maxLength": 600, "pattern": f"^(?:{_NUMBERS}(?:,{_NUMBERS}){{3}};?)*$"},
        example="2.30,48.90,2.45,48.98",
    ),
    Parameter("boundsJson", "The same in another writing, which is not read.", _WORD),
    Parameter(
        "categories",
        "Only with one of these options, or one below it: numbers of `/api/taxonomy.json`.",
        {"type": "string", "maxLength": 2000, "pattern": "^[0-9]{0,15}(?:,[0-9]{1,15})*$"},
    ),
    Parameter("categories[]", "The same, one at a time.", {"type": "string", "pattern": "^[0-9]{1,15}$"}, many=True),
    Parameter("mainOptionId", "One more option, or `all`.", {"type": "string", "pattern": "^(?:all|[0-9]{1,15})$"}),
    Parameter("stamps", "Nothing has stamps here: with any, the list is empty.", _WORD),
    Parameter("stampsIds", "The same, as their map asks.", _WORD),
    Parameter("excludeExternal", "Without what was taken in from another source.", _FLAG),
    Parameter("fullRepresentation", "What `ontology` says, in another writing, which is not read.", _WORD),
    Parameter("token", "Not needed here.", _WORD),
    Parameter(
        "territory",
        "Only of this territory, or of one inside it.",
        {"type": "string", "pattern": TERRITORY_PATTERN},
        many=True,
        example=["FR-93066"],
    ),
    Parameter(
        "limit",
        "Only so many, the newest, for who looks and does not keep.",
        {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX},
    ),
)
_WORDS = [parameter.name for parameter in FILTERS if parameter.schema is _WORD]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which elements."""

    boxes: tuple[Box, ...] = ()
    categories: frozenset[int] = frozenset()
    territories: tuple[str, ...] = ()
    stamped: bool = False
    own_only: bool = False
    limit: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether this is the list that an importer keeps: everything."""
        return self == Asked()


def asked_of(request: web.Request) -> Asked:
    """The question of an address. Raises `query-refused` with all that is wrong with it."""
    query, faults = request.query, list[Fault]()
    main = query.get("mainOptionId", "")
    options = [*query.get("categories", "").split(","), *query.getall("categories[]", []), main * (main != "all")]
    found = Asked(
        boxes=tuple(_boxes(query.get("bounds", ""), faults)),
        categories=frozenset(_integers("categories", options, 10**15, faults)),
        territories=tuple(query.getall("territory", [])),
        stamped=any(query.get(name, "") for name in ("stamps", "stampsIds")),
        own_only=query.get("excludeExternal", "") in ("1", "true"),
        limit=next(_integers("limit", [query.get("limit", "")], LIMIT_MAX, faults), None),
    )
    if len(found.boxes) > BOXES_MAX:
        faults.append(Fault("bounds", "too_many", {"limit": BOXES_MAX}))
    if len(found.categories) > CATEGORIES_MAX:
        faults.append(Fault("categories", "too_many", {"limit": CATEGORIES_MAX}))
    if query.get("excludeExternal", "") not in _FLAGS:
        faults.append(Fault("excludeExternal", "not_a_view", {"known": ", ".join(_FLAGS[1:])}))
    if found.limit == 0:
        faults.append(Fault("limit", "not_between", {"least": 1, "most": LIMIT_MAX}))
    faults += [
        Fault(name, "too_long", {"limit": WORD_CHARS_MAX})
        for name in _WORDS
        if len(query.get(name, "")) > WORD_CHARS_MAX
    ]
    faults += [Fault("territory", "not_a_territory", {}) for code in found.territories if not is_territory(code)]
    if faults:
        raise Problem("query-refused", faults=faults)
    return found


def ontology_of(request: web.Request) -> str:
    """How much of each element is wanted."""
    asked = request.query.get("ontology", "").lower() or ONTOLOGIES[0]
    if asked not in ONTOLOGIES:
        known: Mapping[str, object] = {"known": ", ".join(ONTOLOGIES)}
        raise Problem("query-refused", faults=[Fault("ontology", "not_a_view", known)])
    return asked


def _boxes(text: str, faults: list[Fault]) -> Iterator[Box]:
    for piece in text.split(";"):
        if not piece.strip():
            continue
        try:
            west, south, east, north = map(float, piece.split(","))
            # A map that was turned around the world goes on counting.
            if not (abs(west) <= 540 and abs(east) <= 540 and -90 <= south <= north <= 90):
                raise ValueError(piece)
        except ValueError:
            faults.append(Fault("bounds", "not_a_box", {}))
            return
        yield box_of(west, south, east, north)


def box_of(west: float, south: float, east: float, north: float) -> Box:
    """The box of these degrees, its meridians brought back into the world."""
    if east - west >= 360:
        west, east = -180.0, 180.0
    west, east = ((lon + 180) % 360 - 180 if abs(lon) > 180 else lon for lon in (west, east))
    return Box(round(west * E7), round(south * E7), round(east * E7), round(north * E7))


def _integers(name: str, texts: Sequence[str], most: int, faults: list[Fault]) -> Iterator[int]:
    for text in texts:
        if not text.strip():
            continue
        if not text.strip().isascii() or not text.strip().isdigit() or int(text) > most:
            faults.append(Fault(name, "not_between", {"least": 1, "most": most}))
            return
        yield int(text)
