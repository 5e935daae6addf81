# SPDX-License-Identifier: AGPL-3.0-or-later
"""The history of an element in words: who did what, when, in whose archive, and what each change was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from convergences_protocol.kinds import KINDS, Field, FieldType

from convergences_node.index.views import Revision
from convergences_node.web import dates, words
from convergences_node.web.cards import Reading
from convergences_node.web.differences import Piece, differences
from convergences_node.web.element_facts import value_in_words
from convergences_node.web.place_names import town_name

# A pseudonym is recognised by its first characters; the whole key is in the API.
AUTHOR_CHARACTERS = 8
VALUES_MAX = 50
"""Of a list's values that came or went: 784 dates are counted, not read."""
_DRAWN = (FieldType.OUTLINE, FieldType.MEDIA)
"""What no words tell: only that it changed is said."""
_TEXTS = (FieldType.TEXT, FieldType.MARKDOWN)


@dataclass(frozen=True, slots=True)
class Change:
    """One field, before and after."""

    label: str
    lang: str | None
    pieces: tuple[Piece, ...] = ()
    """For a text: what stays, what is gone, what is new."""
    removed: tuple[str, ...] = ()
    """For anything else: the values that went and came."""
    added: tuple[str, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the history."""

    number: int
    what: str
    when: str
    when_iso: str
    who: str
    where: str
    changed: str
    """The names of what changed, in a sentence."""
    changes: tuple[Change, ...]


def history(
    reading: Reading,
    revisions: Sequence[Revision],
    names: Mapping[str, str],
    labels: Mapping[str, str] | None = None,
) -> tuple[Event, ...]:
    """Who did what when, newest first; with `labels` (names of the elements that fields mention) also what changed."""
    events = []
    before: Revision | None = None
    for number, revision in enumerate(revisions, 1):
        events.append(_event(reading, number, revision, before, names, labels))
        before = revision if revision.fields is not None else before
    return tuple(events[::-1])


def _event(
    reading: Reading,
    number: int,
    revision: Revision,
    before: Revision | None,
    names: Mapping[str, str],
    labels: Mapping[str, str] | None,
) -> Event:
    messages, what = reading.messages, revision.state
    if what in ("current", "earlier"):
        what = "first" if before is None else "changed"
    changed = tuple(_changed(revision, before))
    listed = ", ".join(words.field_label(messages, revision.kind, field.name) for field in changed)
    return Event(
        number=number,
        what=messages.text(f"history.{what}"),
        when=dates.instant(messages, revision.time, reading.zone),
        when_iso=dates.iso(revision.time),
        who=messages.text("history.who", author=revision.author[:AUTHOR_CHARACTERS]),
        where=messages.text(
            "history.where", town=town_name(revision.origin, names), index=messages.number(revision.index)
        ),
        changed=messages.text("history.changes", fields=listed) if listed else "",
        changes=()
        if labels is None or before is None
        else tuple(_change(reading, field, before, revision, labels) for field in changed),
    )


def _changed(revision: Revision, before: Revision | None) -> Iterator[Field]:
    """The fields that this record changed, in the order in which the kind declares them."""
    kind = KINDS.get(revision.kind)
    if before is None or before.fields is None or revision.fields is None or kind is None:
        return
    for field in kind.fields:
        if before.fields.get(field.name) != revision.fields.get(field.name):
            yield field


def _change(reading: Reading, field: Field, before: Revision, revision: Revision, labels: Mapping[str, str]) -> Change:
    assert before.fields is not None
    assert revision.fields is not None
    old, new = before.fields.get(field.name), revision.fields.get(field.name)
    label = words.field_label(reading.messages, revision.kind, field.name)
    if field.type in _DRAWN:
        return Change(label, None)
    lang = reading.lang(revision.fields.get("language")) if field.type in _TEXTS else None
    if field.type in _TEXTS and not field.many and old and new:
        return Change(label, lang, pieces=differences(str(old), str(new)))
    removed, added = (_values(reading, revision.kind, field, value, labels) for value in (old, new))
    gone = [value for value in removed if value not in added]
    come = [value for value in added if value not in removed]
    more = max(len(gone) - VALUES_MAX, 0) + max(len(come) - VALUES_MAX, 0)
    return Change(label, lang, removed=tuple(gone[:VALUES_MAX]), added=tuple(come[:VALUES_MAX]), more=more)


def _values(reading: Reading, kind: str, field: Field, value: object, labels: Mapping[str, str]) -> list[str]:
    if value in (None, "", []):
        return []
    every = value if isinstance(value, list) and field.many else [value]
    return [value_in_words(reading, kind, field, each, labels)[0] for each in every]


def mentioned(revisions: Sequence[Revision]) -> set[str]:
    """The ids and codes in all of these records, whose names a page shows."""
    found: set[str] = set()
    for revision in revisions:
        for value in (revision.fields or {}).values():
            found.update(each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str))
    return {each for each in found if each.startswith("FR-")}
