# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where to go from an empty answer: other dates, fewer words, no filters. An answer that ends nowhere is no answer."""

from __future__ import annotations

from msgspec.structs import replace

from convergences_node.index.query import Query
from convergences_node.web.cards import Reading
from convergences_node.web.filters import LIST, Choice, page_link


def wider(reading: Reading, asked: Query) -> tuple[Choice, ...]:
    """Where to go from an empty answer."""
    messages, first = reading.messages, asked.without_page()
    found = []
    if asked.since or asked.until or asked.at:
        query = replace(first, since=None, until=None, at=None)
        found.append(Choice(messages.text("empty.without_when"), page_link(reading, query)))
    if len(words_of := asked.text.split()) > 1:
        for word in words_of[:3]:
            rest = " ".join(each for each in words_of if each != word)
            label = messages.text("empty.without_text", text=word)
            found.append(Choice(label, page_link(reading, replace(first, text=rest))))
    if asked.text and first != Query(text=asked.text):
        found.append(Choice(messages.text("empty.without_filters"), page_link(reading, Query(text=asked.text))))
    if not found and first != Query():
        found.append(Choice(messages.text("empty.everything"), page_link(reading, Query(), LIST)))
    return tuple(found)
