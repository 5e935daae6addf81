# SPDX-License-Identifier: AGPL-3.0-or-later
"""The setup's four pages: the code, the town, the node and its operator, the recovery sheet. (`setup_again.py` has the
other way, for a town that had a node.)

Each page is a form that sends to its own address; what is accepted leads to the next one, what is not is shown again
with what is wrong beside it. At most eleven answers and clicks, and each has a default or an example.
"""

from __future__ import annotations

import asyncio
import logging
import math
import shlex
import sqlite3

from aiohttp import web
from convergences_protocol.errors import ConvergencesError, Refused

from convergences_node.fault_sentences import in_words, said_in
from convergences_node.faults import why_of
from convergences_node.setup.setup import Setup
from convergences_node.territories import TerritoryFacts, search
from convergences_node.web import dates
from convergences_node.web.messages import LANGUAGES, Messages, catalogue
from convergences_node.web.operator.drawing import answer_private, faults_of, go_to, words
from convergences_node.web.operator.forms import drop_cookie, give_cookie, read_form
from convergences_node.web.operator.log_in import SESSION_COOKIE
from convergences_node.web.pages import reading_of
from convergences_node.web.qr import code_of
from convergences_node.web.security import client_of

log = logging.getLogger(__name__)

SETUP: web.AppKey[Setup] = web.AppKey("setup")
COOKIE = "installation"
CODE, TOWN, NODE, SHEET = "/", "/installation/ville", "/installation/noeud", "/installation/fiche"
AGAIN = "/installation/reconstruire"
OPERATOR = "/operateur"
READ = ("sudo", "cat", "/run/convergences/setup-code")
"""What is typed on a device without a screen to see the code."""
FOUND_MAX = 12
"""Towns shown for a name: what fits on a screen; a longer name finds the others."""


def setup_of(request: web.Request) -> Setup:
    """The setup under way."""
    return request.app[SETUP]


def token_of(request: web.Request) -> str | None:
    """What the forms of whoever holds the setup repeat; None for a stranger."""
    return setup_of(request).token(request.cookies.get(COOKIE, ""))


def next_of(setup: Setup) -> str:
    """The first page that is not answered yet."""
    draft = setup.draft
    if setup.again.is_under_way:
        return AGAIN
    if draft.facts is None:
        return TOWN
    return SHEET if draft.password else NODE


# ------------------------------------------------------------------------------------- the code
async def code_page(request: web.Request) -> web.StreamResponse:
    """The first page: what this is, and the code that the console shows."""
    setup = setup_of(request)
    if token_of(request) is not None:
        return go_to(request, next_of(setup))
    setup.look()
    return _code(request)


def _code(request: web.Request, fault: str | None = None, status: int = 200) -> web.Response:
    faults = {"code": fault} if fault else None
    values = {"step": 1, "taken": not setup_of(request).code.is_out, "command": shlex.join(READ)}
    return answer_private(request, "setup_code.html", values, faults=faults, status=status)


async def code_given(request: web.Request) -> web.StreamResponse:
    """A code was typed: the right one is spent, a wrong one costs time."""
    setup, messages = setup_of(request), words(request)
    fields = await read_form(request, None)
    wait = setup.wait_s(client_of(request, setup.door.web_settings.proxies_trusted))
    if wait:
        response = _code(request, messages.text("setup.code.wait", seconds=math.ceil(wait)), 429)
        response.headers["Retry-After"] = str(math.ceil(wait))
        return response
    chosen = setup.redeem(fields.get("code", ""))
    if chosen is None:
        return _code(request, messages.text("setup.code.wrong"))
    response = go_to(request, TOWN)
    give_cookie(request, response, COOKIE, chosen)
    return response


# ------------------------------------------------------------------------------------- the town
async def town_page(request: web.Request) -> web.StreamResponse:
    """Which town: by its invitation, or by its name or postcode."""
    token = token_of(request)
    return go_to(request, CODE) if token is None else await _town(request, token)


async def _town(request: web.Request, token: str, faults: dict[str, str] | None = None) -> web.Response:
    asked = request.query.get("q", "").strip()
    found = await asyncio.to_thread(search, asked, FOUND_MAX) if asked else []
    values = {"step": 2, "token": token, "asked": asked, "found": [_shown(request, facts) for facts in found]}
    return answer_private(request, "setup_town.html", values, faults=faults)


def _shown(request: web.Request, facts: TerritoryFacts) -> dict[str, str]:
    messages = words(request)
    about = ", ".join(facts.postcodes[:3]) or messages.term("term.territory.type", facts.type)
    return {"code": facts.code, "name": facts.name, "about": about}


async def town_chosen(request: web.Request) -> web.StreamResponse:
    """A town was chosen, or an invitation pasted, which names its town."""
    setup, token = setup_of(request), token_of(request)
    fields = await read_form(request, token)
    if token is None:
        return go_to(request, CODE)
    try:
        if "invitation" in fields:
            await asyncio.to_thread(setup.draft.invite, fields["invitation"], setup.now())
        else:
            await asyncio.to_thread(setup.draft.choose, fields.get("code", ""))
    except ConvergencesError as error:
        field = "invitation" if "invitation" in fields else "q"
        return await _town(request, token, {field: " ".join(faults_of(error, words(request), field).values())})
    return go_to(request, NODE)


# ------------------------------------------------------------------------------------- the node, its operator
async def node_page(request: web.Request) -> web.StreamResponse:
    """The node's name, its operator's, and a password."""
    token = token_of(request)
    if token is None or setup_of(request).draft.facts is None:
        return go_to(request, CODE)
    return _node(request, token)


def _node(request: web.Request, token: str, error: Refused | None = None) -> web.Response:
    draft, messages = setup_of(request).draft, words(request)
    assert draft.facts is not None, "the town was chosen on the page before"
    values = {
        "step": 3,
        "token": token,
        "facts": draft.facts,
        "name": draft.name or draft.facts.name,
        "operator": draft.operator or messages.text("setup.node.operator_default"),
        "agglomeration": draft.invitation.name if draft.invitation else None,
        "kind": draft.kind,
    }
    faults = faults_of(error, messages) if error else None
    return answer_private(request, "setup_node.html", values, faults=faults)


async def node_named(request: web.Request) -> web.StreamResponse:
    """The node is named, and its operator has a password."""
    setup, token = setup_of(request), token_of(request)
    fields = await read_form(request, token)
    if token is None or setup.draft.facts is None:
        return go_to(request, CODE)
    password = fields.get("password", "")
    try:
        setup.draft.name_node(fields.get("node", ""), fields.get("name", ""), password)
    except Refused as refused:
        return _node(request, token, refused)
    setup.draft.password = await setup.passwords.hash(password)
    setup.draft.language = words(request).language
    return go_to(request, SHEET)


# ------------------------------------------------------------------------------------- the sheet
async def sheet_page(request: web.Request) -> web.StreamResponse:
    """The recovery sheet, to print, and two of its words to type back."""
    token = token_of(request)
    if token is None or next_of(setup_of(request)) != SHEET:
        return go_to(request, CODE)
    return _sheet(request, token)


def _sheet(request: web.Request, token: str, faults: dict[str, str] | None = None) -> web.Response:
    draft = setup_of(request).draft
    assert draft.facts is not None, "the town was chosen two pages before"
    lines = draft.lines()
    values = {
        "step": 4,
        "token": token,
        "sheets": [(each.language, each.text, _date(request, each)) for each in map(catalogue, LANGUAGES)],
        "name": draft.name,
        "territory": draft.facts.code,
        "origin": draft.origin,
        "lines": [line.split() for line in lines],
        "code": code_of("\n".join(lines)),
        "places": draft.places(),
    }
    return answer_private(request, "setup_sheet.html", values, faults=faults)


def _date(request: web.Request, messages: Messages) -> str:
    """When the sheet was made; nothing while the clock cannot be right."""
    now = setup_of(request).now()
    return dates.instant(messages, now, reading_of(request).zone) if now is not None else ""


async def sheet_printed(request: web.Request) -> web.StreamResponse:
    """Two words of the sheet were typed back: the town is made, and its pages take the place of these."""
    setup, token = setup_of(request), token_of(request)
    fields = await read_form(request, token)
    if token is None or next_of(setup) != SHEET:
        return go_to(request, CODE)
    if not setup.draft.is_printed([fields.get("word1", ""), fields.get("word2", "")]):
        setup.draft.ask_others()
        return _sheet(request, token, {"word1": words(request).text("setup.sheet.wrong")})
    try:
        chosen = await asyncio.shield(setup.found(request.headers.get("User-Agent", "")))
    except (ConvergencesError, OSError, sqlite3.Error) as error:  # a full card: the same sheet is good for another time
        log.error("the town could not be made: %s", error)
        messages = words(request)
        why = _why(error, messages.language)
        return _sheet(request, token, {"": messages.text("setup.sheet.not_made", reason=why)})
    response = go_to(request, OPERATOR)
    drop_cookie(response, COOKIE)
    give_cookie(request, response, SESSION_COOKIE, chosen)
    # Who comes back on this connection would find nobody there: the town listens anew.
    response.force_close()
    return response


def _why(error: Exception, language: str) -> str:
    """In a sentence's brackets: as it is said in that language, if it is."""
    if isinstance(error, ConvergencesError):
        return said_in(error, language).rstrip(".")
    return in_words(why_of(error), language)
