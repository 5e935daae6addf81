# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a card shows of an element, and how one is linked to: an index's answer, made ready for a template."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote
from zoneinfo import ZoneInfo

from convergences_protocol.edtf import span

from convergences_node.index.views import Item, Same
from convergences_node.media.thumbs import Thumb
from convergences_node.web import dates, words
from convergences_node.web.messages import Messages

# On a card; the whole of it is one tap away.
SUMMARY_CHARACTERS_MAX = 220
# Of what is the same as what a card shows.
SAME_SAID_MAX = 3
# A state that changes what a reader would do is said on the card; the others only on the page.
STATES_SAID = frozenset({"cancelled", "postponed", "tentative", "ended"})
_IS_PLAIN = re.compile(r"[A-Za-z0-9:-]*").fullmatch


@dataclass(frozen=True, slots=True)
class Reading:
    """Who reads: the language, the hours, the moment, and what every link keeps."""

    messages: Messages
    zone: ZoneInfo
    now: int
    record_language: str
    """The language records are in when they do not say."""
    language_asked: str | None
    """The language named in the address, which every link keeps."""
    view: str = ""
    """The view that an answer is read in (list, map, …), which its links keep; empty where there is no answer."""
    is_here: Callable[[str], bool] = field(default=lambda digest: False, compare=False)
    """Whether this node has received a picture: one that it has not is not shown in a list."""

    towns: Mapping[str, str] = field(default_factory=dict, compare=False)
    """The names of the other towns, where an answer has what several say."""
    source_title: Callable[[str], str] = field(default=str, compare=False)
    """What a source is called in words, by the code that a record has of it."""
    year: int | None = None
    """This year, which nobody has to be told beside each day."""

    def link(self, path: str, query: str = "") -> str:
        """An address of ours, in the language that was asked for."""
        parts = [query] if query else []
        if self.language_asked:
            parts.append(f"lang={self.language_asked}")
        return f"{path}?{'&'.join(parts)}" if parts else path

    def element(self, element: str) -> str:
        """The page of an element. An id as it is has no sign that an address would write otherwise."""
        return self.link(f"/e/{element if _IS_PLAIN(element) else quote(element, safe=':')}")

    def lang(self, language: str | None = None) -> str | None:
        """The `lang` of a record's text where it differs from the page's."""
        return words.is_foreign(language, self.messages.language, self.record_language)


class Card(NamedTuple):
    """One element in a list. The macro that draws it takes these in their order."""

    href: str
    kind: str
    kind_label: str
    type_label: str
    title: str
    lang: str | None
    when: str
    when_iso: str
    where: str
    summary: str
    state: str
    known_as: str = ""
    """What else it is called, and by whom, where several elements are the same."""
    picture: Thumb | None = None


def card(reading: Reading, item: Item) -> Card:
    """The card of an element."""
    messages = reading.messages
    start, end = _shown_dates(item)
    return Card(
        href=reading.element(item.id),
        kind=item.kind,
        kind_label=words.kind_label(messages, item.kind),
        type_label=words.term_label(messages, item.kind, "type", item.type) if item.type else "",
        title=item.name or messages.text("element.untitled"),
        lang=reading.lang(),
        when=dates.when(messages, start, end, reading.zone, reading.year),
        when_iso=start or end or "",
        where=where(reading, item),
        summary=shorten(item.summary or ""),
        state=words.term_label(messages, item.kind, "status", item.status) if item.status in STATES_SAID else "",
        known_as=known_as(reading, item.same),
        picture=picture_here(reading, item),
    )


def picture_here(reading: Reading, item: Item) -> Thumb | None:
    """The picture that stands for an element in a list, if its file is here."""
    return item.picture if item.picture is not None and reading.is_here(item.picture.digest) else None


def known_as(reading: Reading, same: Sequence[Same]) -> str:
    """The names of what is the same, each with where it is from; those beyond a few as a number."""
    messages = reading.messages
    said = [
        messages.text("same.by", name=each.name, source=reading.source_title(each.source)) if each.source else each.name
        for each in same[:SAME_SAID_MAX]
    ]
    if not said:
        return ""
    more = [messages.count("same.more", len(same) - SAME_SAID_MAX)] if len(same) > SAME_SAID_MAX else []
    return messages.text("same.known_as", names=" · ".join(said + more))


def _shown_dates(item: Item) -> tuple[str | None, str | None]:
    """The dates to say: for what recurs, the occurrence that the question found, as long as the first one."""
    if not item.recurring or item.first is None:
        return item.start, item.end
    if not item.start or "T" not in item.start:
        return dates.iso(item.first)[:10], None
    if not item.end or "T" not in item.end:
        return dates.iso(item.first), None
    seconds = span(item.end)[0] - span(item.start)[0]
    return dates.iso(item.first), dates.iso(item.first + seconds)


def where(reading: Reading, item: Item) -> str:
    """Where it is, on one line; if its record does not say, at least which town it is from."""
    fields: Mapping[str, object] = {"address": item.address, "locality": item.locality}
    return words.place_line(fields) or reading.towns.get(item.town or item.territory, "")


def shorten(text: str, most: int = SUMMARY_CHARACTERS_MAX) -> str:
    """The beginning of a text, cut between two words; within one where that would leave little of it, for not all
    languages put spaces."""
    text = " ".join(text.split())
    if len(text) <= most:
        return text
    begin = text[:most].rpartition(" ")[0].rstrip(" ,;:")
    return f"{begin} …" if len(begin) >= most // 2 else f"{text[:most].rstrip()}…"
