# SPDX-License-Identifier: AGPL-3.0-or-later
"""How fresh and how whole an answer is, in words: one line a town, and one for all of them.

"Nothing found" and "not heard since Tuesday" are different answers (DESIGN, Searching): the second must be readable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from convergences_protocol.charter import Charter
from convergences_protocol.codes import level
from convergences_protocol.enrolment import End

from convergences_node.index.views import Coverage
from convergences_node.territories.gazetteer import folded
from convergences_node.web import dates
from convergences_node.web.cards import Reading
from convergences_node.web.place_names import town_name

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


Named = tuple[str, Coverage]
"""A log's coverage, with the name of its town before it."""


def freshness(
    reading: Reading, coverage: Sequence[Coverage], names: Mapping[str, str], charter: Charter | None
) -> Freshness | None:
    """The freshness of an answer, the towns called by these names; None when nothing was searched at all."""
    if not coverage:
        return None
    named = sorted(
        ((names.get(each.territory, each.territory), each) for each in coverage),
        key=lambda pair: (not pair[1].own, folded(pair[0]), pair[1].origin),
    )
    ended = {each.origin: end for each in coverage if (end := _end(charter, each.origin))}
    lines = [
        (_ended_line(reading, town, ended[each.origin], names), False)
        if each.origin in ended
        else _line(reading, town, each)
        for town, each in named
    ]
    return Freshness(_summary(reading, [pair for pair in named if pair[1].origin not in ended]), tuple(lines))


def _end(charter: Charter | None, origin: str) -> End | None:
    enrolled = charter.enrolled(origin) if charter else None
    return enrolled.end if enrolled else None


def _ended_line(reading: Reading, town: str, end: End, names: Mapping[str, str]) -> str:
    """A closed log has no news to wait for: another one, of this town or of the one it merged into, goes on."""
    if end.successor is None:
        return reading.messages.text("fresh.ended", town=town)
    return reading.messages.text("fresh.continued", town=town, successor=town_name(end.successor, names))


def _line(reading: Reading, town: str, each: Coverage) -> tuple[str, bool]:
    messages = reading.messages
    if not each.counts:
        return messages.text("fresh.disputed", town=town), True
    pieces = [_age(reading, town, each)]
    if each.bodies_wanted:
        key = "fresh.wanted_one" if each.bodies_wanted == 1 else "fresh.wanted_many"
        pieces.append(messages.text(key, count=messages.number(each.bodies_wanted)))
    if each.applied < each.size:
        pieces.append(f"{messages.count('fresh.behind', each.size - each.applied)}.")
    return " ".join(pieces), len(pieces) > 1 or _is_late(reading, each)


def _age(reading: Reading, town: str, each: Coverage) -> str:
    messages, now, zone = reading.messages, reading.now, reading.zone
    if each.own:
        return messages.text("fresh.own", town=town)
    if each.cosigned_at is None:
        return messages.text("fresh.unknown", town=town)
    if _is_late(reading, each):
        return messages.text("fresh.late", town=town, since=dates.instant(messages, each.cosigned_at, zone))
    return messages.text("fresh.heard", town=town, ago=dates.ago(messages, each.cosigned_at, now, zone))


def _is_late(reading: Reading, each: Coverage) -> bool:
    return not each.own and (each.cosigned_at is None or reading.now - each.cosigned_at > SILENCE_SECONDS)


def _summary(reading: Reading, named: Sequence[Named]) -> str:
    """One line. What is here and not searched comes first: it would be looked for in vain."""
    behind = sum(max(0, each.size - each.applied) for _, each in named if each.counts)
    if not behind:
        return _heard(reading, named)
    said = [reading.messages.count("fresh.behind", behind)]
    if any(each.counts and not each.own for _, each in named):
        said.append(_heard(reading, named))
    return " · ".join(said)


def _heard(reading: Reading, named: Sequence[Named]) -> str:
    messages = reading.messages
    counted = [(town, each) for town, each in named if each.counts]
    others = [(town, each) for town, each in counted if not each.own]
    if not others:
        return messages.text("fresh.summary_own")
    count = len({each.territory for _, each in counted if _is_town(each.territory)})
    # Where the one town's log has ended, what goes on is its agglomeration's, which is no town and has a name.
    towns = messages.count("fresh.towns", count) if count else _names([town for town, _ in counted])
    silent = [(town, each) for town, each in others if _is_late(reading, each)]
    if silent:
        all_unknown = all(each.cosigned_at is None for _, each in silent)
        key = "fresh.summary.unknown" if all_unknown else "fresh.summary.some_late"
        return messages.text(key, towns=towns, names=_names([town for town, _ in silent]))
    oldest = min(each.cosigned_at or 0 for _, each in others)
    return messages.text("fresh.summary.good", towns=towns, ago=dates.ago(messages, oldest, reading.now, reading.zone))


def _is_town(code: str) -> bool:
    return level(code) == "commune"


def _names(towns: Sequence[str]) -> str:
    names = list(dict.fromkeys(towns))
    return ", ".join(names[:NAMES_MAX]) + (" …" if len(names) > NAMES_MAX else "")
