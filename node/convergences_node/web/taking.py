# SPDX-License-Identifier: AGPL-3.0-or-later
"""The ways to take a page elsewhere: one small row at the same place of every page, and the same for programs.

Which formats there are is said here once; the row, the `<link rel="alternate">` of the head and the addresses follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from convergences_node.index.query import Query
from convergences_node.web.cards import Reading
from convergences_node.web.filters import encoded

FORMATS = (
    ("ics", "text/calendar"),
    ("atom", "application/atom+xml"),
    ("geojson", "application/geo+json"),
    ("csv", "text/csv"),
    ("jsonld", "application/ld+json"),
)


@dataclass(frozen=True, slots=True)
class Take:
    """One way to take a page elsewhere."""

    label: str
    href: str
    media: str


def take_search(reading: Reading, asked: Query) -> tuple[Take, ...]:
    """A question, in every format: all of its answer, whatever page of it is read."""
    return _takes(reading, "/search", encoded(asked.without_page().to_params()))


def take_element(reading: Reading, element: str) -> tuple[Take, ...]:
    """An element, in every format."""
    return _takes(reading, f"/e/{quote(element, safe=':')}", "")


def _takes(reading: Reading, path: str, params: str) -> tuple[Take, ...]:
    return tuple(
        Take(reading.messages.text(f"take.{suffix}"), reading.link(f"{path}.{suffix}", params), media)
        for suffix, media in FORMATS
    )
