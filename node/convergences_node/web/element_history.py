# SPDX-License-Identifier: AGPL-3.0-or-later
"""The history of an element in words: who did what, when, in whose archive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from convergences_node.index.views import Revision
from convergences_node.web import dates, words
from convergences_node.web.cards import Reading
from convergences_node.web.place_names import town_name

# Of a history this many are shown, the newest; all of them are in the API.
REVISIONS_MAX = 50
# A pseudonym is recognised by its first characters; the whole key is in the API.
AUTHOR_CHARACTERS = 8


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the history."""

    what: str
    when: str
    when_iso: str
    who: str
    where: str
    changes: str


def history(reading: Reading, revisions: Sequence[Revision], names: Mapping[str, str]) -> tuple[Event, ...]:
    """Who did what when, newest first, each with what it changed."""
    events = []
    before: Revision | None = None
    for revision in revisions:
        events.append(_event(reading, revision, before, names))
        before = revision if revision.fields is not None else before
    return tuple(events[::-1][:REVISIONS_MAX])


def _event(reading: Reading, revision: Revision, before: Revision | None, names: Mapping[str, str]) -> Event:
    messages = reading.messages
    what = revision.state
    if what in ("current", "earlier"):
        what = "first" if before is None else "changed"
    town = town_name(revision.origin, names)
    return Event(
        what=messages.text(f"history.{what}"),
        when=dates.instant(messages, revision.time, reading.zone),
        when_iso=dates.iso(revision.time),
        who=messages.text("history.who", author=revision.author[:AUTHOR_CHARACTERS]),
        where=messages.text("history.where", town=town, index=messages.number(revision.index)),
        changes=_changes(reading, revision, before),
    )


def _changes(reading: Reading, revision: Revision, before: Revision | None) -> str:
    if before is None or before.fields is None or revision.fields is None:
        return ""
    both = {**before.fields, **revision.fields}
    changed = [name for name in both if before.fields.get(name) != revision.fields.get(name)]
    labels = ", ".join(words.field_label(reading.messages, revision.kind, name) for name in changed)
    return reading.messages.text("history.changes", fields=labels) if labels else ""
