# SPDX-License-Identifier: AGPL-3.0-or-later
"""Logging in, out, and who is logged in: what stands before every page of the operator."""

from __future__ import annotations

import math
import shlex
from collections.abc import Awaitable, Callable

from aiohttp import web

from convergences_node.accounts import Session
from convergences_node.operating import Operating
from convergences_node.web.asking import town_of
from convergences_node.web.operator.drawing import Faults, answer_private, go_to, words
from convergences_node.web.operator.forms import drop_cookie, give_cookie, read_form
from convergences_node.web.operator.site import site_of
from convergences_node.web.problems import Problem
from convergences_node.web.security import TokenBuckets, client_of

SESSION_COOKIE = "operateur"
LOG_IN, OPERATOR = "/operateur/entrer", "/operateur"
ATTEMPTS_PER_SECOND, ATTEMPTS_BURST = 0.1, 5
"""For one client: five at once, then one in ten seconds. A password of twelve signs lasts."""
ATTEMPTS_OF_ALL_PER_SECOND, ATTEMPTS_OF_ALL_BURST = 1.0, 30
EVERYONE = "everyone"
RESET = ("sudo", "-u", "convergences", "convergences", "operator", "reset", "--folder")
"""What is typed on the device, before the node's folder, when a password is lost."""

OPERATING: web.AppKey[Operating] = web.AppKey("operating")
ATTEMPTS: web.AppKey[tuple[TokenBuckets, TokenBuckets]] = web.AppKey("attempts")

Shown = Callable[[web.Request, Session], Awaitable[web.StreamResponse]]
Done = Callable[[web.Request, Session, dict[str, str]], Awaitable[web.StreamResponse]]


def operating_of(request: web.Request) -> Operating:
    """What the node offers its operator."""
    return request.app[OPERATING]


async def session_of(request: web.Request) -> Session | None:
    """Who is logged in on this browser."""
    chosen = request.cookies.get(SESSION_COOKIE, "")
    return await operating_of(request).accounts.session(chosen) if chosen else None


def shown_to_operator(page: Shown) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The page, for whoever is logged in; anybody else logs in first."""

    async def handler(request: web.Request) -> web.StreamResponse:
        session = await session_of(request)
        return go_to(request, LOG_IN) if session is None else await page(request, session)

    return handler


def done_by_operator(act: Done) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """What a form does, for a form of this session that was filled in on this node's own page."""

    async def handler(request: web.Request) -> web.StreamResponse:
        session = await session_of(request)
        if session is None:
            raise Problem("form-refused")
        return await act(request, session, await read_form(request, session.token))

    return handler


# ------------------------------------------------------------------------------------- in and out
async def log_in_page(request: web.Request) -> web.StreamResponse:
    """The form to log in with."""
    if await session_of(request) is not None:
        return go_to(request, OPERATOR)
    return await draw_log_in(request)


async def draw_log_in(
    request: web.Request, faults: Faults | None = None, name: str = "", status: int = 200
) -> web.Response:
    """The page to log in with, and what was wrong the last time."""
    operating, site = operating_of(request), site_of(request)
    options = await operating.accounts.passkeys.request_options(site) if site else None
    known = await operating.accounts.operators()
    command = shlex.join([*RESET, str(operating.town.folder)])
    values = {"name": name, "nobody": not known, "command": command, "passkey_options": options}
    return answer_private(request, "operator_log_in.html", values, faults=faults, status=status)


async def log_in(request: web.Request) -> web.StreamResponse:
    """A name and a password were given."""
    messages = words(request)
    fields = await read_form(request, None)
    name = fields.get("name", "").strip()
    if wait := wait_s(request):
        return await draw_wait(request, wait, name)
    accounts = operating_of(request).accounts
    chosen = await accounts.log_in(name, fields.get("password", ""), request.headers.get("User-Agent", ""))
    if chosen is None:
        return await draw_log_in(request, {"password": messages.text("operator.log_in.wrong")}, name)
    response = go_to(request, OPERATOR)
    give_cookie(request, response, SESSION_COOKIE, chosen)
    return response


async def draw_wait(request: web.Request, wait: int, name: str = "") -> web.Response:
    """The page to log in with, for whoever has tried too often."""
    faults = {"": words(request).text("setup.code.wait", seconds=wait)}
    response = await draw_log_in(request, faults, name, 429)
    response.headers["Retry-After"] = str(wait)
    return response


def wait_s(request: web.Request) -> int:
    """Seconds before this client may try again; 0 if it may now, and has used one of its tries."""
    of_each, of_all = request.app[ATTEMPTS]
    client = client_of(request, town_of(request).web_settings.proxies_trusted)
    return math.ceil(of_each.take(client) or of_all.take(EVERYONE))


async def log_out(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """End this session."""
    await operating_of(request).accounts.log_out(session)
    response = go_to(request, LOG_IN)
    drop_cookie(response, SESSION_COOKIE)
    return response
