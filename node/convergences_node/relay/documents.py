# SPDX-License-Identifier: AGPL-3.0-or-later
"""Events and actors as ActivityStreams says them, with what Mobilizon drops, misreads or insists on; pure.

Coordinates are floats, for it drops integers. `joinMode` is said, for without it people would sign up there and nobody
here would know. The three that name the author (`attributedTo`, `actor`, the address itself) are of one host. Dates
carry an offset. `summary` is plain text, which is all that Mastodon shows of an event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from convergences_protocol.edtf import span
from convergences_protocol.element import ElementId
from markupsafe import escape

from convergences_node.index.views import Item
from convergences_node.relay.addresses import NAME, Addresses
from convergences_node.relay.reading import Told
from convergences_node.relay.rows import RELAY
from convergences_node.relay.words import GROUP_COLLECTIONS, PUBLIC
from convergences_node.web import dates, markdown, words
from convergences_node.web.exporting import printable
from convergences_node.web.slugs import slug_of
from convergences_node.web.surfaces.pair import COUNTRY, born, instant

CATEGORY = "COMMUNITY"
"""Of Mobilizon's own list; it has none that ours would fit one by one, and takes any other word for its default."""
STATUS = {"tentative": "TENTATIVE", "postponed": "TENTATIVE", "cancelled": "CANCELLED"}
TAGS_MAX = 20
LANGUAGE = "fr"
TOP = ("outbox", "followers", "following")
"""Collections that an actor of every type names beside its inbox."""


@dataclass(frozen=True, slots=True)
class Writer:
    """What documents depend on beside the records."""

    addresses: Addresses
    zone: ZoneInfo
    """The clocks of dates that name none."""
    names: Mapping[str, str]
    """Of the themes that events hang under, as far as they are known."""

    # ------------------------------------------------------------------------------------- events
    def event(self, told: Told) -> dict[str, Any]:
        """One event, without a context."""
        item, fields = told.item, told.fields
        address, owner = self.addresses.element(item.id), self.addresses.actor(told.owner_id)
        zone = dates.zone(str(fields.get("timezone") or ""), self.zone.key)
        status = STATUS.get(str(fields.get("status")), "CONFIRMED")
        return {
            "id": address,
            "type": "Event",
            "url": address,
            "uuid": str(ElementId.parse(item.id)).rpartition(":")[2],
            "name": printable(item.name),
            "summary": self._summary(fields),
            "content": "".join(_texts(item.kind, fields)),
            "mediaType": "text/html",
            "attributedTo": owner,
            "actor": owner,
            **self._addressed(told.owner_id),
            "published": instant(born(item.id)),
            "updated": instant(item.time),
            **_times(told, zone),
            "timezone": zone.key,
            "category": CATEGORY,
            "tag": list(self._tags(fields)),
            "status": status,
            "ical:status": status,
            "joinMode": "external",
            "externalParticipationUrl": _website(fields) or address,
            "anonymousParticipationEnabled": False,
            "repliesModerationOption": "closed",
            "commentsEnabled": False,
            "isOnline": False,
            "inLanguage": str(fields.get("language") or LANGUAGE),
            "draft": False,
            "attachment": _attached(fields),
            **self._where(told),
        }

    def _addressed(self, owner: str) -> dict[str, Any]:
        return {"to": [PUBLIC], "cc": [self.addresses.below(owner, "followers")]}

    def _summary(self, fields: Mapping[str, Any]) -> str:
        return printable(str(fields.get("summary") or words.place_line(fields)))

    def _tags(self, fields: Mapping[str, Any]) -> Sequence[dict[str, str]]:
        themes = [(str(theme), self.names.get(str(theme))) for theme in fields.get("themes", ())]
        return [
            {"type": "Hashtag", "name": f"#{printable(name)}", "href": self.addresses.element(theme)}
            for theme, name in themes[:TAGS_MAX]
            if name
        ]

    def _where(self, told: Told) -> dict[str, Any]:
        """Its own place, as far as its record says one, and what it does not say from the place that hosts it."""
        host = told.place or {}
        own = any(told.fields.get(name) for name in ("address", "location"))
        place = told.fields if own or not host else host
        postal = {
            name: printable(str(place[field]))
            for name, field in (
                ("streetAddress", "address"),
                ("postalCode", "postcode"),
                ("addressLocality", "locality"),
            )
            if place.get(field)
        }
        point = place.get("location")
        if not postal and not point:
            return {}
        said: dict[str, Any] = {"type": "Place", "id": f"{self.addresses.element(told.item.id)}#place"}
        said["name"] = printable(str(host.get("name") or place.get("address") or place.get("locality") or ""))
        said["address"] = {"type": "PostalAddress", **postal, "addressCountry": COUNTRY}
        if point:
            said |= {"latitude": float(point[0] / 1e7), "longitude": float(point[1] / 1e7)}
        return {"location": said}

    # ------------------------------------------------------------------------------------- activities
    def create(self, told: Told) -> dict[str, Any]:
        """The activity that an event was published by."""
        return self._activity("Create", told.owner_id, self.event(told), "")

    def update(self, told: Told) -> dict[str, Any]:
        """The activity that an event was changed by."""
        return self._activity("Update", told.owner_id, self.event(told), f"-{told.mark.hex()[:12]}")

    def delete(self, element: str, owner: str, now: int) -> dict[str, Any]:
        """The activity that says that an element is gone."""
        gone = {"id": self.addresses.element(element), "type": "Tombstone"}
        return self._activity("Delete", owner, gone, f"-{now}")

    def announce(self, told: Told, owner: str = RELAY) -> dict[str, Any]:
        """The relay points to an event: without that Mobilizon shows nothing of whom nobody there follows. One that is
        told by its own town's node has its address there, and so is one event for whoever follows both."""
        return {
            "id": f"{self.addresses.actor(owner)}#announce-{told.item.id}-{told.mark.hex()[:12]}",
            "type": "Announce",
            "actor": self.addresses.actor(owner),
            "object": told.home or self.addresses.element(told.item.id),
            "published": instant(told.item.time),
            **self._addressed(owner),
        }

    def undo(self, element: str, home: str, now: int) -> dict[str, Any]:
        """The relay points there no longer. The announcement is named by what it pointed to."""
        me = self.addresses.actor(RELAY)
        before = {"id": f"{me}#announce-{element}", "type": "Announce", "actor": me, "object": home}
        return {"id": f"{me}#undo-{element}-{now}", "type": "Undo", "actor": me, "object": before,
                **self._addressed(RELAY)}  # fmt: skip

    def accept(self, owner: str, follower: str, follow: str, since: int) -> dict[str, Any]:
        """The answer to whoever wants to follow."""
        me = self.addresses.actor(owner)
        wish = {"id": follow, "type": "Follow", "actor": follower, "object": me}
        return {"id": f"{me}#accept-{since}", "type": "Accept", "actor": me, "object": wish, "to": [follower]}

    def _activity(self, verb: str, owner: str, thing: Mapping[str, Any], tail: str) -> dict[str, Any]:
        return {
            "id": f"{thing['id']}#{verb.lower()}{tail}",
            "type": verb,
            "actor": self.addresses.actor(owner),
            "object": thing,
            **({"published": thing["published"]} if "published" in thing else {}),
            **self._addressed(owner),
        }

    # ------------------------------------------------------------------------------------- actors
    def relay(self, name: str, summary: str, pem: str) -> dict[str, Any]:
        """The relay itself, which servers follow."""
        made = self._actor(RELAY, "Application", NAME, name, pem)
        return {**made, "summary": summary, "url": f"{self.addresses.base}/"}

    def group(self, item: Item, fields: Mapping[str, Any], pem: str) -> dict[str, Any]:
        """An actor of ours, as a group that people follow."""
        made = self._actor(item.id, "Group", username(item), printable(item.name), pem)
        made["endpoints"] |= {name: self.addresses.below(item.id, name) for name in GROUP_COLLECTIONS}
        texts = [f"<p>{summary}</p>"] if (summary := _plain(fields.get("summary"))) else []
        made["summary"] = "".join([*texts, *_texts(item.kind, fields)])
        made["url"], made["published"] = made["id"], instant(born(item.id))
        return made

    def _actor(self, owner: str, type_: str, username: str, name: str, pem: str) -> dict[str, Any]:
        me = self.addresses.actor(owner)
        return {
            "id": me,
            "type": type_,
            "preferredUsername": username,
            "name": name,
            "inbox": self.addresses.below(owner, "inbox"),
            **{each: self.addresses.below(owner, each) for each in TOP},
            "endpoints": {"sharedInbox": self.addresses.below(RELAY, "inbox")},
            "publicKey": {"id": self.addresses.key(owner), "owner": me, "publicKeyPem": pem},
            "manuallyApprovesFollowers": False,
            "discoverable": True,
        }


def username(item: Item) -> str:
    """What stands before the `@`: the name and the birth, in the letters that Mobilizon allows."""
    return slug_of(item.name, item.id).replace("-", "_")


def _times(told: Told, zone: ZoneInfo) -> dict[str, str]:
    """When it begins and ends, with an offset: of an occurrence, or as the record says it."""
    start, end = str(told.fields["start"]), str(told.fields.get("end") or "")
    if told.time is not None:
        whole = "T" not in start
        first, last = (_second(each, whole, zone) for each in told.time)
    else:
        first, last = _moment(start, False, zone), _moment(end or start, True, zone)
    says_end = bool(end) or "T" not in start
    return {"startTime": first.isoformat()} | ({"endTime": last.isoformat()} if says_end and last > first else {})


def _second(second: int, whole: bool, zone: ZoneInfo) -> datetime:
    """The index knows days in no time zone, and hours to the last second of their minute."""
    if whole:
        return datetime.fromtimestamp(second, UTC).replace(tzinfo=zone)
    return datetime.fromtimestamp(second - second % 60, zone)


def _moment(text: str, last: bool, zone: ZoneInfo) -> datetime:
    if "T" not in text:
        return datetime.fromtimestamp(span(text)[1 if last else 0], UTC).replace(tzinfo=zone)
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _texts(kind: str, fields: Mapping[str, Any]) -> Sequence[str]:
    return [str(markdown.render(fields[name])).strip() for name in words.long_texts(kind) if fields.get(name)]


def _plain(text: object) -> str:
    return str(escape(printable(str(text)))) if text else ""


def _website(fields: Mapping[str, Any]) -> str | None:
    return markdown.safe_link(str(fields.get("website") or ""))


def _attached(fields: Mapping[str, Any]) -> list[dict[str, str]]:
    """A list, even when there is nothing: Mobilizon takes its absence for an error."""
    site = _website(fields)
    return [{"type": "Link", "name": "Website", "href": site, "mediaType": "text/html"}] if site else []
