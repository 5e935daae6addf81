# SPDX-License-Identifier: AGPL-3.0-or-later
"""What of an element is compared with another: a small frozen struct, read once from its record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from convergences_node.index.normalise import words
from convergences_node.same.names import address_of, name_words, names_of, phone_of, site_of

Words = tuple[str, ...]

KINDS_COMPARED = ("actor", "place", "action")
"""One kind is only compared with itself: a place and who meets there are two things that share a name."""


class Facts(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One element, ready to be compared."""

    id: str
    name: str
    kind: str
    type: str
    state: str
    """The record that says so, `origin/index`: another one for each change."""
    source: str
    names: tuple[Words, ...]
    town: str
    """The commune that the record names; empty where it names none, for an agglomeration's own things are in any."""
    town_words: Words
    number: str
    street: Words
    site: str
    phone: str
    mail: str
    point: tuple[int, int] | None
    dates: tuple[str, str] | None
    """Days on which an action happens; a name may come back every year."""
    point_shared: bool = False
    """Many elements have this very point: it is the middle of a commune, and tells nothing."""
    site_shared: bool = False
    """Many elements have this site: it is a town's, or a federation's."""

    @property
    def area(self) -> str:
        """Where it is looked for: its commune, else the territory whose log says it."""
        return self.town or self.id.partition(":")[0]


def facts_of(element: str, kind: str, state: str, fields: Mapping[str, Any]) -> Facts:
    """The facts of an element's current record."""
    get = fields.get
    locality = get("locality") or ""
    town_words = frozenset(words(locality))
    number, street = address_of(get("address") or "", town_words)
    return Facts(
        id=element,
        name=get("name") or "",
        kind=kind,
        type=get("type") or "",
        state=state,
        source=get("source") or "",
        names=names_of(get("name") or "", list(get("other_names") or ())),
        town=get("town") or "",
        town_words=name_words(locality) if locality else (),
        number=number,
        street=street,
        site=site_of(get("website") or ""),
        phone=phone_of(get("phone") or ""),
        mail=(get("email") or "").lower(),
        point=_point(get("location")),
        dates=_dates(fields) if kind == "action" else None,
    )


def _point(location: Any) -> tuple[int, int] | None:
    return (location[0], location[1]) if location else None


def _dates(fields: Mapping[str, Any]) -> tuple[str, str] | None:
    """First and last day as text, which is in the order of time."""
    if not (start := fields.get("start")):
        return None
    return str(start)[:10], str(fields.get("end") or start)[:10]
