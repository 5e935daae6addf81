# SPDX-License-Identifier: AGPL-3.0-or-later
"""The page of one element: what it is, when and where, what it is linked to, who wrote what when, and its receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiohttp import web
from msgspec.structs import replace

from convergences_node.index.query import Circle, Query
from convergences_node.index.views import ElementView, Revision
from convergences_node.web import dates, markdown, words
from convergences_node.web.absent import is_gone, refusal
from convergences_node.web.asking import date_of, element_of, messages_of, town_of
from convergences_node.web.cards import STATES_SAID, Reading, card, shorten
from convergences_node.web.element_facts import contents_query, facts, territories_named
from convergences_node.web.element_history import history
from convergences_node.web.element_merged import merged
from convergences_node.web.element_place import locator
from convergences_node.web.element_same import beside
from convergences_node.web.element_when import coming
from convergences_node.web.etag import CACHE_ASK
from convergences_node.web.exporting import base_of
from convergences_node.web.filters import page_link
from convergences_node.web.kept_pages import HTML_TYPE
from convergences_node.web.kept_parts import drawn_cards, made_now
from convergences_node.web.media_shown import images_of, media_shown
from convergences_node.web.pages import answer_page, draw_page, reading_of
from convergences_node.web.place_names import territory_in, territory_names, town_name
from convergences_node.web.publications import SHOWN_MAX, all_link, lines
from convergences_node.web.relations import TREE_DEPTH, branches, carried, years
from convergences_node.web.schema_org import schema_block
from convergences_node.web.slugs import space_path
from convergences_node.web.surfaces.licences import IRIS, name_of
from convergences_node.web.taking import take_element

NEIGHBOURHOOD_METRES = 500
_GONE = {"erased": "gone.erased", "withdrawal": "gone.withdrawal", "wanted": "gone.wanted"}
EVENTS_MAX = 3
"""Of the history; the page of the history has all of it."""
CONTENTS_MAX = 6
"""Of what is under a theme or in a territory."""
# Names of witnesses said in one sentence; all of them are in the API.
WITNESSES_SAID_MAX = 5


async def element_page(request: web.Request) -> web.Response:
    """An element, for people: what it is, when, where, its links as a tree, its history, its receipt and its source."""
    element, at = element_of(request), date_of(request)
    town, reading = town_of(request), reading_of(request)
    view, walk, published = await town.index.surroundings(str(element), at=at, depth=TREE_DEPTH, most=SHOWN_MAX)
    revisions = await town.index.history(str(element))
    if view is None and not revisions:
        raise refusal(str(element), revisions)
    witnesses = await _witnesses(request, view) if view else ()
    logs = [*witnesses, *(revision.origin for revision in revisions)]
    codes = [*map(territory_in, logs), *(territories_named(view) if view else ())]
    codes += [each.item.territory for each in published.publications]
    names = await territory_names(town, [element.territory, *codes])
    values: dict[str, object] = {
        "id": str(element),
        "at": at or "",
        "history": history(reading, revisions[-EVENTS_MAX - 1 :], names)[:EVENTS_MAX],
        "history_href": reading.link(f"/e/{element}/histoire"),
        "receipt_page": reading.link(f"/e/{element}/recu"),
        "receipt_href": f"/api/v1/elements/{element}/receipt",
        "json": f"/api/v1/elements/{element}",
        "home_name": names.get(element.territory, element.territory),
    }
    if view is None:
        return _gone(request, revisions, values)
    ever = await town.index.walk(str(element), depth=TREE_DEPTH) if at else walk
    related = branches(reading, str(element), walk.steps, names)
    media = await media_shown(town, reading, view.item.kind, view.fields)
    return answer_page(
        request,
        "element.html",
        {
            **values,
            **_shown(reading, view, names),
            "description": description(reading, view),
            "locator": await locator(request, reading, view),
            "merged": await merged(town, reading, view),
            "same": await beside(town, reading, view, names),
            "coming": await coming(town, reading, view),
            "calendar_href": reading.link(f"/e/{element}.ics"),
            **await _contents(request, reading, view),
            "relations": related,
            "carried": carried(reading, related),
            "published": lines(reading, published.publications, names),
            "published_href": all_link(reading, view) if published.more else None,
            "relation_years": years(reading, str(element), ever.steps, at or ""),
            "relations_more": view.relations_more or not walk.complete,
            "at_words": dates.day_in_words(reading.messages, at, reading.zone) if at else "",
            "take": take_element(reading, str(element)),
            "schema": schema_block(view, f"{base_of(request)}/e/{element}", images_of(media, base_of(request))),
            "media": media,
            "proof": _proof(reading, view, witnesses, names),
            "site_licence": name_of(town.web_settings.licence),
        },
    )


def _shown(reading: Reading, view: ElementView, names: Mapping[str, str]) -> dict[str, object]:
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
        "calm": item.status not in STATES_SAID,
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
        "space_href": reading.link(space_path(item.name, item.id)) if item.kind in words.KINDS_ACTING else "",
        "texts": [(name, markdown.render(fields[name])) for name in words.long_texts(item.kind) if fields.get(name)],
        "facts": facts(reading, view, names),
        "source": fields.get("source", ""),
        "source_title": reading.source_title(str(fields.get("source", ""))),
        "source_href": website,
        "source_id": fields.get("source_id", ""),
        **_licence(str(fields.get("licence", ""))),
        "fetched": dates.day_in_words(messages, fields["fetched"], reading.zone) if fields.get("fetched") else "",
    }


def _licence(said: str) -> dict[str, object]:
    """A licence by the name that people know it by, and where it can be read."""
    return {"licence": name_of(said), "licence_href": markdown.safe_link(IRIS.get(said.lower(), said))}


async def _contents(request: web.Request, reading: Reading, view: ElementView) -> dict[str, object]:
    """What is under a theme or in a territory: the newest of it, and where all of it is."""
    query = contents_query(view)
    if query is None:
        return {"contents": (), "contents_href": None}
    asked = replace(query, kinds=words.KINDS_SHOWN, sort="newest", limit=CONTENTS_MAX)
    found = await town_of(request).index.search(asked)
    key = "element.contents" if found.total.exact else "element.contents_about"
    return {
        "contents": drawn_cards(request, reading, found.items),
        "contents_href": page_link(reading, query),
        "contents_label": reading.messages.count(key, found.total.count),
    }


def _gone(request: web.Request, revisions: Sequence[Revision], values: Mapping[str, object]) -> web.Response:
    """What was written and is gone: 410 with a sentence, and its history without a word of what it said."""
    sentence = _GONE.get(revisions[-1].state, "gone.other")
    body = draw_page(request, "element_gone.html", {**values, "sentence": sentence, "problem": None})
    headers = {"Content-Type": HTML_TYPE, "Content-Language": messages_of(request).language, "Cache-Control": CACHE_ASK}
    return web.Response(status=410 if is_gone(revisions) else 404, body=body, headers=headers)


def description(reading: Reading, view: ElementView) -> str:
    """The element in a sentence or two, for who only sees its link: when, where, what."""
    said = card(reading, view.item)
    return shorten(" · ".join(part for part in (said.when, said.where, said.summary or said.kind_label) if part))


def _near(reading: Reading, view: ElementView) -> str | None:
    if view.item.location is None or "location" not in view.fields:
        return None  # the centre of a whole town is near nothing
    lat, lon = view.item.location
    return page_link(reading, Query(circle=Circle(lat, lon, NEIGHBOURHOOD_METRES)))


async def _witnesses(request: web.Request, view: ElementView) -> tuple[str, ...]:
    """The other logs whose nodes vouch for this record: they hold it, and have seen a head over it."""
    origin, archive = view.item.origin, town_of(request).archive
    rows = await made_now(
        request, ("cosigned", origin), lambda: archive.read(lambda reader: reader.cosignatures(origin))
    )
    return tuple(row.cosigner for row in rows if row.size > view.item.index and row.cosigner != origin)


def _proof(reading: Reading, view: ElementView, witnesses: Sequence[str], names: Mapping[str, str]) -> dict[str, str]:
    messages, item = reading.messages, view.item
    day = dates.instant(messages, item.time, reading.zone)
    town = town_name(item.origin, names)
    said = list(dict.fromkeys(town_name(origin, names) for origin in witnesses))[:WITNESSES_SAID_MAX]
    return {
        "kept": messages.text("element.proof.kept", town=town, day=day, index=messages.number(item.index)),
        "witnessed": messages.text("element.proof.witnessed", names=", ".join(said)) if said else "",
    }
