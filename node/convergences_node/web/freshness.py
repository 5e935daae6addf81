# SPDX-License-Identifier: AGPL-3.0-or-later
"""How fresh and how whole an answer is, in words: one line a town, and one for all of them.

"Nothing found" and "not heard since Tuesday" are different answers (DESIGN, Searching): the second must be readable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from convergences_node.index.views import Coverage
from convergences_node.web import dates
from convergences_node.web.messages import Messages

# A log cosigns its own head every ten minutes; six missed in a row is silence.
SILENCE_SECONDS = 3600
# Names said in the one line; the others are in the list below it.
NAMES_MAX = 3


@dataclass(frozen=True, slots=True)
class Freshness:
    """The line for all, and the lines for each."""

    summary: str
    lines: tuple[tuple[str, bool], ...]
    """Each with whether it is a warning."""


def freshness(messages: Messages, coverage: Sequence[Coverage], now: int, tz: ZoneInfo) -> Freshness | None:
    """The freshness of an answer; None when nothing was searched at all."""
    if not coverage:
        return None
    return Freshness(_summary(messages, coverage, now, tz), tuple(_line(messages, each, now, tz) for each in coverage))


def name_of(coverage: Coverage) -> str:
    """The name of a log's territory, or its code when no name came yet."""
    return coverage.name or coverage.territory


def _line(messages: Messages, each: Coverage, now: int, tz: ZoneInfo) -> tuple[str, bool]:
    if not each.counts:
        return messages.text("fresh.disputed", town=name_of(each)), True
    pieces = [_age(messages, each, now, tz)]
    if each.bodies_wanted:
        key = "fresh.wanted_one" if each.bodies_wanted == 1 else "fresh.wanted_many"
        pieces.append(messages.text(key, count=messages.number(each.bodies_wanted)))
    if each.applied < each.size:
        pieces.append(messages.text("fresh.behind"))
    return " ".join(pieces), len(pieces) > 1 or _is_late(each, now)


def _age(messages: Messages, each: Coverage, now: int, tz: ZoneInfo) -> str:
    town = name_of(each)
    if each.own:
        return messages.text("fresh.own", town=town)
    if each.cosigned_at is None:
        return messages.text("fresh.unknown", town=town)
    if now - each.cosigned_at > SILENCE_SECONDS:
        return messages.text("fresh.late", town=town, since=dates.instant(messages, each.cosigned_at, tz))
    return messages.text("fresh.heard", town=town, ago=dates.ago(messages, each.cosigned_at, now, tz))


def _is_late(each: Coverage, now: int) -> bool:
    return not each.own and (each.cosigned_at is None or now - each.cosigned_at > SILENCE_SECONDS)


def _summary(messages: Messages, coverage: Sequence[Coverage], now: int, tz: ZoneInfo) -> str:
    counted = [each for each in coverage if each.counts]
    others = [each for each in counted if not each.own]
    if not others:
        return messages.text("fresh.summary_own")
    towns = messages.count("fresh.towns", len({each.territory for each in counted}))
    unknown = [each for each in others if each.cosigned_at is None]
    silent = [each for each in others if _is_late(each, now)]
    if silent:
        key = "fresh.summary.unknown" if len(unknown) == len(silent) else "fresh.summary.some_late"
        return messages.text(key, towns=towns, names=_names(silent))
    oldest = min(each.cosigned_at or 0 for each in others)
    return messages.text("fresh.summary.good", towns=towns, ago=dates.ago(messages, oldest, now, tz))


def _names(coverage: Sequence[Coverage]) -> str:
    names = list(dict.fromkeys(name_of(each) for each in coverage))
    return ", ".join(names[:NAMES_MAX]) + (" …" if len(names) > NAMES_MAX else "")
