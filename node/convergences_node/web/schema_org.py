# SPDX-License-Identifier: AGPL-3.0-or-later
"""An element as schema.org describes it, for search engines, in a data block of its page.

A block of type `application/ld+json` is never executed (HTML, "prepare the script element", step 8), so the policy that
forbids every script lets it be; it is written so that nothing in it can end it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from convergences_protocol.kinds import KINDS
from markupsafe import Markup

from convergences_node.index.views import ElementView
from convergences_node.web import words
from convergences_node.web.exporting import printable

# By what a kind's record can say, so that a kind that is added is described too: the first that it has decides.
_CLASS_BY_FIELD = (("start", "Event"), ("founded", "Organization"), ("media", "Article"), ("location", "Place"))
_CLASS_BY_TYPE = {
    "association": "NGO",
    "institution": "GovernmentOrganization",
    "person": "Person",
    "school": "School",
    "festival": "Festival",
}
ORGANISERS_MAX = 10
"""A search engine shows one or two."""
_STATUS = {"cancelled": "EventCancelled", "postponed": "EventPostponed"}
_SAME = {"website": "sameAs", "email": "email", "phone": "telephone", "founded": "foundingDate", "start": "startDate"}
_SAME |= {"end": "endDate", "published": "datePublished", "summary": "description", "opening_hours": "openingHours"}


def schema_block(view: ElementView, address: str, images: Sequence[str] = ()) -> Markup | None:
    """The block's text; None for what schema.org has no word for (a theme, a relation). `images` are those shown."""
    fields, kind = view.fields, KINDS.get(view.item.kind)
    names = kind.by_name if kind else {}
    class_ = next((found for field, found in _CLASS_BY_FIELD if field in names), None)
    if class_ is None:
        return None
    if class_ in ("Organization", "Event"):
        class_ = _CLASS_BY_TYPE.get(str(fields.get("type")), class_)
    found: dict[str, object] = {"@context": "https://schema.org", "@type": class_, "@id": address, "url": address}
    found["name"] = printable(view.item.name)
    found |= {name: printable(str(fields[field])) for field, name in _SAME.items() if fields.get(field)}
    if images:
        found["image"] = list(images)
    if "startDate" in found:
        status = _STATUS.get(str(fields.get("status")), "EventScheduled")
        found["eventStatus"] = f"https://schema.org/{status}"
        found["location"] = {"@type": "Place", **_place(fields, view)}
        if organisers := _organisers(view):
            found["organizer"] = organisers
    else:
        found |= _place(fields, view)
    text = json.dumps(found, ensure_ascii=False, sort_keys=True)
    for sign, escaped in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", ""), ("\u2029", "")):
        text = text.replace(sign, escaped)
    return Markup(text)  # noqa: S704  JSON whose angle brackets are escaped on the line above


def _organisers(view: ElementView) -> list[dict[str, str]]:
    """Who carries it, as far as they are known here."""
    behind = [each.item for each in view.relations if each.predicate == "organises" and not each.outgoing and each.item]
    return [{"@type": "Organization", "name": printable(item.name)} for item in behind[:ORGANISERS_MAX]]


def _place(fields: Mapping[str, object], view: ElementView) -> dict[str, object]:
    found: dict[str, object] = {}
    if line := words.place_line(fields):
        found["address"] = {
            "@type": "PostalAddress",
            **{
                name: printable(str(fields[field]))
                for field, name in (
                    ("address", "streetAddress"),
                    ("postcode", "postalCode"),
                    ("locality", "addressLocality"),
                )
                if fields.get(field)
            },
            "name": printable(line),
        }
    if view.item.location is not None and "location" in fields:
        lat, lon = view.item.location
        found["geo"] = {"@type": "GeoCoordinates", "latitude": lat / 1e7, "longitude": lon / 1e7}
    return found
