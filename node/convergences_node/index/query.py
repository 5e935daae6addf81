# SPDX-License-Identifier: AGPL-3.0-or-later
"""A question put to the index, and the one place where it is read from a URL.

A `Query` that exists is well formed: every list, text and number has been bounded at the door (`from_params`), which
lists all the faults it finds and not only the first. `to_params` writes the same question back, so that a page's links,
an export and an API call all spell it the same way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec
from convergences_protocol.codes import is_territory
from convergences_protocol.edtf import span
from convergences_protocol.element import ElementId
from convergences_protocol.errors import Fault, Refused

from convergences_node.index import cursors

TEXT_CHARS_MAX = 200
"""A question, not a page: what is longer is cut at the door with a fault."""
VALUES_MAX = 50
"""How many kinds, themes, territories … one question may list."""
LIMIT_DEFAULT = 20
LIMIT_MAX = 200
DEPTH_MAX = 4
"""Steps of a walk through relations; beyond, everything is related to everything."""
RADIUS_METRES_MAX = 500_000
E7 = 10_000_000
"""Coordinates are integers of 1e-7 degree."""

SORTS = ("relevance", "date", "name", "newest")

_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
_VALUE_CHARS_MAX = 120
_NUMBER = re.compile(r"[+-]?[0-9]{1,6}(?:\.[0-9]{1,12})?")
_INTEGER = re.compile(r"[0-9]{1,6}")

Params = Mapping[str, str | Sequence[str]]
"""URL parameters: a value, or several of the same name."""


class Box(msgspec.Struct, frozen=True):
    """Between two parallels and two meridians, edges included; `west > east` crosses the antimeridian."""

    west: int
    south: int
    east: int
    north: int


class Circle(msgspec.Struct, frozen=True):
    """At most `metres` from a point."""

    lat: int
    lon: int
    metres: int


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked. Within one list any value suits, across lists all must; the empty question matches everything."""

    text: str = ""
    kinds: tuple[str, ...] = ()
    themes: tuple[str, ...] = ()
    """Element ids of themes; narrower themes are included."""
    territories: tuple[str, ...] = ()
    """Codes; the territories inside, and those merged into them or out of which they came, are included."""
    facets: tuple[tuple[str, str], ...] = ()
    """Other facets, as (field, value): `("type", "association")`, `("status", "planned")`."""
    box: Box | None = None
    circle: Circle | None = None
    since: str | None = None
    """EDTF. What happens at or after its first second …"""
    until: str | None = None
    """… and at or before its last."""
    at: str | None = None
    """EDTF. What exists then: not what ended before or began after. Relations are walked as they were then."""
    related: str | None = None
    """An element id: only what is related to it, by at most `depth` steps."""
    depth: int = 1
    sort: str | None = None
    """One of `SORTS`. By default relevance for a text, date when dates are asked for, else newest."""
    limit: int = LIMIT_DEFAULT
    cursor: str | None = None

    @property
    def order(self) -> str:
        """The sort that applies."""
        if self.sort is not None and not (self.sort == "relevance" and not self.text):
            return self.sort
        if self.text:
            return "relevance"
        return "date" if self.since or self.until else "newest"

    @property
    def is_quick(self) -> bool:
        """Whether it is bounded to a millisecond or so: nothing is weighed, no relations are walked."""
        return not self.text and self.related is None

    @property
    def window(self) -> tuple[int, int] | None:
        """First and last second asked for, or None."""
        if self.since is None and self.until is None:
            return None
        first = span(self.since)[0] if self.since else cursors.SECOND_MIN
        return first, span(self.until)[1] if self.until else cursors.SECOND_MAX

    @property
    def moment(self) -> tuple[int, int] | None:
        """First and last second of the date `at`, or None."""
        return span(self.at) if self.at else None

    def without_page(self) -> Query:
        """The same question from its first page: what a cursor belongs to."""
        return msgspec.structs.replace(self, cursor=None, limit=LIMIT_DEFAULT)

    @classmethod
    def from_params(cls, params: Params) -> Query:
        """The question that URL parameters ask. Raises `Refused` with every fault.

        `q, kind, theme, territory, box=west,south,east,north, circle=lat,lon,metres, from, to, at, related, depth,
        sort, limit, cursor`, and `facet.<field>` for other facets. Unknown names are faults: a filter that is silently
        ignored would answer another question.
        """
        return _Door(params).query()

    def to_params(self) -> list[tuple[str, str]]:
        """The URL parameters of this question, in a fixed order; `from_params` reads them back."""
        pairs = [("q", self.text)] if self.text else []
        for name, values in (("kind", self.kinds), ("theme", self.themes), ("territory", self.territories)):
            if values:
                pairs += [(name, value) for value in values]
        if self.facets:
            pairs += [(f"facet.{field}", value) for field, value in self.facets]
        if self.box:
            edges = (self.box.west, self.box.south, self.box.east, self.box.north)
            pairs.append(("box", ",".join(map(_degrees, edges))))
        if self.circle:
            pairs.append(("circle", f"{_degrees(self.circle.lat)},{_degrees(self.circle.lon)},{self.circle.metres}"))
        dates = (("from", self.since), ("to", self.until), ("at", self.at), ("related", self.related))
        pairs += [(name, value) for name, value in dates if value is not None]
        if self.depth != 1:
            pairs.append(("depth", str(self.depth)))
        if self.sort is not None:
            pairs.append(("sort", self.sort))
        if self.limit != LIMIT_DEFAULT:
            pairs.append(("limit", str(self.limit)))
        if self.cursor is not None:
            pairs.append(("cursor", self.cursor))
        return pairs


PARAMETERS = (
    "q",
    "kind",
    "theme",
    "territory",
    "box",
    "circle",
    "from",
    "to",
    "at",
    "related",
    "depth",
    "sort",
    "limit",
)
"""The names `from_params` knows, besides `cursor` and `facet.<field>`."""


class _Door:
    """Reads parameters one after the other and gathers the faults."""

    def __init__(self, params: Params) -> None:
        self.params = {name: [value] if isinstance(value, str) else list(value) for name, value in params.items()}
        self.faults: list[Fault] = []

    def query(self) -> Query:
        for name in self.params:
            if name not in PARAMETERS and name != "cursor" and not name.startswith("facet."):
                self.fault(name[:40], "unknown_parameter")
        found = Query(
            text=self.text(),
            kinds=self.many("kind", lambda value: _KEY.fullmatch(value) is not None, "not_a_kind"),
            themes=self.many("theme", _is_element, "not_an_element"),
            territories=self.many("territory", is_territory, "not_a_territory"),
            facets=self.facets(),
            box=self.box(),
            circle=self.circle(),
            since=self.date("from"),
            until=self.date("to"),
            at=self.date("at"),
            related=self.related(),
            depth=self.integer("depth", 1, DEPTH_MAX, 1),
            sort=self.sort(),
            limit=self.integer("limit", 1, LIMIT_MAX, LIMIT_DEFAULT),
            cursor=self.one("cursor"),
        )
        if found.window is not None and found.window[0] > found.window[1] and not self.faults:
            self.fault("to", "ends_before_it_begins")
        if found.cursor is not None and not self.faults and not cursors.belongs(found.cursor, found):
            self.fault("cursor", "not_a_cursor")
        if self.faults:
            raise Refused(self.faults)
        return found

    def fault(self, path: str, code: str, **params: object) -> None:
        self.faults.append(Fault(path, code, params))

    def one(self, name: str) -> str | None:
        """The only value of a parameter; an empty one is as good as none, for an HTML form sends every field."""
        if name not in self.params:
            return None
        values = [value for value in self.params.get(name, []) if value.strip()]
        if len(values) > 1:
            self.fault(name, "given_twice")
        return values[0].strip() if values else None

    def text(self) -> str:
        text = self.one("q") or ""
        if len(text) > TEXT_CHARS_MAX:
            self.fault("q", "too_long", limit=TEXT_CHARS_MAX)
        return text[:TEXT_CHARS_MAX]

    def many(self, name: str, is_well: object, code: str, **params: object) -> tuple[str, ...]:
        if name not in self.params:
            return ()
        assert callable(is_well)
        values = list(dict.fromkeys(value.strip() for value in self.params.get(name, []) if value.strip()))
        if len(values) > VALUES_MAX:
            self.fault(name, "too_many", limit=VALUES_MAX)
        for place, value in enumerate(values[:VALUES_MAX]):
            if not is_well(value):
                self.fault(f"{name}.{place}", code, **params)
        return tuple(values[:VALUES_MAX])

    def facets(self) -> tuple[tuple[str, str], ...]:
        pairs: list[tuple[str, str]] = []
        for name in self.params:
            field = name.removeprefix("facet.")
            if field == name:
                continue
            if not _KEY.fullmatch(field):
                self.fault(name[:40], "unknown_parameter")
                continue
            values = self.many(name, lambda v: len(v) <= _VALUE_CHARS_MAX, "too_long", limit=_VALUE_CHARS_MAX)
            pairs += [(field, value) for value in values]
        return tuple(pairs[:VALUES_MAX])

    def date(self, name: str) -> str | None:
        value = self.one(name)
        if value is not None and not _is_date(value):
            self.fault(name, "not_a_date")
            return None
        return value

    def related(self) -> str | None:
        value = self.one("related")
        if value is not None and not _is_element(value):
            self.fault("related", "not_an_element")
        return value

    def sort(self) -> str | None:
        value = self.one("sort")
        if value is not None and value not in SORTS:
            self.fault("sort", "not_a_sort", known=", ".join(SORTS))
            return None
        return value

    def integer(self, name: str, least: int, most: int, default: int) -> int:
        value = self.one(name)
        if value is None:
            return default
        if not _INTEGER.fullmatch(value) or not least <= int(value) <= most:
            self.fault(name, "not_between", least=least, most=most)
            return default
        return int(value)

    def numbers(self, name: str, count: int) -> list[float] | None:
        value = self.one(name)
        if value is None:
            return None
        parts = [part.strip() for part in value.split(",")]
        if len(parts) != count or not all(_NUMBER.fullmatch(part) for part in parts):
            self.fault(name, "not_numbers", count=count)
            return None
        return [float(part) for part in parts]

    def box(self) -> Box | None:
        numbers = self.numbers("box", 4)
        if numbers is None:
            return None
        west, south, east, north = numbers
        if max(abs(west), abs(east)) > 180 or max(abs(south), abs(north)) > 90 or south > north:
            self.fault("box", "not_a_box")
            return None
        return Box(_e7(west), _e7(south), _e7(east), _e7(north))

    def circle(self) -> Circle | None:
        numbers = self.numbers("circle", 3)
        if numbers is None:
            return None
        lat, lon, metres = numbers
        if abs(lat) > 90 or abs(lon) > 180 or not 1 <= metres <= RADIUS_METRES_MAX:
            self.fault("circle", "not_a_circle", limit=RADIUS_METRES_MAX)
            return None
        return Circle(_e7(lat), _e7(lon), round(metres))


def _e7(degrees: float) -> int:
    return round(degrees * E7)


def _degrees(value: int) -> str:
    """1e-7 degrees as decimal text, exactly."""
    digits = f"{abs(value):08d}"
    text = f"{digits[:-7]}.{digits[-7:]}".rstrip("0").rstrip(".")
    return f"-{text}" if value < 0 else text


def _is_date(text: str) -> bool:
    try:
        span(text)
    except ValueError:
        return False
    return True


def _is_element(text: str) -> bool:
    try:
        ElementId.parse(text)
    except ValueError:
        return False
    return True
