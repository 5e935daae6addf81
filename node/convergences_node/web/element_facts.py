# SPDX-License-Identifier: AGPL-3.0-or-later
"""The facts of an element: its fields in words, in the order in which its kind declares them, and where each leads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from convergences_protocol.kinds import KINDS, Field, FieldType

from convergences_node.index.query import Query
from convergences_node.index.views import ElementView
from convergences_node.web import dates, markdown, words
from convergences_node.web.cards import Reading
from convergences_node.web.filters import page_link

# Said elsewhere on the page, in better words than a list of fields.
_HEAD = frozenset({"name", "summary", "type", "status", "colour", "colours"})
_WHEN = frozenset({"start", "end", "recurrence", "exceptions", "timezone"})
_WHERE = frozenset({"address", "postcode", "locality", "location", "outline", "centre"})
_SOURCE = frozenset({"source", "source_id", "licence", "fetched", "language"})
FIELDS_APART = _HEAD | _WHEN | _WHERE | _SOURCE
_SHOWN_APART = (FieldType.MARKDOWN, FieldType.MEDIA)


# The codes of a territory are facts by themselves, not names of other places.
_CODES = frozenset({"code", "former_codes"})


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the facts: a label, and values that may be links."""

    label: str
    values: tuple[tuple[str, str | None], ...]
    lang: str | None = None


def facts(reading: Reading, view: ElementView, names: Mapping[str, str]) -> tuple[Fact, ...]:
    """The fields that are not said elsewhere on the page, in the order in which their kind declares them."""
    kind = KINDS.get(view.item.kind)
    if kind is None:
        return ()
    language, known = view.fields.get("language"), {**names, **view.labels}
    found = []
    for field in kind.fields:
        value = view.fields.get(field.name)
        if value in (None, "", []) or field.name in FIELDS_APART or field.type in _SHOWN_APART:
            continue
        values = tuple(
            value_in_words(reading, kind.name, field, each, known)
            for each in (value if isinstance(value, list) else [value])
        )
        lang = reading.lang(language) if field.type in (FieldType.TEXT, FieldType.ELEMENT) else None
        found.append(Fact(words.field_label(reading.messages, kind.name, field.name), values, lang))
    return tuple(found)


def value_in_words(
    reading: Reading, kind: str, field: Field, value: object, names: Mapping[str, str]
) -> tuple[str, str | None]:
    """A value in words, and where it leads if it leads somewhere."""
    text = str(value)
    match field.type:
        case FieldType.ELEMENT if field.targets == ("theme",):
            title = names.get(text, reading.messages.text("element.unknown_end"))
            return title, page_link(reading, Query(themes=(text,)))
        case FieldType.ELEMENT:
            return names.get(text, reading.messages.text("element.unknown_end")), reading.element(text)
        case FieldType.TERRITORY if field.name in _CODES:
            return text, None
        case FieldType.TERRITORY:
            return names.get(text, text), page_link(reading, Query(territories=(text,)))
        case FieldType.URL:
            return text, markdown.safe_link(text)
        case FieldType.MARKDOWN:
            return markdown.plain(text), None
        case FieldType.EMAIL:
            return text, f"mailto:{text}"
        case FieldType.PHONE:
            return text, "tel:" + "".join(each for each in text if each.isdigit() or each == "+")
        case FieldType.DATE:
            return dates.day_in_words(reading.messages, text, reading.zone), None
        case FieldType.TERM:
            return words.term_label(reading.messages, kind, field.name, text), None
        case FieldType.POINT if isinstance(value, list | tuple) and len(value) == 2:
            return f"{words.degrees(value[0])}, {words.degrees(value[1])}", None
        case FieldType.INTEGER if isinstance(value, int):
            return reading.messages.number(value), None
        case _:
            return text, None


def territories_named(view: ElementView) -> Iterator[str]:
    """The codes in an element's fields that a page shows by their names."""
    kind = KINDS.get(view.item.kind)
    for field in kind.fields if kind else ():
        if field.type is FieldType.TERRITORY and field.name not in _CODES:
            value = view.fields.get(field.name, [])
            yield from value if isinstance(value, list) else [value]


def contents_query(view: ElementView) -> Query | None:
    """The question for all that hangs under this element, if it is a theme or a territory."""
    kind = KINDS.get(view.item.kind)
    if kind is None:
        return None
    if "broader" in kind.by_name:
        return Query(themes=(view.item.id,))
    code = view.fields.get("code") if "code" in kind.by_name else None
    return Query(territories=(code,)) if code else None
