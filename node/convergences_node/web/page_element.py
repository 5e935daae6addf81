# SPDX-License-Identifier: AGPL-3.0-or-later
"""The page of one element: what it is, when and where, what it is linked to, who wrote what when, and its receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web
from convergences_protocol.kinds import KINDS, Field, FieldType
from convergences_protocol.origin import territory_of

from convergences_node.archive.reader import ArchiveReader
from convergences_node.index.query import Circle, Query
from convergences_node.index.views import ElementView, Revision
from convergences_node.web import dates, markdown, words
from convergences_node.web.asking import date_of, element_of, town_of
from convergences_node.web.cards import Reading
from convergences_node.web.filters import page_link
from convergences_node.web.pages import answer_page, reading_of
from convergences_node.web.place_names import territory_names
from convergences_node.web.problems import Problem
from convergences_node.web.relations import TREE_DEPTH, branches

NEIGHBOURHOOD_METRES = 500
# Of a history this many are shown, the newest; all of them are in the API.
REVISIONS_MAX = 50
# A pseudonym is recognised by its first characters; the whole key is in the API.
AUTHOR_CHARACTERS = 8
WITNESSES_SAID_MAX = 5
# Said elsewhere on the page, in better words than a list of fields.
_HEAD = frozenset({"name", "summary", "type", "status"})
_WHEN = frozenset({"start", "end", "recurrence", "exceptions", "timezone"})
_WHERE = frozenset({"address", "postcode", "locality", "location", "outline", "centre"})
_SOURCE = frozenset({"source", "source_id", "licence", "fetched", "language"})
FIELDS_APART = _HEAD | _WHEN | _WHERE | _SOURCE


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the facts: a label, and values that may be links."""

    label: str
    values: tuple[tuple[str, str | None], ...]
    lang: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the history."""

    what: str
    when: str
    when_iso: str
    who: str
    where: str
    changes: str


async def element_page(request: web.Request) -> web.Response:
    """An element, for people: what it is, when, where, its links as a tree, its history, its receipt and its source."""
    element, at = element_of(request), date_of(request)
    town, reading = town_of(request), reading_of(request)
    view = await town.index.element(str(element), at=at)
    revisions = await town.index.history(str(element))
    if view is None and not revisions:
        raise Problem("element-unknown", element=str(element))
    witnesses = await town.archive.read(lambda reader: _witnesses(reader, view)) if view else ()
    logs = [*witnesses, *(revision.origin for revision in revisions)]
    names = await territory_names(town, [element.territory, *map(territory_of, logs)])
    values: dict[str, object] = {
        "id": str(element),
        "at": at or "",
        "history": history(reading, revisions, names),
        "receipt_href": f"/api/v1/elements/{element}/receipt",
        "json": f"/api/v1/elements/{element}",
        "home_name": names.get(element.territory, element.territory),
    }
    if view is None:
        return answer_page(request, "element_gone.html", {**values, "state": revisions[-1].state})
    walk = await town.index.walk(str(element), depth=TREE_DEPTH, at=at)
    return answer_page(
        request,
        "element.html",
        {
            **values,
            **_shown(reading, view),
            "relations": branches(reading, str(element), walk.steps, names),
            "relations_more": view.relations_more or not walk.complete,
            "at_words": dates.day_in_words(reading.messages, at, reading.zone) if at else "",
            "proof": _proof(reading, view, witnesses, names),
        },
    )


def _shown(reading: Reading, view: ElementView) -> dict[str, object]:
    """What the template lays out of the element itself."""
    fields, item, messages = view.fields, view.item, reading.messages
    language = fields.get("language")
    zone = dates.zone(fields.get("timezone"), reading.zone.key)
    rule = fields.get("recurrence")
    website = markdown.safe_link(str(fields["source"])) if fields.get("source") else None
    return {
        "kind": item.kind,
        "kind_label": words.kind_label(messages, item.kind),
        "type_label": words.term_label(messages, item.kind, "type", item.type) if item.type else "",
        "state": words.term_label(messages, item.kind, "status", item.status) if item.status else "",
        "title": item.name or messages.text("element.untitled"),
        "lang": reading.lang(language),
        "when": dates.when(messages, fields.get("start"), fields.get("end"), zone),
        "when_iso": fields.get("start") or "",
        "recurrence": words.recurrence(messages, rule, zone) if rule else "",
        "where": words.place_line(fields),
        "near_href": _near(reading, view),
        "related_href": page_link(reading, Query(related=item.id, depth=2)),
        "summary": fields.get("summary", ""),
        "texts": [(name, markdown.render(fields[name])) for name in words.long_texts(item.kind) if fields.get(name)],
        "facts": facts(reading, view),
        "source": fields.get("source", ""),
        "source_href": website,
        "source_id": fields.get("source_id", ""),
        "licence": fields.get("licence", ""),
        "licence_href": markdown.safe_link(str(fields.get("licence", ""))),
        "fetched": dates.day_in_words(messages, fields["fetched"], reading.zone) if fields.get("fetched") else "",
    }


def _near(reading: Reading, view: ElementView) -> str | None:
    if view.item.location is None:
        return None
    lat, lon = view.item.location
    return page_link(reading, Query(circle=Circle(lat, lon, NEIGHBOURHOOD_METRES)))


def facts(reading: Reading, view: ElementView) -> tuple[Fact, ...]:
    """The fields that are not said elsewhere on the page, in the order in which their kind declares them."""
    kind = KINDS.get(view.item.kind)
    if kind is None:
        return ()
    language = view.fields.get("language")
    found = []
    for field in kind.fields:
        value = view.fields.get(field.name)
        if value in (None, "", []) or field.name in FIELDS_APART or field.type is FieldType.MARKDOWN:
            continue
        values = tuple(_value(reading, view, field, each) for each in (value if isinstance(value, list) else [value]))
        lang = reading.lang(language) if field.type in (FieldType.TEXT, FieldType.ELEMENT) else None
        found.append(Fact(words.field_label(reading.messages, kind.name, field.name), values, lang))
    return tuple(found)


def _value(reading: Reading, view: ElementView, field: Field, value: object) -> tuple[str, str | None]:
    """A value in words, and where it leads if it leads somewhere."""
    text = str(value)
    match field.type:
        case FieldType.ELEMENT:
            return view.labels.get(text, reading.messages.text("element.unknown_end")), reading.element(text)
        case FieldType.TERRITORY:
            return view.labels.get(text, text), page_link(reading, Query(territories=(text,)))
        case FieldType.URL:
            return text, markdown.safe_link(text)
        case FieldType.EMAIL:
            return text, f"mailto:{text}"
        case FieldType.PHONE:
            return text, "tel:" + "".join(each for each in text if each.isdigit() or each == "+")
        case FieldType.DATE:
            return dates.day_in_words(reading.messages, text, reading.zone), None
        case FieldType.TERM:
            return words.term_label(reading.messages, view.item.kind, field.name, text), None
        case FieldType.INTEGER if isinstance(value, int):
            return reading.messages.number(value), None
        case _:
            return text, None


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


def town_name(origin: str, names: Mapping[str, str]) -> str:
    """The name of the territory whose log this is."""
    territory = territory_of(origin)
    return names.get(territory, territory)


def _witnesses(reader: ArchiveReader, view: ElementView) -> tuple[str, ...]:
    """The other logs whose nodes vouch for this record: they hold it, and have seen a head over it."""
    rows = reader.cosignatures(view.item.origin)
    return tuple(row.cosigner for row in rows if row.size > view.item.index and row.cosigner != view.item.origin)


def _proof(reading: Reading, view: ElementView, witnesses: Sequence[str], names: Mapping[str, str]) -> dict[str, str]:
    messages, item = reading.messages, view.item
    day = dates.instant(messages, item.time, reading.zone)
    town = town_name(item.origin, names)
    said = list(dict.fromkeys(town_name(origin, names) for origin in witnesses))[:WITNESSES_SAID_MAX]
    return {
        "kept": messages.text("element.proof.kept", town=town, day=day, index=messages.number(item.index)),
        "witnessed": messages.text("element.proof.witnessed", names=", ".join(said)) if said else "",
        "means": messages.text("element.receipt_means", town=town),
    }
