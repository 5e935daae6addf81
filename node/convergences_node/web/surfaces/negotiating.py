# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which form of a thing a reader wants (RFC 9110 section 12.5.1), and what it would rather not be sent (RFC 7240).

A header that is odd, or asks only for what there is not, is answered with the first form: a reader who is given what it
can perhaps read is better off than one who is given 406.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

JSON_LD, TURTLE, HTML, JSON = "application/ld+json", "text/turtle", "text/html", "application/json"
N_QUADS, N_TRIPLES = "application/n-quads", "application/n-triples"
ACTIVITY_JSON = "application/activity+json"
ACCEPT_CHARACTERS_MAX = 1_000
"""Browsers send about 150."""
MINIMAL = "http://www.w3.org/ns/ldp#PreferMinimalContainer"


def wanted_form(request: web.Request, forms: Sequence[str]) -> str:
    """The form that the reader likes best; of several that it likes as well, the first of ours."""
    liked = _liked(request.headers.get("Accept", "*/*")[:ACCEPT_CHARACTERS_MAX])
    weights = [_weight(liked, form) for form in forms]
    best = max(weights)
    return forms[weights.index(best)] if best > 0 else forms[0]


def wants_linked(request: web.Request) -> bool:
    """Whether the reader of a page's address wants it as linked data: it says so by name, and likes it better."""
    liked = _liked(request.headers.get("Accept", "*/*")[:ACCEPT_CHARACTERS_MAX])
    linked = max(liked.get(form, 0.0) for form in (JSON_LD, TURTLE, N_TRIPLES, ACTIVITY_JSON, JSON))
    return linked > _weight(liked, HTML) or (linked > 0 and HTML not in liked)


def wants_activity(request: web.Request) -> bool:
    """Whether what linked data is wanted is ActivityStreams' (ActivityPub section 3.2: either of two types)."""
    accept = request.headers.get("Accept", "")[:ACCEPT_CHARACTERS_MAX]
    return ACTIVITY_JSON in accept or (JSON_LD in accept and "ns/activitystreams" in accept)


def wants_minimal(request: web.Request) -> bool:
    """Whether a container is wanted without what it contains (LDP 1.0 section 7.2)."""
    return MINIMAL in request.headers.get("Prefer", "")[:ACCEPT_CHARACTERS_MAX]


def _liked(accept: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for piece in accept.split(","):
        media, *parameters = (part.strip().lower() for part in piece.split(";"))
        weight = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        try:
            found[media] = min(max(float(weight), 0.0), 1.0)
        except ValueError:
            found[media] = 0.0
    return found


def _weight(liked: dict[str, float], form: str) -> float:
    for name in (form, f"{form.partition('/')[0]}/*", "*/*"):
        if name in liked:
            return liked[name]
    return 0.0
