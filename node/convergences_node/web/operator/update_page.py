# SPDX-License-Identifier: AGPL-3.0-or-later
"""“Update”: which version is here, which ones can be had, and the three buttons: prepare, install, take back.

What the page says is what `convergences update check` says, and its buttons do what the commands do. A version is
prepared beside the page, which asks again every few seconds meanwhile (a header, and no script). While one is
installed the node is away: the page that said so comes back by itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from aiohttp import web
from convergences_protocol.errors import ConvergencesError

from convergences_node.accounts import Session
from convergences_node.beside import Beside
from convergences_node.fault_sentences import fault_sentence, said_in
from convergences_node.faults import fault_from_json
from convergences_node.updates.params import UpdateStage
from convergences_node.updates.verb import stage_one
from convergences_node.web import dates
from convergences_node.web.operator.drawing import Faults, answer_private, faults_of, go_to, words
from convergences_node.web.operator.log_in import operating_of
from convergences_node.web.pages import reading_of

UPDATE = "/operateur/mise-a-jour"
ASKS_AGAIN_SECONDS = 3
INSTALLED_SECONDS = 150
"""After which the page asks again: the old version is packed, the new one unpacked; a few minutes, on a Pi."""
MIB = 1 << 20
PREPARING: web.AppKey[Beside] = web.AppKey("update_preparing")


def keep_preparing(app: web.Application) -> None:
    """One for the life of the pages; what came of a package over the line stays for the next time."""
    app[PREPARING] = Beside("preparing an update")

    async def stop(app: web.Application) -> AsyncIterator[None]:
        yield
        await app[PREPARING].stop()

    app.cleanup_ctx.append(stop)


async def update_page(request: web.Request, session: Session) -> web.StreamResponse:
    """What is here, and what can be had."""
    return await _draw(request, session)


async def update_look(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """Look in a folder that the operator names."""
    return await _draw(request, session, where=fields.get("where", "").strip())


async def _draw(
    request: web.Request, session: Session, *, where: str = "", faults: Faults | None = None, told: str = ""
) -> web.StreamResponse:
    preparing, messages = request.app[PREPARING], words(request)
    found, more = await _found_meanwhile(request, where, preparing)
    if preparing.failed is not None and not faults:
        faults = faults_of(preparing.failed, messages)
    values = {
        "session": session,
        "told": told,
        "where": where,
        "found": found,
        "offers": [_offer(each, messages.language) for each in found.get("offers", ())],
        "unreachable": bool(found.get("unreachable")),
        "attempt": _attempt(request, found.get("attempt")),
        "preparing": preparing.is_under_way,
        "share": preparing.share,
        "agglomeration": operating_of(request).town.config.node.kind == "agglomeration",
    }
    response = answer_private(request, "operator_update.html", values, faults={**more, **(faults or {})})
    if preparing.is_under_way:
        response.headers["Refresh"] = f"{ASKS_AGAIN_SECONDS}; url={reading_of(request).link(UPDATE)}"
    return response


async def _found_meanwhile(request: web.Request, where: str, preparing: Beside) -> tuple[Mapping[str, Any], Faults]:
    """Looked for once more where a version was prepared while one was looking: else it would be neither under way nor
    there, on a page that does not ask again."""
    was_under_way = preparing.is_under_way
    found = await _found(request, where)
    return await _found(request, where) if was_under_way and not preparing.is_under_way else found


async def _found(request: web.Request, where: str) -> tuple[Mapping[str, Any], Faults]:
    """What the verb says; where this is no package, how it is all the same."""
    operating = operating_of(request)
    try:
        return await operating.perform("update_check", {"where": where} if where else {}), {}
    except ConvergencesError as error:
        status = await operating.perform("update_status", {})
        # Of a program that was not installed by its package there is nothing to look for, which is no fault.
        return status, faults_of(error, words(request), "where") if status["version"] else {}


def _offer(each: Mapping[str, Any], language: str) -> dict[str, Any]:
    refused = fault_sentence(fault_from_json(each["refused"]), language) if each["refused"] else ""
    folder = str(Path(each["where"]).parent) if each["where"] else ""
    return {**each, "refused": refused, "folder": folder, "mib": max(1, (each["bytes"] or 0) // MIB)}


def _attempt(request: web.Request, attempt: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if attempt is None:
        return None
    reading = reading_of(request)
    reason = attempt["reason"]
    return {
        **attempt,
        "when": dates.instant(reading.messages, attempt["at"], reading.zone),
        "reason": fault_sentence(fault_from_json(reason), reading.messages.language) if reason else "",
    }


# ------------------------------------------------------------------------------------- the buttons
async def update_prepare(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """Copy a version here, beside the page."""
    town = operating_of(request).town
    params = UpdateStage(where=fields.get("where", "") or None, version=fields.get("version") or None)
    request.app[PREPARING].begin(lambda tell: stage_one(town, params, tell))
    return go_to(request, UPDATE)


async def update_install(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """Have it installed; the node is away meanwhile."""
    return await _away(request, session, "update_apply")


async def update_back(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """Have the version before put back."""
    return await _away(request, session, "update_return")


async def _away(request: web.Request, session: Session, verb: str) -> web.StreamResponse:
    try:
        await operating_of(request).perform(verb, {})
    except ConvergencesError as error:
        return await _draw(request, session, faults=faults_of(error, words(request)))
    response = answer_private(request, "operator_updating.html", {"minutes": -(-INSTALLED_SECONDS // 60)})
    response.headers["Refresh"] = f"{INSTALLED_SECONDS}; url={reading_of(request).link(UPDATE)}"
    return response


async def update_seen(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """The operator has read how it ended."""
    await operating_of(request).perform("update_seen", {})
    return go_to(request, UPDATE)


async def update_offer(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """At an agglomeration: offer a version to its towns, or none any more."""
    messages = words(request)
    try:
        done = await operating_of(request).perform("update_offer", {"where": fields.get("where", "")})
    except ConvergencesError as error:
        return await _draw(request, session, faults={"": said_in(error, messages.language)})
    told = (
        messages.text("operator.update.offered", version=done["version"])
        if done["version"]
        else messages.text("operator.update.offered_none")
    )
    return await _draw(request, session, told=told)
