# SPDX-License-Identifier: AGPL-3.0-or-later
"""The setup's other way: the town had a node, and comes back from its recovery sheet and a backup.

One form, and then a page that comes back every few seconds (a header, and no script) until the town's own pages answer
at the same address.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from aiohttp import web
from convergences_protocol.errors import Refused

from convergences_node.setup.again import AT_HAND, KEPT, SHEET, as_given, read_again
from convergences_node.web.operator.drawing import Faults, answer_private, faults_of, go_to, words
from convergences_node.web.operator.forms import read_form
from convergences_node.web.operator.setup_pages import AGAIN, CODE, OPERATOR, setup_of, token_of
from convergences_node.web.pages import reading_of

ASKS_AGAIN_SECONDS = 3


async def again_page(request: web.Request) -> web.StreamResponse:
    """The form or, while a town comes back, how far it is."""
    token, setup = token_of(request), setup_of(request)
    if token is None:
        return go_to(request, CODE)
    if setup.again.is_under_way:
        return _under_way(request)
    if setup.given is not None and setup.again.failed is not None:
        return _form(request, token, as_given(setup.given), faults_of(setup.again.failed, words(request)))
    return _form(request, token)


def _under_way(request: web.Request) -> web.Response:
    response = answer_private(request, "setup_again_wait.html", {"share": setup_of(request).again.share})
    # An address that the town has, too: the browser is led on when it is there.
    response.headers["Refresh"] = f"{ASKS_AGAIN_SECONDS}; url={reading_of(request).link(OPERATOR)}"
    return response


def _form(
    request: web.Request, token: str, given: Mapping[str, str] | None = None, faults: Faults | None = None
) -> web.Response:
    given, at_hand = given or {}, setup_of(request).backups is not None
    values = {
        "token": token,
        "given": given,
        "sheet": SHEET,
        "at_hand": at_hand,
        "chosen": given.get("from") or (AT_HAND if at_hand else KEPT),
        "operator": given.get("name") or words(request).text("setup.node.operator_default"),
    }
    return answer_private(request, "setup_again.html", values, faults=faults)


async def on_its_way(request: web.Request) -> web.StreamResponse:
    """What the town will have at this address: for now, how far it is."""
    return go_to(request, CODE if token_of(request) is None else AGAIN)


async def again_given(request: web.Request) -> web.StreamResponse:
    """Sheet, backup and account were given: the town is put back beside the page."""
    setup, token = setup_of(request), token_of(request)
    fields = await read_form(request, token)
    if token is None:
        return go_to(request, CODE)
    if setup.again.is_under_way:
        return go_to(request, AGAIN)
    try:
        given = read_again(fields, setup.backups)
    except Refused as refused:
        return _form(request, token, fields, faults_of(refused, words(request)))
    setup.found_again(replace(given, password=await setup.passwords.hash(given.password)))
    return go_to(request, AGAIN)
