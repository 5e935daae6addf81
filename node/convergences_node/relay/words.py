# SPDX-License-Identifier: AGPL-3.0-or-later
"""The words of ActivityStreams 2.0 that a relay says, as Mobilizon, Gancio and Mastodon expect them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

ACTIVITY_JSON = "application/activity+json"
AS = "https://www.w3.org/ns/activitystreams"
SECURITY = "https://w3id.org/security/v1"
PUBLIC = f"{AS}#Public"
ACCEPT = f'{ACTIVITY_JSON}, application/ld+json; profile="{AS}"'
CONTEXT: Sequence[Any] = (
    AS,
    SECURITY,
    {
        "sc": "http://schema.org#",  # Mobilizon's own IRI, not that of schema.org
        "ical": "http://www.w3.org/2002/12/cal/ical#",
        "mz": "https://joinmobilizon.org/ns#",
        "pt": "https://joinpeertube.org/ns#",
        "Hashtag": "as:Hashtag",
        "PostalAddress": "sc:PostalAddress",
        "address": {"@id": "sc:address", "@type": "sc:PostalAddress"},
        "addressCountry": "sc:addressCountry",
        "addressLocality": "sc:addressLocality",
        "postalCode": "sc:postalCode",
        "streetAddress": "sc:streetAddress",
        "uuid": "sc:identifier",
        "category": "sc:category",
        "inLanguage": "sc:inLanguage",
        "timezone": {"@id": "mz:timezone", "@type": "sc:Text"},
        "isOnline": {"@id": "mz:isOnline", "@type": "sc:Boolean"},
        "joinMode": {"@id": "mz:joinMode", "@type": "mz:joinModeType"},
        "externalParticipationUrl": {"@id": "mz:externalParticipationUrl", "@type": "sc:URL"},
        "anonymousParticipationEnabled": {"@id": "mz:anonymousParticipationEnabled", "@type": "sc:Boolean"},
        "repliesModerationOption": {
            "@id": "mz:repliesModerationOption",
            "@type": "mz:repliesModerationOptionType",
        },
        "commentsEnabled": {"@id": "pt:commentsEnabled", "@type": "sc:Boolean"},
        "discussions": {"@id": "mz:discussions", "@type": "@id"},
        "resources": {"@id": "mz:resources", "@type": "@id"},
        "members": {"@id": "mz:members", "@type": "@id"},
        "events": {"@id": "mz:events", "@type": "@id"},
        "posts": {"@id": "mz:posts", "@type": "@id"},
        "todos": {"@id": "mz:todos", "@type": "@id"},
    },
)
GROUP_COLLECTIONS = ("outbox", "members", "resources", "posts", "todos", "discussions", "events")
"""What Mobilizon's refresher walks through, in its order; it stops at the first that it does not find."""
COLLECTIONS = (*GROUP_COLLECTIONS, "followers", "following")


def with_context(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document on its own."""
    return {"@context": CONTEXT, **document}


def collection(address: str, items: Sequence[Any], total: int | None = None) -> dict[str, Any]:
    """Whole, in one page: Mobilizon reads no other, and takes one without `orderedItems` for a mistake."""
    return {
        "id": address,
        "type": "OrderedCollection",
        "totalItems": len(items) if total is None else total,
        "orderedItems": list(items),
    }


def tombstone(address: str) -> dict[str, Any]:
    """What is left of something that was withdrawn or erased."""
    return {"id": address, "type": "Tombstone"}
