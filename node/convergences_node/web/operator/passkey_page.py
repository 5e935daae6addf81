# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the forms of passkeys do: one is made or taken away on the account page, and used on the page to log in with.

What is asked of the browser stands in the form that brings its answer back, which a script sends
(front/src/passkeys.js). Nobody needs a passkey: the password goes on opening the operator's page.
"""

from __future__ import annotations

from aiohttp import web
from convergences_protocol.errors import Refused

from convergences_node.accounts import Session
from convergences_node.faults import NotNow
from convergences_node.web.operator.account_page import draw_account
from convergences_node.web.operator.drawing import faults_of, go_to, words
from convergences_node.web.operator.forms import give_cookie, read_form
from convergences_node.web.operator.log_in import (
    OPERATOR,
    SESSION_COOKIE,
    draw_log_in,
    draw_wait,
    operating_of,
    wait_s,
)
from convergences_node.web.operator.site import site_of
from convergences_node.web.problems import Problem


# ------------------------------------------------------------------------------------- on the account page
async def passkey_add(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """The browser has made one."""
    site, messages = site_of(request), words(request)
    if site is None:
        raise Problem("form-refused")
    try:
        name = fields.get("passkey", "")
        await operating_of(request).accounts.passkeys.add(session, site, fields.get("answer", ""), name)
    except (Refused, NotNow) as refused:
        return await draw_account(request, session, faults_of(refused, messages))
    return await draw_account(request, session, told=messages.text("operator.passkey.added"))


async def passkey_remove(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """One opens nothing any more."""
    messages = words(request)
    try:
        done = await operating_of(request).accounts.passkeys.remove(session, fields.get("passkey", ""))
    except NotNow as refused:
        return await draw_account(request, session, faults_of(refused, messages))
    return await draw_account(request, session, told=messages.text("operator.passkey.removed") if done else "")


# ------------------------------------------------------------------------------------- to log in with
async def passkey_log_in(request: web.Request) -> web.StreamResponse:
    """The browser has signed with one."""
    fields, site = await read_form(request, None), site_of(request)
    if site is None:
        raise Problem("form-refused")
    if wait := wait_s(request):
        return await draw_wait(request, wait)
    agent = request.headers.get("User-Agent", "")
    chosen = await operating_of(request).accounts.log_in_by_passkey(site, fields.get("answer", ""), agent)
    if chosen is None:
        return await draw_log_in(request, {"": words(request).text("operator.passkey.wrong")})
    response = go_to(request, OPERATOR)
    give_cookie(request, response, SESSION_COOKIE, chosen)
    return response
