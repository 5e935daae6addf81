# SPDX-License-Identifier: AGPL-3.0-or-later
"""How a page presents itself elsewhere: its one address, and where an embed of it is described (oEmbed).

The head of every page says it for search engines (`canonical`), for messengers and social sites (Open Graph, Twitter
cards), and for editors that turn a pasted link into an embed. The title and the description are the page's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote_plus

from aiohttp import web

from convergences_node.web.asking import ROUTE
from convergences_node.web.exporting import base_of
from convergences_node.web.filters import encoded

NO_ADDRESS = ("lang", "cursor")
"""What does not make another page of it: the reader's language, and where one reads on."""
EMBEDDED = ("/", "/e/{id}")
"""The routes whose pages can be embedded elsewhere."""
LOCALES = {"fr": "fr_FR", "en": "en_GB"}


@dataclass(frozen=True, slots=True)
class Shared:
    """What the head of a page says of it."""

    address: str
    type: str
    locale: str
    oembed: str | None
    base: str
    """This node's address, before every path."""
    embed: str | None
    """The page that says how to put this into another site."""


def shared(request: web.Request, language: str) -> Shared:
    """What the head of the page that is answered says."""
    pairs = [(name, value) for name, value in request.query.items() if name not in NO_ADDRESS and value]
    base = base_of(request)
    address = f"{base}{request.rel_url.raw_path}" + (f"?{encoded(pairs)}" if pairs else "")
    route = request.get(ROUTE)
    path = route.path if route else ""
    asked = f"url={quote_plus(address)}&format=json"
    return Shared(
        address=address,
        base=base,
        type="article" if path == "/e/{id}" else "website",
        locale=LOCALES.get(language, language),
        embed=_embed(request, path, pairs),
        oembed=f"{base}/oembed?{asked}" if path in EMBEDDED and (pairs or path != "/") else None,
    )


def _embed(request: web.Request, path: str, pairs: list[tuple[str, str]]) -> str | None:
    if path not in EMBEDDED:
        return None
    about = [("fiche", request.match_info["id"])] if "id" in request.match_info else pairs
    language = [("lang", request.query["lang"])] if request.query.get("lang") else []
    asked = encoded([*about, *language])
    return f"/integrer?{asked}" if asked else "/integrer"
