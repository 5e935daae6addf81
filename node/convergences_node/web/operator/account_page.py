# SPDX-License-Identifier: AGPL-3.0-or-later
"""The operator's account: another password, passkeys, and where else one is logged in."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from convergences_protocol.errors import Refused

from convergences_node.accounts import Session
from convergences_node.accounts.passkeys import PASSKEYS_MAX
from convergences_node.faults import NotNow
from convergences_node.web import dates
from convergences_node.web.operator.drawing import Faults, answer_private, faults_of, go_to, words
from convergences_node.web.operator.forms import give_cookie
from convergences_node.web.operator.log_in import SESSION_COOKIE, operating_of
from convergences_node.web.operator.site import site_of
from convergences_node.web.pages import reading_of

ACCOUNT = "/operateur/compte"
AGENTS = ("Firefox", "Edg", "OPR", "Chrome", "Safari")
"""What a browser says it is, the most particular first."""


@dataclass(frozen=True, slots=True)
class Line:
    """One passkey, in words."""

    id: str
    name: str
    made: str
    used: str
    elsewhere: str
    """The host name that it was made for, where that is not this one."""


async def account_page(request: web.Request, session: Session) -> web.StreamResponse:
    """The password's form, passkeys, and the sessions."""
    return await draw_account(request, session)


async def draw_account(
    request: web.Request, session: Session, faults: Faults | None = None, told: str = ""
) -> web.StreamResponse:
    """The account page, with what came of the last form."""
    reading = reading_of(request)
    sessions = await operating_of(request).accounts.sessions(session)
    lines = [
        (_browser(each.agent), dates.instant(reading.messages, each.seen_at, reading.zone), each == session)
        for each in sessions
    ]
    values = {"session": session, "sessions": lines, "told": told, **await _passkeys(request, session)}
    return answer_private(request, "operator_account.html", values, faults=faults)


async def _passkeys(request: web.Request, session: Session) -> dict[str, object]:
    """What the account page says of them: those there are, and what a browser needs to make another."""
    site, passkeys, reading = site_of(request), operating_of(request).accounts.passkeys, reading_of(request)

    def moment(at: int | None) -> str:
        return "" if at is None else dates.instant(reading.messages, at, reading.zone)

    here = site.host if site else ""
    lines = [
        Line(each.id, each.name, moment(each.made_at), moment(each.used_at), "" if each.host == here else each.host)
        for each in await passkeys.of(session)
    ]
    options = await passkeys.creation_options(session, site) if site and len(lines) < PASSKEYS_MAX else None
    return {"passkeys": lines, "passkey_options": options}


def _browser(agent: str) -> str:
    return next((name for name in AGENTS if name in agent), "?").replace("Edg", "Edge").replace("OPR", "Opera")


async def password_change(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """Another password: every session ends, and this browser gets a new one."""
    accounts, messages = operating_of(request).accounts, words(request)
    try:
        right = await accounts.change_password(session, fields.get("old", ""), fields.get("password", ""))
    except (Refused, NotNow) as refused:
        return await draw_account(request, session, faults_of(refused, messages))
    if not right:
        return await draw_account(request, session, {"old": messages.text("operator.account.old_wrong")})
    chosen = await accounts.begin(session.name, request.headers.get("User-Agent", ""))
    response = go_to(request, ACCOUNT)
    give_cookie(request, response, SESSION_COOKIE, chosen)
    return response


async def others_log_out(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """End every other session."""
    ended = await operating_of(request).accounts.log_out_others(session)
    return await draw_account(request, session, told=words(request).count("operator.account.ended", ended))
