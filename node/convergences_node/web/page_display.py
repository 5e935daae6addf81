# SPDX-License-Identifier: AGPL-3.0-or-later
"""The town hall's screen: today and the six days after it in large letters, sheet after sheet, turning by itself.

It may hang for months without anybody near. Without script the browser goes to the next sheet by itself. With script
the next sheet is asked for first, and the one that is shown stays until there is an answer: a node that restarts leaves
no error on the wall. A sheet says what time it is and how fresh its news are; whoever stands before it can stop it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace as with_coming
from datetime import datetime, timedelta
from urllib.parse import urlencode

from aiohttp import web
from msgspec.structs import replace

from convergences_node.index.query import Query
from convergences_node.web import dates
from convergences_node.web.agenda import Line, day_of
from convergences_node.web.asking import question_of, town_of
from convergences_node.web.besides import COMING, Beside, besides, line_of
from convergences_node.web.cards import Reading
from convergences_node.web.exporting import base_of
from convergences_node.web.filters import AGENDA, page_params, today
from convergences_node.web.freshness import freshness
from convergences_node.web.happenings import Happenings, days, happenings
from convergences_node.web.pages import answer_page, reading_of
from convergences_node.web.parameters import SECONDS, SECONDS_MOST, SECONDS_USUAL, SHEET, STOPPED
from convergences_node.web.place_names import territory_names
from convergences_node.web.problems import Problem
from convergences_node.web.qr import code_of
from convergences_node.web.town_door import Town

DISPLAY_DAYS = 7
LINES_MAX = 4
"""On one sheet: what is read from across a hall."""
LITTLE = LINES_MAX
"""A week with less than one full sheet is told what comes after it, too."""
COMING_MAX = 3
SHEETS_MAX = 20
"""Five minutes at the usual pace, after which it is today again."""
SECONDS_LEAST = 5
"""Time to read a sheet, for the fastest."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the screen shows at one time."""

    title: str
    date: str
    iso: str
    lines: tuple[Line, ...]
    coming: tuple[Line, ...] = ()
    """What comes next, where nothing is listed for today."""
    announces: bool = False
    """Whether this is the sheet that says how to have something announced."""


async def display_page(request: web.Request) -> web.Response:
    """Today and this week on a large screen, of any question: sheets that turn by themselves."""
    town, reading, asked = town_of(request), reading_of(request), question_of(request)
    seconds = _number(request, SECONDS, SECONDS_USUAL, STOPPED, SECONDS_MOST)
    if seconds != STOPPED:
        seconds = max(seconds, SECONDS_LEAST)
    sheets = await _sheets(town, reading, asked)
    number = (_number(request, SHEET, 1, 1, 1_000_000) - 1) % len(sheets)
    coverage = await town.index.coverage()
    names = await territory_names(town, [each.territory for each in coverage])
    first = today(reading)
    week = replace(
        asked.without_page(), since=first.isoformat(), until=(first + timedelta(days=DISPLAY_DAYS - 1)).isoformat()
    )
    address = f"{base_of(request)}/?{urlencode(page_params(week, AGENDA))}"
    now = datetime.fromtimestamp(reading.now, reading.zone)
    return answer_page(
        request,
        "display.html",
        {
            "sheet": sheets[number],
            "number": number + 1,
            "count_sheets": len(sheets),
            "seconds": seconds,
            "next": _at(reading, asked, (number + 1) % len(sheets) + 1, seconds),
            "before": _at(reading, asked, (number - 1) % len(sheets) + 1, STOPPED),
            "after": _at(reading, asked, (number + 1) % len(sheets) + 1, STOPPED),
            "stay": _at(reading, asked, number + 1, STOPPED),
            "go_on": _at(reading, asked, number + 1, seconds or SECONDS_USUAL),
            "clock": dates.clock(reading.messages, now),
            "minutes": now.hour * 60 + now.minute,
            "fresh": freshness(reading, coverage, names, town.charter()),
            "code": code_of(address),
            "address": base_of(request).partition("://")[2],
        },
    )


def _number(request: web.Request, name: str, usual: int, least: int, most: int) -> int:
    text = request.query.get(name, "").strip()
    if not text:
        return usual
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and least <= int(text) <= most):
        raise Problem("query-refused", faults=[(name, "not_between", {"least": least, "most": most})])
    return int(text)


def _at(reading: Reading, asked: Query, sheet: int, seconds: int) -> str:
    """The address of a sheet at a pace."""
    pairs = [*asked.without_page().to_params(), (SHEET, str(sheet))]
    pairs += [(SECONDS, str(seconds))] if seconds != SECONDS_USUAL else []
    return reading.link("/ecran", urlencode(pairs))


async def _sheets(town: Town, reading: Reading, asked: Query) -> list[Sheet]:
    """Today, whatever happens then; the days after it on which something does; in a week with little, what else is."""
    first = today(reading)
    last = first + timedelta(days=DISPLAY_DAYS - 1)
    found = await happenings(town, reading, asked, first, last)
    sheets = []
    for day in days(first, last):
        made = day_of(reading, day, found)
        if made.lines or made.is_today:
            title = reading.messages.text("when.today") if made.is_today else ""
            sheets += _cut(title, made.title, made.iso, made.lines)
    beside = await besides(town, reading, asked, found, last, 2 * LINES_MAX) if len(found.dated) < LITTLE else ()
    for part in beside:
        sheets += _cut(part.title, "", "", part.lines)
    if not sheets[0].lines:
        sheets[0] = with_coming(sheets[0], coming=_coming(reading, found, beside))
    if not found.dated:
        sheets.append(Sheet(reading.messages.text("display.announce"), "", "", (), announces=True))
    return sheets[:SHEETS_MAX]


def _coming(reading: Reading, found: Happenings, beside: Sequence[Beside]) -> tuple[Line, ...]:
    """Under a day with nothing: the next of this week, then of the time after it."""
    items = {each.item.id: each.item for each in reversed(found.dated)}
    this_week = [line_of(reading, item) for item in reversed(items.values())]
    later = [line for part in beside if part.key == COMING for line in part.lines]
    return tuple(this_week + later)[:COMING_MAX]


def _cut(title: str, date: str, iso: str, lines: Sequence[Line]) -> list[Sheet]:
    """As many sheets as it takes; one without lines says so."""
    starts = range(0, max(len(lines), 1), LINES_MAX)
    return [Sheet(title, date, iso, tuple(lines[start : start + LINES_MAX])) for start in starts]
