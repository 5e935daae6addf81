# SPDX-License-Identifier: AGPL-3.0-or-later
"""What stands between a form and what it does: where it came from, whose it is, how much of it is read, which cookie.

Cross-site requests are refused twice (OWASP, Cross-Site Request Forgery Prevention): by what the browser says of the
page that sent the form (Origin, and Sec-Fetch-Site where the address is trusted enough to have it), and by a token of
the session that the form repeats. The pages send their own `Referrer-Policy`, for under `no-referrer` a browser hides
the origin of forms too. A form without an Origin, which no browser of the last ten years sends, is refused.
"""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from aiohttp import web

from convergences_node.web.arriving import is_secure
from convergences_node.web.posted import readable
from convergences_node.web.problems import Problem

TOKEN_FIELD = "jeton"  # noqa: S105 - the name of a field
FIELD_CHARS_MAX = 8_192
"""An invitation is the longest that anybody pastes."""
FIELDS_MAX = 60
"""The longest form chooses columns for two dozen fields, some of them put together."""
FORM = "application/x-www-form-urlencoded"
COOKIE_SECONDS = 7 * 86_400


async def read_form(request: web.Request, token: str | None) -> dict[str, str]:
    """The fields of a form that this node's own page sent; with a token, in this session. Problem if it is not."""
    if not is_from_us(request) or request.content_type != FORM:
        raise Problem("form-refused")
    with readable():
        posted = await request.post()
    fields = {name: value[:FIELD_CHARS_MAX] for name, value in posted.items() if isinstance(value, str)}
    if len(posted) > FIELDS_MAX:
        raise Problem("form-refused")
    if token is not None and not hmac.compare_digest(fields.get(TOKEN_FIELD, "").encode(), token.encode()):
        raise Problem("form-refused")
    return fields


def is_from_us(request: web.Request) -> bool:
    """Whether a page of this node sent the form, by what the browser says."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None and site != "same-origin":
        return False
    origin = request.headers.get("Origin", "")
    try:
        return bool(origin) and urlsplit(origin).netloc.lower() == request.host.lower()
    except ValueError:  # a bracket too few
        return False


def give_cookie(request: web.Request, response: web.StreamResponse, name: str, value: str) -> None:
    """A cookie that scripts cannot read, that other sites cannot send, and that stays on TLS if it was given there."""
    response.set_cookie(
        name,
        value,
        max_age=COOKIE_SECONDS,
        path="/",
        httponly=True,
        samesite="Strict",
        secure=is_secure(request),
    )


def drop_cookie(response: web.StreamResponse, name: str) -> None:
    """Take it back."""
    response.del_cookie(name, path="/", httponly=True, samesite="Strict")
