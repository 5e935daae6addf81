# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every way from one question to the next: choose a filter or take it back, sort, move in time, look wider.

All of them are links: a question is an address, so it can be kept, sent, and opened without script.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import starmap
from urllib.parse import quote_plus

import msgspec
from convergences_protocol.kinds import KINDS
from msgspec.structs import replace

from convergences_node.index.query import SORTS, Query
from convergences_node.index.views import FacetCount, Facets
from convergences_node.web import dates, words
from convergences_node.web.cards import Reading
from convergences_node.web.messages import Messages

# A group with more values than this is a list to search, not to read.
VALUES_PER_FACET_MAX = 12
# In the order of a person's questions. Counts for the others are in the API.
FACETS_SHOWN = ("kind", "type", "themes", "territory", "year")
FACETS_OPEN = ("kind", "themes")
_SATURDAY = 5
LIST, AGENDA, MAP, TIMELINE = "liste", "agenda", "carte", "frise"
"""The views of an answer, as addresses name them."""


class Choice(msgspec.Struct, frozen=True, gc=False):
    """Something that can be chosen or taken back: a filter's value, an order, a span of dates."""

    label: str
    href: str
    chosen: bool = False
    count: str = ""
    lang: str | None = None


class Group(msgspec.Struct, frozen=True):
    """A facet with its values."""

    key: str
    label: str
    choices: tuple[Choice, ...]
    open: bool


def page_link(reading: Reading, query: Query, view: str | None = None) -> str:
    """The address of the page that answers a question, in the view that the reader is in unless another is named."""
    return params_link(reading, query.to_params(), reading.view if view is None else view)


def params_link(reading: Reading, params: list[tuple[str, str]], view: str) -> str:
    """The same of a question that is written as parameters already."""
    return reading.link("/", encoded(_viewed(params, view)))


def encoded(pairs: Sequence[tuple[str, str]]) -> str:
    """As `urllib.parse.urlencode`. A page has a hundred links that repeat a few values: each is written once."""
    return "&".join(starmap(_pair, pairs))


@lru_cache(maxsize=4_096)
def _pair(name: str, value: str) -> str:
    return f"{_quoted(name)}={_quoted(value)}"


_quoted = lru_cache(maxsize=4_096)(quote_plus)


def page_params(query: Query, view: str) -> list[tuple[str, str]]:
    """The parameters of that address. A list is the view of a question; without any, the address is the home page's."""
    return _viewed(query.to_params(), view)


def _viewed(params: list[tuple[str, str]], view: str) -> list[tuple[str, str]]:
    return [*params, ("vue", view)] if view and (view != LIST or not params) else params


def today(reading: Reading) -> date:
    """The reader's day."""
    return datetime.fromtimestamp(reading.now, reading.zone).date()


def weekend_of(day: date) -> tuple[date, date]:
    """What is left of this week's Saturday and Sunday: on a Sunday, that day alone."""
    saturday = day + timedelta(days=_SATURDAY - day.weekday())
    return max(saturday, day), saturday + timedelta(days=1)


def month_of(day: date) -> tuple[date, date]:
    """The first and last day of a month."""
    return day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1])


def sorts(reading: Reading, asked: Query) -> tuple[Choice, ...]:
    """The orders, with the one that applies; the nearest to a text, only when there is one."""
    names = [name for name in SORTS if name != "relevance" or asked.text]
    first = asked.without_page()
    return tuple(
        Choice(
            reading.messages.text(f"sort.{name}"), page_link(reading, replace(first, sort=name)), asked.order == name
        )
        for name in names
    )


def spans(reading: Reading, asked: Query) -> tuple[Choice, ...]:
    """Today, this weekend, this month, any date."""
    now = today(reading)
    named: list[tuple[str, date | None, date | None]] = [
        ("any", None, None),
        ("today", now, now),
        ("weekend", *weekend_of(now)),
        ("month", *month_of(now)),
    ]
    return tuple(_span(reading, asked, name, first, until) for name, first, until in named)


def _span(reading: Reading, asked: Query, name: str, first: date | None, until: date | None) -> Choice:
    since_text = first.isoformat() if first else None
    until_text = until.isoformat() if until else None
    query = replace(asked.without_page(), since=since_text, until=until_text, at=None, sort=None)
    same = (asked.since, asked.until, asked.at) == (since_text, until_text, None)
    return Choice(reading.messages.text(f"when.{name}"), page_link(reading, query), same)


def groups(reading: Reading, asked: Query, facets: Facets) -> tuple[Group, ...]:
    """The facets that a person reads, each value with its count, the chosen ones first to be taken back."""
    found = []
    for key in FACETS_SHOWN:
        counts = facets.counts.get(key, ())
        link = _links(reading, asked, key)
        choices = tuple(
            _choice(reading, asked, key, count, link, facets.exact) for count in counts[:VALUES_PER_FACET_MAX]
        )
        if len(choices) > 1 or any(choice.chosen for choice in choices):
            label = reading.messages.text(f"facet.{key}")
            is_open = key in FACETS_OPEN or any(choice.chosen for choice in choices)
            found.append(Group(key, label, choices, is_open))
    return tuple(found)


def _choice(
    reading: Reading, asked: Query, key: str, count: FacetCount, link: Callable[[str], str], exact: bool
) -> Choice:
    label = count.label or words.facet_label(reading.messages, key, count.value, asked.kinds or words.KINDS_SHOWN)
    number = _number(reading.messages, count.count, exact)
    is_chosen = _is_chosen(asked, key, count.value)
    href = page_link(reading, toggled(asked, key, count.value)[0]) if is_chosen else link(count.value)
    return Choice(label, href, is_chosen, number, reading.lang() if count.label else None)


def _links(reading: Reading, asked: Query, key: str) -> Callable[[str], str]:
    """What gives the address at which a value of this facet is chosen. They differ in the value alone: one is written,
    with a value that no question has, and cut where that stands."""
    pieces = page_link(reading, toggled(asked, key, _NO_VALUE)[0]).split(_quoted(_NO_VALUE))
    return lambda value: _quoted(value).join(pieces)


@lru_cache(maxsize=2_048)
def _number(messages: Messages, count: int, exact: bool) -> str:
    if exact:
        return messages.number(count)
    return messages.text("filter.about", number=messages.number(about(count)))


def about(count: int) -> int:
    """An estimate to its first two digits, which is more than is known of it."""
    tens: int = 10 ** max(len(str(count)) - 2, 0)
    return round(count / tens) * tens


def toggled(asked: Query, key: str, value: str) -> tuple[Query, bool]:
    """The question with this facet's value chosen, or taken back if it was; and whether it was."""
    first, is_chosen = asked.without_page(), _is_chosen(asked, key, value)
    if key == "year":
        return replace(first, since=None if is_chosen else value, until=None if is_chosen else value), is_chosen
    if key in _LISTS:
        name = _LISTS[key]
        values: tuple[str, ...] = getattr(first, name)
        kept = tuple(each for each in values if each != value)
        return replace(first, **{name: kept if is_chosen else (*values, value)}), is_chosen
    pair = (key, value)
    others = tuple(each for each in first.facets if each != pair)
    return replace(first, facets=others if is_chosen else (*others, pair)), is_chosen


def _is_chosen(asked: Query, key: str, value: str) -> bool:
    if key == "year":
        return (asked.since, asked.until) == (value, value)
    return value in getattr(asked, _LISTS[key]) if key in _LISTS else (key, value) in asked.facets


_LISTS = {"kind": "kinds", "themes": "themes", "territory": "territories"}
_NO_VALUE = "\0"
"""Refused at the door, wherever it stands (`asking.check_query`)."""


def chosen(reading: Reading, asked: Query, facets: Facets) -> tuple[Choice, ...]:
    """Every filter in the question, each with the address that takes it back."""
    messages, first = reading.messages, asked.without_page()
    found = []
    for key, value in _chosen_values(asked):
        labels = {count.value: count.label for count in facets.counts.get(key, ())}
        label = labels.get(value) or words.facet_label(messages, key, value, asked.kinds or tuple(KINDS))
        found.append(Choice(label, page_link(reading, toggled(asked, key, value)[0])))
    for name, field in (
        ("circle", "circle"),
        ("related", "related"),
        *_said_by_view(reading),
    ):
        if (value := getattr(asked, field)) is not None:
            day = dates.day_in_words(messages, value, reading.zone) if isinstance(value, str) else ""
            label = messages.text(f"filter.label.{name}", day=day)
            found.append(Choice(label, page_link(reading, replace(first, **{field: None}))))
    return tuple(found)


def _said_by_view(reading: Reading) -> tuple[tuple[str, str], ...]:
    """An agenda says its dates in its title and leads to others; a map shows its own frame and its own moment."""
    frame = () if reading.view == MAP else (("box", "box"), ("at", "at"))
    return frame if reading.view == AGENDA else (*frame, ("from", "since"), ("to", "until"))


def _chosen_values(asked: Query) -> Iterator[tuple[str, str]]:
    if asked.kinds != words.KINDS_SHOWN:
        yield from (("kind", kind) for kind in asked.kinds)
    yield from (("themes", theme) for theme in asked.themes)
    yield from (("territory", code) for code in asked.territories)
    yield from asked.facets
