# SPDX-License-Identifier: AGPL-3.0-or-later
"""The sources of a node: how each went, in words, and the buttons that do what `convergences source` does.

A run goes on by itself beside the page, which asks again every few seconds until it is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web
from convergences_protocol.errors import ConvergencesError

from convergences_node.accounts import Session
from convergences_node.faults import NotFound
from convergences_node.sources.given import is_given
from convergences_node.sources.under_way import UnderWay
from convergences_node.web import dates
from convergences_node.web.cards import Reading
from convergences_node.web.operator.drawing import Faults, answer_private, faults_of, go_to
from convergences_node.web.operator.log_in import operating_of
from convergences_node.web.operator.source_edits import Edited, edited_beside
from convergences_node.web.operator.source_rows import Preview, preview_of, why
from convergences_node.web.pages import reading_of
from convergences_node.web.problems import Problem

SOURCES = "/operateur/sources"
ASKS_AGAIN_SECONDS = 3
ROWS_SHOWN = 5
REFUSED_SHOWN = 20
EDITED = "row_edited"
LEVELS = {"imported": "good", "unchanged": "good", "new": "good", "failed": "bad"}
"""Of an outcome; the others want somebody's look."""
UNDER_WAY: web.AppKey[UnderWay] = web.AppKey("sources_under_way")


@dataclass(frozen=True, slots=True)
class Shown:
    """One source, in words."""

    name: str
    level: str
    outcome: str
    running: bool
    where: str
    given: bool
    """Somebody put its file here, and may put a newer one."""
    succeeded: str
    due: str
    reason: str
    rows: int
    edited: int


async def sources_page(request: web.Request, session: Session) -> web.StreamResponse:
    """Every source, with how it is."""
    reading, running = reading_of(request), request.app[UNDER_WAY].names()
    listed = (await operating_of(request).perform("source_list", {}))["sources"]
    shown = [_shown(reading, each, running) for each in listed]
    response = answer_private(request, "operator_sources.html", {"session": session, "sources": shown})
    if any(each.running for each in shown):
        response.headers["Refresh"] = f"{ASKS_AGAIN_SECONDS}; url={reading.link(SOURCES)}"
    return response


async def source_page(request: web.Request, session: Session) -> web.StreamResponse:
    """One source."""
    return await draw_source(request, session)


async def source_run(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """Run it now."""
    return _begin(request, accept=False)


async def source_accept(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """Somebody has looked at what is held back: take it as it is."""
    return _begin(request, accept=True)


def _begin(request: web.Request, *, accept: bool) -> web.StreamResponse:
    name = request.match_info["name"]
    request.app[UNDER_WAY].start(name, accept=accept)
    return go_to(request, f"{SOURCES}/{name}")


async def source_preview(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """The first rows as they would be here, and what a run would change; nothing is written."""
    operating, name = operating_of(request), request.match_info["name"]
    try:
        answer = await operating.perform("source_preview", {"name": name, "rows": ROWS_SHOWN})
        preview = await preview_of(request, answer)
        asked = {"name": name, "accept": True, "whole": True, "dry_run": True}
        (would,) = (await operating.perform("source_run", asked))["sources"]
    except ConvergencesError as error:
        return await draw_source(request, session, faults=faults_of(error, reading_of(request).messages))
    return await draw_source(request, session, preview=preview, would=would)


async def source_stop(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """Stop relaying it, or go on."""
    messages, resume = reading_of(request).messages, "resume" in fields
    try:
        asked = {"name": request.match_info["name"], "resume": resume}
        await operating_of(request).perform("source_stop", asked)
    except ConvergencesError as error:
        return await draw_source(request, session, faults=faults_of(error, messages))
    told = messages.text("operator.source.resumed" if resume else "operator.source.stopped")
    return await draw_source(request, session, told=told)


async def source_settle(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """Of one element, which fields are taken from the source."""
    messages = reading_of(request).messages
    take = [name.removeprefix("champ.") for name, whose in fields.items() if whose == "source" and "champ." in name]
    asked = {"name": request.match_info["name"], "element": fields.get("element", ""), "take": take}
    try:
        done = await operating_of(request).perform("source_settle", asked)
    except ConvergencesError as error:
        return await draw_source(request, session, faults=faults_of(error, messages))
    return await draw_source(request, session, told=messages.count("operator.source.settled", len(done["taken"])))


async def draw_source(
    request: web.Request,
    session: Session,
    *,
    faults: Faults | None = None,
    told: str = "",
    preview: Preview | None = None,
    would: dict[str, Any] | None = None,
) -> web.StreamResponse:
    """The page of one source, with what came of the last button."""
    reading, name, under_way = reading_of(request), request.match_info["name"], request.app[UNDER_WAY]
    running = under_way.names()  # before it is asked how it went: a run may end meanwhile
    try:
        status = await operating_of(request).perform("source_status", {"name": name})
    except NotFound:
        raise Problem("not-found") from None
    except ConvergencesError as error:
        status, faults = {"name": name, "outcome": "failed"}, faults_of(error, reading.messages)
    shown = _shown(reading, status, running)
    if faults is None and (failed := under_way.failed.get(name)) is not None:
        faults = faults_of(failed, reading.messages)
    values = {
        "session": session,
        "told": told,
        "it": shown,
        "status": status,
        "lines": {what: _rows(reading, status.get("report", {}).get(what, [])) for what in ("refused", "left_out")},
        "counts": {what: status.get("report", {}).get(f"{what}_count", 0) for what in ("refused", "left_out")},
        "not_held": status.get("report", {}).get("not_held", []),
        "edited": await _edited(request, status),
        "preview": preview,
        "would": would,
    }
    response = answer_private(request, "operator_source.html", values, faults=faults)
    if shown.running:
        response.headers["Refresh"] = f"{ASKS_AGAIN_SECONDS}; url={reading.link(f'{SOURCES}/{name}')}"
    return response


async def _edited(request: web.Request, status: dict[str, Any]) -> list[Edited]:
    return await edited_beside(operating_of(request).town, reading_of(request), status.get("edited", []))


def _shown(reading: Reading, told: dict[str, Any], running: frozenset[str]) -> Shown:
    sentence, outcome = told.get("sentence"), told["outcome"]
    where = str(told.get("where") or "")
    given = is_given(told["name"], where)
    return Shown(
        name=told["name"],
        level=LEVELS.get(outcome, "care"),
        outcome=outcome,
        running=told["name"] in running,
        where=reading.messages.text("operator.source.given") if given else where,
        given=given,
        succeeded=_moment(reading, told.get("succeeded")),
        due=_moment(reading, told.get("due")),
        reason=sentence[reading.messages.language] if sentence else "",
        rows=told.get("rows") or 0,
        edited=told.get("edited_count") or 0,
    )


def _moment(reading: Reading, text: str | None) -> str:
    if text is None:
        return ""
    return dates.instant(reading.messages, int(datetime.fromisoformat(text).timestamp()), reading.zone)


def _rows(reading: Reading, entries: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Lines that were refused, each with the reason; those that people have edited here are shown by themselves."""
    return [
        (f"{each['file']}, {each['line']}" if "file" in each else str(each["line"]), why(reading, each))
        for each in [one for one in entries if one["code"] != EDITED][:REFUSED_SHOWN]
    ]
