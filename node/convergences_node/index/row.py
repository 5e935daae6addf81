# SPDX-License-Identifier: AGPL-3.0-or-later
"""From a record's fields to what the index stores of it. Pure: the same record always gives the same `Row`.

What each field is for is read from its kind's declaration (`plan.py`): a kind that is added tomorrow is searched
without a line here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

import msgspec
from convergences_protocol.edtf import span
from convergences_protocol.element import UUID_BYTES, ElementId

from convergences_node.index.card import SaidBy, card_of
from convergences_node.index.cells import squares_of, squares_of_point
from convergences_node.index.normalise import normalise, sort_key
from convergences_node.index.occurrences import Horizon, Range, expand
from convergences_node.index.plan import Plan, plan_among, plan_of
from convergences_node.index.query import Box

TAGS_MAX = 64
"""Facet values of one element; a list of themes longer than that is not sorted into all of them."""
SPANS = (2 * 86_400, 32 * 86_400)
"""How long things last, in classes that are looked for apart (`dated.span`): what began two days before a date may
still go on if it is of the first, a month before if of the second. What lasts longer, or recurs, is of a third."""
BIRTH_MS_MIN = 1_577_836_800_000
"""2020-01-01: rows count milliseconds from here."""
BIRTH_MS_BITS = 41
ROW_BITS = 6
LAST_BITS = (1 << ROW_BITS) - 1
"""The bits of a row that are drawn by lot."""

LISTED = ("", "listed")
"""The tag of every element that has a name to be listed by: what a question without a kind looks through."""
UNDATED = ("", "undated")
"""The tag of those among them that happen at no date."""

_IN_TAG, _BETWEEN_TAGS = "\t", "\n"
"""Between a facet and its value, and between tags: control characters, which no facet's value has (values.py)."""

_ENDS = re.compile(r"\b(?:UNTIL|COUNT)=", re.IGNORECASE)
"""What a recurrence rule (RFC 5545 section 3.3.10) says if it comes to an end."""

_encode = msgspec.json.Encoder().encode
_span = lru_cache(maxsize=8_192)(span)  # most dates of a town are those of a few seasons


class Edge(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """`subject predicate object`, said by the row it belongs to. Ends are ids as the index stores them."""

    subject: bytes
    predicate: str
    object: bytes
    began: int | None
    ended: int | None


class TerritoryFacts(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What a territory's record says."""

    code: str
    name: str
    within: tuple[str, ...]
    former_names: tuple[str, ...]
    former_codes: tuple[str, ...]


class Row(msgspec.Struct, frozen=True, gc=False, kw_only=True, array_like=True):
    """One element as the index stores it, but for the numbers that only its tables know. Made a hundred thousand times
    in a rebuild: a struct costs a tenth of a frozen dataclass."""

    id: bytes
    birth: int
    kind: str
    fields: bytes
    """JSON, as it is stored: nobody on the way needs it as text."""
    card: bytes
    """What a list shows of it (card.py), JSON too."""
    name_key: str
    a: str
    b: str
    c: str
    tags: str
    """All of them as one text (`tags_in` takes it apart): elements share their tags, so it is looked up as it is, and
    a text is made and sent in a twentieth of the time of as many pairs."""
    first: int | None
    last: int | None
    began: int | None
    ended: int | None
    lat: int | None
    lon: int | None
    outline: Box | None
    cells: str
    """The squares it lies in, as words."""
    occurrences: tuple[Range, ...] | None
    edges: tuple[Edge, ...]
    territory: TerritoryFacts | None


def id_of(element: ElementId) -> bytes:
    """An element's id as the index stores it."""
    return element.uuid + element.territory.encode()


def element_of(stored: bytes) -> ElementId:
    """The element whose id is stored so."""
    return ElementId(territory_of_id(stored), stored[:UUID_BYTES])


def territory_of_id(stored: bytes) -> str:
    """Where the element whose id is stored so was born."""
    return stored[UUID_BYTES:].decode()


def birth_of(uuid: bytes) -> int:
    """The row that an element would like: milliseconds of its uuid since 2020, then a few of its random bits."""
    offset = int.from_bytes(uuid[:6], "big") - BIRTH_MS_MIN
    if not 0 < offset < 1 << BIRTH_MS_BITS:
        offset = 1 if offset < 1 else (1 << BIRTH_MS_BITS) - 1
    return offset << ROW_BITS | uuid[15] & LAST_BITS


class Said(NamedTuple):
    """A readable record, as a row is made of it."""

    element: ElementId
    kind: str
    fields: Mapping[str, Any]
    said_by: SaidBy


class _When(NamedTuple):
    first: int | None
    last: int | None
    began: int | None
    ended: int | None
    occurrences: tuple[Range, ...] | None


class _Where(NamedTuple):
    point: tuple[int, int] | None
    outline: Box | None
    cells: str


def make_row(element: ElementId, kind: str, fields: Mapping[str, Any], horizon: Horizon, said_by: SaidBy) -> Row:
    """What the index stores of a readable record."""
    return make_rows([Said(element, kind, fields, said_by)], horizon)[0]


def make_rows(said: Sequence[Said], horizon: Horizon) -> list[Row]:
    """What the index stores of readable records. Each step is taken for all of them before the next (decision 118)."""
    plans = [plan_among(each.kind, tuple(each.fields)) for each in said]
    words = [[_words(names, each.fields) for names in plan.texts] for each, plan in zip(said, plans, strict=True)]
    whens = [_when(plan, each.fields, horizon) for each, plan in zip(said, plans, strict=True)]
    wheres = [_where(plan, each.fields) for each, plan in zip(said, plans, strict=True)]
    names = [str(each.fields.get(plan.title, "")) if plan.title else "" for each, plan in zip(said, plans, strict=True)]
    name_keys = [sort_key(name) for name in names]
    tags = [_tags(plan, each, when.first) for each, plan, when in zip(said, plans, whens, strict=True)]
    cards = [_card(*made) for made in zip(said, names, whens, wheres, strict=True)]
    made = zip(said, plans, words, whens, wheres, name_keys, tags, cards, strict=True)
    return [_row(*each) for each in made]


def _row(
    said: Said, plan: Plan, words: Sequence[str], when: _When, where: _Where, name_key: str, tags: str, card: bytes
) -> Row:
    element, kind, fields, _ = said
    a, b, c = words
    first, last, began, ended, occurrences = when
    lat, lon = where.point or (None, None)
    return Row(
        id=id_of(element),
        birth=birth_of(element.uuid),
        kind=kind,
        fields=_encode(fields),
        card=card,
        name_key=name_key,
        a=a,
        b=b,
        c=c,
        tags=tags,
        first=first,
        last=last,
        began=began,
        ended=ended,
        lat=lat,
        lon=lon,
        outline=where.outline,
        cells=where.cells,
        occurrences=occurrences,
        edges=tuple(_edges(plan, element, fields, began, ended)) if plan.is_relation or plan.mentions else (),
        territory=_territory(fields) if plan.is_territory else None,
    )


def _card(said: Said, name: str, when: _When, where: _Where) -> bytes:
    element, kind, fields, said_by = said
    recurs = when.occurrences is not None
    return card_of(element, kind, name, fields, (when.first, when.last), recurs, where.point, said_by)


def _when(plan: Plan, fields: Mapping[str, Any], horizon: Horizon) -> _When:
    first, last, began, ended = _dates(plan, fields)
    occurrences = _occurrences(plan, fields, horizon)
    if occurrences:
        # A series without an end has one at the horizon: what lies beyond is not known yet.
        last = max(occurrences[-1][1], last or occurrences[-1][1])
    if occurrences is not None and plan.exists == plan.happens:
        # It is there until its series ends, not until its first time does.
        ended = last if _ENDS.search(fields["recurrence"]) else None
    return _When(first, last, began, ended, occurrences)


def _words(names: Sequence[str], fields: Mapping[str, Any]) -> str:
    """The words of these fields, normalised; none that runs from one field, or item, into the next."""
    if not names:
        return ""
    values = [fields[name] for name in names]
    return normalise(" \n".join([value if type(value) is str else " \n".join(value) for value in values]))


def _tags(plan: Plan, said: Said, first: int | None) -> str:
    element, kind, fields, _ = said
    towns = [town for name in plan.towns if (town := fields[name]) != element.territory]
    values = [tuple(fields[name]) if many else fields[name] for name, many in plan.facets]
    return _tags_of(plan, kind, element.territory, tuple(towns), None if first is None else _year(first), *values)


@lru_cache(maxsize=8_192)
def _tags_of(
    plan: Plan, kind: str, home: str, towns: tuple[str, ...], year: int | None, *values: str | int | tuple[str, ...]
) -> str:
    """All tags of an element of these facets. Elements share them: most of these texts are made once for many."""
    found = list(_usual_tags(kind, home, towns, year))
    for (name, _), value in zip(plan.facets, values, strict=True):
        found += [f"{name}{_IN_TAG}{item}" for item in (value if isinstance(value, tuple) else (value,))]
    return _BETWEEN_TAGS.join(dict.fromkeys(found))


def _usual_tags(kind: str, home: str, towns: tuple[str, ...], year: int | None) -> Iterator[str]:
    """The tags that every element has: its kind's first, its territories', whether it is listed, and when."""
    found = [("kind", kind), ("territory", home), ("territory kind", f"{home} {kind}")]
    if plan_of(kind).title:
        found.append(LISTED)
    for town in towns:
        found += (("territory", town), ("territory kind", f"{town} {kind}"))
    found.append(UNDATED if year is None else ("year", f"{year:04}"))
    return map(_IN_TAG.join, found)


def tags_in(text: str) -> list[tuple[str, str]]:
    """The tags of an element, as facets and values, from a row's text; no more than `TAGS_MAX`."""
    found = dict.fromkeys(text.split(_BETWEEN_TAGS))
    return [(facet, value) for tag in islice(found, TAGS_MAX) for facet, _, value in (tag.partition(_IN_TAG),)]


@lru_cache(maxsize=8_192)
def _year(second: int) -> int:
    """The year (UTC) of a second: by arithmetic, for years that datetime does not have and for speed."""
    days = second // 86_400 + 719_468
    era = days // 146_097
    day_of_era = days - era * 146_097
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    # The era's years begin in March; January and February belong to the next.
    return year_of_era + era * 400 + (1 if day_of_year >= 306 else 0)


def _dates(plan: Plan, fields: Mapping[str, Any]) -> tuple[int | None, int | None, int | None, int | None]:
    """(first, last) of what happens, then (began, ended) of what exists; None where nothing is known."""
    first = last = began = ended = None
    if plan.happens and (start := fields.get(plan.happens[0])) is not None:
        first, last = _span(start)
        end = fields.get(plan.happens[1]) if plan.happens[1] else None
        last = max(last if end is None else _span(end)[1], first)
    if plan.exists:
        if (start := fields.get(plan.exists[0])) is not None:
            began = _span(start)[0]
        if plan.exists[1] and (end := fields.get(plan.exists[1])) is not None:
            ended = _span(end)[1]
        elif plan.exists == plan.happens and "recurrence" not in fields:
            ended = last  # what happens once is over once it has happened
    return first, last, began, ended


def _occurrences(plan: Plan, fields: Mapping[str, Any], horizon: Horizon) -> tuple[Range, ...] | None:
    if not plan.recurs:
        return None
    found = expand(
        fields["start"],
        fields.get("end"),
        fields["recurrence"],
        fields.get("exceptions", ()),
        fields.get("timezone"),
        horizon,
    )
    return tuple(found)


def _where(plan: Plan, fields: Mapping[str, Any]) -> _Where:
    """The point of an element; or, if it has none, the box around its outline."""
    for name in plan.points:
        lat, lon = fields[name]
        return _Where((lat, lon), None, " ".join(squares_of_point(lat, lon)))
    lats: list[int] = []
    lons: list[int] = []
    for name in plan.outlines:
        for ring in _rings(fields[name]):
            lats += ring[0::2]
            lons += ring[1::2]
    outline = Box(min(lons), min(lats), max(lons), max(lats)) if lats else None
    return _Where(None, outline, " ".join(squares_of(outline)))


def _rings(outline: Iterable[Any]) -> Iterator[list[int]]:
    """The outer rings of an outline's polygons."""
    for polygon in outline:
        if polygon and isinstance(polygon[0], list):
            yield polygon[0]


def _edges(
    plan: Plan, element: ElementId, fields: Mapping[str, Any], began: int | None, ended: int | None
) -> Iterator[Edge]:
    if plan.is_relation:
        subject, target = ElementId.parse(fields["subject"]), ElementId.parse(fields["object"])
        yield Edge(id_of(subject), fields["predicate"], id_of(target), began, ended)
    for name, many in plan.mentions:
        value = fields[name]
        for item in dict.fromkeys(value if many else (value,)):
            yield Edge(id_of(element), name, id_of(ElementId.parse(item)), None, None)


def _territory(fields: Mapping[str, Any]) -> TerritoryFacts:
    return TerritoryFacts(
        code=fields["code"],
        name=fields["name"],
        within=tuple(fields.get("within", ())),
        former_names=tuple(fields.get("former_names", ())),
        former_codes=tuple(fields.get("former_codes", ())),
    )


def forget_rows() -> None:
    """Remember no span, no year and no tags that several rows shared."""
    for remembered in (_span, _year, _tags_of):
        remembered.cache_clear()
