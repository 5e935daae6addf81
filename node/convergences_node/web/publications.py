# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is published on an element, in words: what, when, by whom, and about what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from convergences_node.index.published import KINDS_PUBLISHED, Publication
from convergences_node.index.query import Query
from convergences_node.index.views import ElementView
from convergences_node.web import dates, words
from convergences_node.web.cards import Reading, shorten
from convergences_node.web.element_facts import contents_query
from convergences_node.web.filters import page_link

SHOWN_MAX = 12
"""On the page of an element; the rest is behind one link."""
DEPTH = 4
"""How far the search for the rest looks: as far as a search goes."""


@dataclass(frozen=True, slots=True)
class Line:
    """One publication in the list."""

    title: str
    href: str
    lang: str | None
    type_label: str
    when: str
    when_iso: str
    by: str
    about: str
    about_href: str
    about_word: str
    summary: str


def lines(reading: Reading, found: tuple[Publication, ...], names: Mapping[str, str]) -> tuple[Line, ...]:
    """The publications, each on a few lines."""
    return tuple(_line(reading, each, names) for each in found)


def _line(reading: Reading, publication: Publication, names: Mapping[str, str]) -> Line:
    messages, item = reading.messages, publication.item
    by = publication.by.name if publication.by else names.get(item.territory, item.territory)
    about = publication.about
    return Line(
        title=item.name or messages.text("element.untitled"),
        href=reading.element(item.id),
        lang=reading.lang(),
        type_label=words.term_label(messages, item.kind, "type", item.type) if item.type else "",
        when=dates.when(messages, item.start, None, reading.zone) if item.start else _written(reading, item.time),
        when_iso=item.start or dates.iso(item.time),
        by=messages.text("published.by", name=by),
        about=about.name if about else "",
        about_href=reading.element(about.id) if about else "",
        about_word=messages.text("published.about"),
        summary=shorten(item.summary or ""),
    )


def _written(reading: Reading, time: int) -> str:
    """Without a date of its own, the day on which it was inscribed."""
    return dates.day_in_words(reading.messages, dates.iso(time)[:10], reading.zone)


def all_link(reading: Reading, view: ElementView) -> str:
    """Where all of it is found: with what is under a theme or in a territory, else with all that is linked."""
    query = contents_query(view) or Query(related=view.item.id, depth=DEPTH)
    return page_link(reading, Query(
        themes=query.themes, territories=query.territories, related=query.related, depth=query.depth,
        kinds=KINDS_PUBLISHED, sort="newest",
    ))  # fmt: skip
