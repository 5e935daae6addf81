# SPDX-License-Identifier: AGPL-3.0-or-later
"""“The same?”: pairs that may be one, shown one by one with the reasons, for a person to decide.

What is decided is done by the verbs of `convergences same`, and can be taken back here as there. The search runs by
itself beside the page, which asks again every few seconds until there is an answer (a header, and no script).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web
from convergences_protocol.errors import ConvergencesError

from convergences_node.accounts import Session
from convergences_node.index.views import ElementView
from convergences_node.same.waiting import Pair, Waiting
from convergences_node.web import dates, words
from convergences_node.web.cards import Reading
from convergences_node.web.element_facts import territories_named
from convergences_node.web.element_same import Line, compared, source_of
from convergences_node.web.operator.drawing import Faults, answer_private, faults_of
from convergences_node.web.operator.log_in import operating_of
from convergences_node.web.pages import reading_of
from convergences_node.web.place_names import territory_names

SAME = "/operateur/memes"
ASKS_AGAIN_SECONDS = 3
DECISIONS_SHOWN = 20
SURE, LIKELY = 95, 80
"""Points from which a pair is called nearly certain, and likely; below, it is possible."""
WAITING: web.AppKey[Waiting] = web.AppKey("same_waiting")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two."""

    id: str
    state: str
    title: str
    href: str
    source: str


@dataclass(frozen=True, slots=True)
class Question:
    """A pair, ready to be drawn."""

    kind: str
    one: Side
    other: Side
    sure: str
    """`sure`, `likely` or `possible`."""
    speak_for: tuple[str, ...]
    """Reasons, as the names that they have in `scoring.WEIGHTS`."""
    speak_against: tuple[str, ...]
    lines: tuple[Line, ...]


async def same_page(request: web.Request, session: Session) -> web.StreamResponse:
    """The first pair that waits; the first visit begins the search."""
    waiting = request.app[WAITING]
    if waiting.found_at is None and waiting.failed is None:
        waiting.search()
    return await _draw(request, session)


async def same_search(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """Look again."""
    request.app[WAITING].search()
    return await _draw(request, session)


async def same_decide(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """Somebody has looked at a pair: one, two, or later."""
    waiting, messages = request.app[WAITING], reading_of(request).messages
    pair = waiting.find(fields.get("one", ""), fields.get("other", ""))
    states = [fields.get("one_state"), fields.get("other_state")]
    if pair is None or states != [pair["one"]["state"], pair["other"]["state"]] or not await waiting.is_open(pair):
        return await _draw(request, session, told=messages.text("operator.same.changed"))
    verdict, two = fields.get("verdict", ""), {"one": pair["one"]["id"], "other": pair["other"]["id"]}
    if verdict == "later":
        waiting.put_off(pair)
        return await _draw(request, session, told=messages.text("operator.same.put_off"))
    if verdict not in ("accept", "reject"):
        return await _draw(request, session)
    try:
        await operating_of(request).perform(f"same_{verdict}", two)
    except ConvergencesError as error:
        return await _draw(request, session, faults=faults_of(error, messages))
    waiting.settle(pair)
    key = "operator.same.are_one" if verdict == "accept" else "operator.same.are_two"
    told = messages.text(key, one=pair["one"]["name"], other=pair["other"]["name"])
    return await _draw(request, session, told=told, undo=(two["one"], two["other"]))


async def same_undo(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """Take a decision back."""
    messages, one, other = reading_of(request).messages, fields.get("one", ""), fields.get("other", "")
    try:
        await operating_of(request).perform("same_undo", {"one": one, "other": other})
    except ConvergencesError as error:
        return await _draw(request, session, faults=faults_of(error, messages))
    request.app[WAITING].unsettle(one, other)
    return await _draw(request, session, told=messages.text("operator.same.undone"))


async def _draw(
    request: web.Request,
    session: Session,
    *,
    faults: Faults | None = None,
    told: str = "",
    undo: tuple[str, str] | None = None,
) -> web.StreamResponse:
    waiting, reading = request.app[WAITING], reading_of(request)
    question = None if waiting.searching else await _question(request, reading)
    values = {
        "session": session,
        "told": told,
        "undo": undo,
        "searching": waiting.searching,
        "share": waiting.share,
        "failed": waiting.failed,
        "question": question,
        "left": len(waiting),
        "more": waiting.more,
        "compared": waiting.compared,
        "found_at": dates.instant(reading.messages, waiting.found_at, reading.zone) if waiting.found_at else None,
        "decisions": await waiting.decisions(DECISIONS_SHOWN),
    }
    response = answer_private(request, "operator_same.html", values, faults=faults)
    if waiting.searching:
        response.headers["Refresh"] = f"{ASKS_AGAIN_SECONDS}; url={reading.link(SAME)}"
    return response


async def _question(request: web.Request, reading: Reading) -> Question | None:
    """The pair to look at now, with everything that tells."""
    town = operating_of(request).town
    while (pair := await request.app[WAITING].first()) is not None:
        views = [await town.index.element(pair[end]["id"]) for end in ("one", "other")]
        if views[0] is not None and views[1] is not None:
            one, other = views[0], views[1]
            codes = [*territories_named(one), *territories_named(other), one.item.territory, other.item.territory]
            return _asked(reading, pair, one, other, await territory_names(town, codes))
    return None


def _asked(reading: Reading, pair: Pair, one: ElementView, other: ElementView, names: Mapping[str, str]) -> Question:
    points = pair["score"]
    said = sorted(pair["reasons"], key=lambda each: -abs(each["points"]))
    return Question(
        kind=words.kind_label(reading.messages, one.item.kind),
        one=_side(reading, pair["one"], one, names),
        other=_side(reading, pair["other"], other, names),
        sure="sure" if points >= SURE else "likely" if points >= LIKELY else "possible",
        speak_for=tuple(each["reason"] for each in said if each["points"] > 0),
        speak_against=tuple(each["reason"] for each in said if each["points"] < 0),
        lines=tuple(compared(reading, one, other, names)),
    )


def _side(reading: Reading, end: Pair, view: ElementView, names: Mapping[str, str]) -> Side:
    title = view.item.name or reading.messages.text("element.untitled")
    return Side(end["id"], end["state"], title, reading.element(end["id"]), source_of(reading, view, names))
