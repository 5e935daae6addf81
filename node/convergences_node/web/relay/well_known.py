# SPDX-License-Identifier: AGPL-3.0-or-later
"""How a relay is found: WebFinger (RFC 7033), host-meta (RFC 6415), and NodeInfo 2.0 and 2.1 with FEP-2677's link."""

from __future__ import annotations

from importlib.metadata import version
from urllib.parse import quote

from aiohttp import web
from markupsafe import escape

from convergences_node.relay.relay import Relay
from convergences_node.relay.rows import RELAY as ITSELF
from convergences_node.relay.words import ACTIVITY_JSON, AS
from convergences_node.web.asking import town_of
from convergences_node.web.etag import CACHE_ASK, conditional
from convergences_node.web.relay import RELAY
from convergences_node.web.relay.answering import answer, refusal

JRD = "application/jrd+json"
XRD = "application/xrd+xml; charset=utf-8"
NODEINFO = "http://nodeinfo.diaspora.software/ns/schema"
NODEINFO_VERSIONS = ("2.0", "2.1")
RESOURCE_CHARS_MAX = 500


async def webfinger_show(request: web.Request) -> web.Response:
    """Who is behind `acct:name@host`, or an actor's address."""
    relay, resource = request.app[RELAY], request.query.get("resource", "")
    if not resource or len(resource) > RESOURCE_CHARS_MAX:
        return refusal(400, "resource-missing")
    found = await _found(relay, resource)
    if found is None:
        return refusal(404, "nobody-here")
    name, owner = found
    actor = relay.addresses.actor(owner)
    links = [
        {"rel": "self", "type": ACTIVITY_JSON, "href": actor},
        {"rel": "http://webfinger.net/rel/profile-page", "type": "text/html", "href": _page(relay, owner)},
    ]
    said = {"subject": f"acct:{name}@{relay.addresses.host}", "aliases": [actor], "links": links}
    return answer(request, said, JRD)


async def _found(relay: Relay, resource: str) -> tuple[str, str] | None:
    """The name and the id of an actor of ours."""
    owner = relay.addresses.owner_of(resource)
    if owner is not None:
        return await relay.name_of(owner)
    scheme, _, rest = resource.partition(":")
    name, _, host = rest.lstrip("@").partition("@")
    if scheme != "acct" or host.lower() != relay.addresses.host:
        return None
    return await relay.named(name.lower())


def _page(relay: Relay, owner: str) -> str:
    return f"{relay.addresses.base}/" if owner == ITSELF else relay.addresses.actor(owner)


async def host_meta_show(request: web.Request) -> web.Response:
    """Where WebFinger is, for those who ask so first."""
    base = escape(request.app[RELAY].addresses.base)
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">'
        f'<Link rel="lrdd" template="{base}/.well-known/webfinger?resource={{uri}}"/></XRD>\n'
    )
    return conditional(request, body.encode(), XRD, cache=CACHE_ASK)


async def nodeinfo_links(request: web.Request) -> web.Response:
    """Where the node says what it is, and which actor it is (FEP-2677)."""
    addresses = request.app[RELAY].addresses
    links = [{"rel": f"{NODEINFO}/{each}", "href": f"{addresses.base}/nodeinfo/{each}"} for each in NODEINFO_VERSIONS]
    links.append({"rel": f"{AS}#Application", "href": addresses.actor(ITSELF)})
    return answer(request, {"links": links}, JRD)


async def nodeinfo_show(request: web.Request) -> web.Response:
    """What the node is: its program, and that it speaks ActivityPub."""
    asked = request.match_info["version"]
    settings = town_of(request).web_settings
    actors, events = await request.app[RELAY].counted()
    software = {"name": "convergences", "version": version("convergences")}
    said = {
        "version": asked,
        "software": software,
        "protocols": ["activitypub"],
        "services": {"inbound": [], "outbound": ["atom1.0"]},
        "openRegistrations": False,
        "usage": {"users": {"total": actors}, "localPosts": events},
        "metadata": {"nodeName": settings.name},
    }
    media = f'application/json; profile="{quote(f"{NODEINFO}/{asked}", safe=":/#")}#"'
    return answer(request, said, media)
