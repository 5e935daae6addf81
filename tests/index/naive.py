# SPDX-License-Identifier: AGPL-3.0-or-later
"""Search by the plainest means: look at every element, keep what suits, sort. What the index is measured against.

Written from the documentation of `Query`, with none of the index's tables, tags or lists. It shares only the normaliser
(what a word is) and the expansion of recurrences.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from convergences_node.index.normalise import SMALL_WORDS, sort_key, words
from convergences_node.index.occurrences import expand
from convergences_node.index.projection import Speakers
from convergences_node.index.query import Query
from convergences_protocol.edtf import span
from convergences_protocol.element import ElementId
from convergences_protocol.kinds import KINDS
from convergences_protocol.origin import territory_of

from .making import HORIZON, Logs, states_of

State = tuple[str, dict[str, Any]]
TEXT = {
    "A": ("name", "other_names", "code", "former_names", "former_codes"),
    "B": ("summary", "postcodes"),
    "C": ("description", "address", "locality", "text", "period", "audience", "accessibility", "role"),
}


@dataclass
class Naive:
    """All elements, by id."""

    states: Mapping[ElementId, State]
    merged: Mapping[str, set[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, logs: Logs, speakers: Speakers) -> Naive:
        merged: dict[str, set[str]] = {}
        for territory, spoken in speakers.items():
            for origin, _ in spoken:
                other = territory_of(origin)
                if other != territory and len(other) == len(territory):
                    merged.setdefault(territory, set()).add(other)
                    merged.setdefault(other, set()).add(territory)
        return cls({element: (kind, fields) for element, kind, fields in states_of(logs, speakers)}, merged)

    def search(self, query: Query) -> list[str]:
        """The ids of all that suits, sorted; by row (birth) for relevance, which has no naive order."""
        found = [element for element in self.states if self.suits(element, query)]
        return [str(element) for element in sorted(found, key=lambda element: self.key(element, query))]

    # ---------------------------------------------------------------------------------------------------------- order
    def key(self, element: ElementId, query: Query) -> tuple[Any, ...]:
        _, fields = self.states[element]
        if query.order == "name":
            return sort_key(fields["name"]) if "name" in fields else "", element.uuid
        if query.order == "date":
            return self.date(element, query), element.uuid
        return (bytes(255 - byte for byte in element.uuid),)

    def date(self, element: ElementId, query: Query) -> int:
        moments = self.moments(element)
        if not moments:
            return 1 << 60
        if query.window is None or "recurrence" not in self.states[element][1]:
            return self.begins(element)
        first, last = query.window
        return min(a for a, z in moments if a <= last and z >= first)

    # --------------------------------------------------------------------------------------------------------- filters
    def suits(self, element: ElementId, query: Query) -> bool:
        kind, fields = self.states[element]
        return (
            (kind in query.kinds if query.kinds else kind != "relation")
            and self.has_words(element, query)
            and (not query.territories or not self.territories(element).isdisjoint(self.meant(query)))
            and (not query.themes or not set(fields.get("themes", ())).isdisjoint(self.narrower(query.themes)))
            and all(self.has_facet(element, name, query) for name, _ in query.facets)
            and self.is_inside(fields, query)
            and self.happens(element, query)
            and self.exists(element, query)
        )

    def has_words(self, element: ElementId, query: Query) -> bool:
        wanted = words(query.text)
        if any(word not in SMALL_WORDS for word in wanted):
            wanted = [word for word in wanted if word not in SMALL_WORDS]
        return set(wanted) <= self.words(element) if query.text else True

    def words(self, element: ElementId) -> set[str]:
        kind, fields = self.states[element]
        searched = [f.name for f in KINDS[kind].fields if f.searched]
        values = [value for name in searched if (value := fields.get(name)) is not None]
        themes = [self.states[ElementId.parse(theme)][1]["name"] for theme in self.themes(element)]
        return {word for value in [*values, themes] for text in as_list(value) for word in words(text)}

    def themes(self, element: ElementId) -> set[str]:
        """Its themes and all broader ones, those that there are."""
        found = set(self.states[element][1].get("themes", ()))
        while True:
            states = [self.states.get(ElementId.parse(theme)) for theme in found]
            more = {state[1]["broader"] for state in states if state is not None and "broader" in state[1]}
            if more <= found:
                return {theme for theme in found if ElementId.parse(theme) in self.states}
            found |= more

    def territories(self, element: ElementId) -> set[str]:
        return {element.territory, self.states[element][1].get("town", element.territory)}

    def meant(self, query: Query) -> set[str]:
        return {code for named in query.territories for code in (named, *self.merged.get(named, ()))}

    def narrower(self, themes: Sequence[str]) -> set[str]:
        found = set(themes)
        while True:
            more = {str(e) for e, (kind, f) in self.states.items() if kind == "theme" and f.get("broader") in found}
            if more <= found:
                return found
            found |= more

    def has_facet(self, element: ElementId, name: str, query: Query) -> bool:
        wanted = {value for other, value in query.facets if other == name}
        return not wanted.isdisjoint(map(str, as_list(self.states[element][1].get(name, []))))

    def is_inside(self, fields: dict[str, Any], query: Query) -> bool:
        if query.box is None and query.circle is None:
            return True
        if "location" not in fields:
            return False
        lat, lon = fields["location"]
        if query.box is not None:
            box = query.box
            between = box.west <= lon <= box.east if box.west <= box.east else lon >= box.west or lon <= box.east
            if not (between and box.south <= lat <= box.north):
                return False
        if query.circle is not None:
            return metres((lat, lon), (query.circle.lat, query.circle.lon)) <= query.circle.metres
        return True

    def happens(self, element: ElementId, query: Query) -> bool:
        if query.window is None:
            return True
        first, last = query.window
        return any(a <= last and z >= first for a, z in self.moments(element))

    def begins(self, element: ElementId) -> int:
        _, fields = self.states[element]
        return span(next(fields[name] for name in ("start", "published", "founded", "began") if name in fields))[0]

    def moments(self, element: ElementId) -> list[tuple[int, int]]:
        _, fields = self.states[element]
        if "recurrence" in fields:
            return expand(fields["start"], fields.get("end"), fields["recurrence"], (), None, HORIZON)
        for name in ("start", "published", "founded", "began"):
            if name in fields:
                first, last = span(fields[name])
                if name == "start" and "end" in fields:
                    last = max(span(fields["end"])[1], first)
                return [(first, last)]
        return []

    def exists(self, element: ElementId, query: Query) -> bool:
        if query.moment is None:
            return True
        first, last = query.moment
        began, ended = self.existence(element)
        return (began is None or began <= last) and (ended is None or ended >= first)

    def existence(self, element: ElementId) -> tuple[int | None, int | None]:
        kind, fields = self.states[element]
        pairs = {"actor": ("founded", "dissolved"), "action": ("start", "end"), "relation": ("from", "to")}
        start, end = pairs.get(kind, ("began", "ended"))
        began = span(fields[start])[0] if start in fields else None
        ended = span(fields[end])[1] if end in fields else None
        if kind == "action" and "recurrence" in fields:
            lasts = [last for _, last in self.moments(element)]
            is_over = "UNTIL=" in fields["recurrence"] or "COUNT=" in fields["recurrence"]
            ended = max([*lasts, span(fields[start])[1], ended or 0]) if is_over else None
        elif kind == "action" and ended is None and began is not None:
            ended = span(fields[start])[1]
        return began, ended


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def metres(one: tuple[int, int], other: tuple[int, int]) -> float:
    """The great-circle distance (haversine) on a sphere of 6,371 km."""
    (lat, lon), (lat2, lon2) = (tuple(math.radians(value / 1e7) for value in point) for point in (one, other))
    half = math.sin((lat2 - lat) / 2) ** 2 + math.cos(lat) * math.cos(lat2) * math.sin((lon2 - lon) / 2) ** 2
    return 2 * 6_371_000 * math.asin(math.sqrt(half))
