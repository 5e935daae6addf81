# SPDX-License-Identifier: AGPL-3.0-or-later
"""The JSON-LD contexts that documents name by their address, told from here: nothing is ever fetched.

Each is our own short telling of what the vocabulary's context does to the documents that we read: its namespace, and
which members are addresses or moments. A context that is not here is refused by its name.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from convergences_node.web.surfaces.linked_context import CONTEXT

AS = "https://www.w3.org/ns/activitystreams#"
XSD = "http://www.w3.org/2001/XMLSchema#"


def _typed(kind: str, namespace: str, *names: str) -> dict[str, Any]:
    return {name: {"@id": namespace + name, "@type": kind} for name in names}


_ACTIVITYSTREAMS: dict[str, Any] = {
    "@vocab": AS,
    "as": AS,
    "ldp": "http://www.w3.org/ns/ldp#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "id": "@id",
    "type": "@type",
    "inbox": {"@id": "http://www.w3.org/ns/ldp#inbox", "@type": "@id"},
    "orderedItems": {"@id": f"{AS}items", "@type": "@id", "@container": "@list"},
    **_typed(
        "@id", AS, "actor", "object", "target", "origin", "attributedTo", "to", "cc", "bto", "bcc", "inReplyTo",
        "items", "first", "next", "prev", "partOf", "outbox", "followers", "following", "location", "tag", "url",
        "href", "icon", "image", "replies",
    ),
    **_typed(f"{XSD}dateTime", AS, "published", "updated", "startTime", "endTime", "deleted"),
}  # fmt: skip
_SCHEMA: dict[str, Any] = {
    "@vocab": "https://schema.org/",
    "schema": "https://schema.org/",
    "id": "@id",
    "type": "@type",
    **_typed("@id", "https://schema.org/", "url", "sameAs", "image", "eventStatus", "eventAttendanceMode"),
}
_SECURITY: dict[str, Any] = {"sec": "https://w3id.org/security#", "publicKey": "sec:publicKey"}

BUNDLED: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "https://www.w3.org/ns/activitystreams": _ACTIVITYSTREAMS,
        "http://www.w3.org/ns/activitystreams": _ACTIVITYSTREAMS,
        "https://w3id.org/security/v1": _SECURITY,
        "https://schema.org": _SCHEMA,
        "http://schema.org": _SCHEMA,
        "https://schema.org/docs/jsonldcontext.jsonld": _SCHEMA,
    }
)
OF_A_NODE = "/.well-known/context.jsonld"
"""Where SemApps, Archipelago and our nodes keep the context of what they serve, whatever their address."""


class NotBundled(Exception):  # noqa: N818 - says what the context is
    """A context that would have to be fetched."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


def load(address: str, options: Any = None) -> dict[str, Any]:
    """pyld's document loader. Raises `NotBundled`."""
    context = BUNDLED.get(address.rstrip("/"))
    if context is None and address.endswith(OF_A_NODE):
        context = CONTEXT
    if context is None:
        raise NotBundled(address)
    return {"contextUrl": None, "documentUrl": address, "document": {"@context": dict(context)}}
