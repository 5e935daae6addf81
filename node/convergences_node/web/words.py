# SPDX-License-Identifier: AGPL-3.0-or-later
"""Records in words: the labels of kinds, fields and terms, addresses on one line, recurrences.

Labels are found by the keys that a kind declares (`protocol/…/kinds`); nothing here lists kinds or terms by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from convergences_protocol.kinds import KINDS, FieldType

from convergences_node.web import dates
from convergences_node.web.messages import Messages

KINDS_SHOWN = tuple(name for name, kind in KINDS.items() if "themes" in kind.by_name)
"""What a person looks for: the kinds that hang in the tree of themes. Relations and territories show through these."""

KINDS_DATED = tuple(name for name in KINDS_SHOWN if "start" in KINDS[name].by_name)
"""What happens at a date: an agenda shows these, and not when an association was founded."""

KINDS_ACTING = tuple(name for name in KINDS_SHOWN if "founded" in KINDS[name].by_name)
"""Who does things: what can be founded."""

_DAYS = {"MO": 1, "TU": 2, "WE": 3, "TH": 4, "FR": 5, "SA": 6, "SU": 7}
_FREQUENCIES = ("daily", "weekly", "monthly", "yearly")
RULE_PARTS_MAX = 20


def kind_label(messages: Messages, kind: str) -> str:
    """A kind in words; one that this version does not know, as it is written."""
    return messages.term("kind", kind)


def field_label(messages: Messages, kind: str, name: str) -> str:
    """A field in words: the kind's own label for it, or the one that several kinds share."""
    own = f"field.{kind}.{name}"
    return messages.text(own) if messages.has(own) else messages.term("field.any", name)


def term_label(messages: Messages, kind: str, field: str, term: str) -> str:
    """A term of a field in words."""
    return messages.term(f"term.{kind}.{field}", term)


def facet_label(messages: Messages, field: str, value: str, kinds: tuple[str, ...]) -> str:
    """A facet's value in words: a term of the first of these kinds that knows it, or the value as it is written."""
    if field == "kind":
        return messages.term("kinds", value)
    for kind in kinds:
        key = f"term.{kind}.{field}.{value}"
        if messages.has(key):
            return messages.text(key)
    return value.removeprefix("x-")


def place_line(fields: Mapping[str, object]) -> str:
    """Where something is, on one line, without saying the same twice."""
    address, postcode, locality = (str(fields.get(name) or "") for name in ("address", "postcode", "locality"))
    town_line = f"{postcode} {locality}" if postcode and locality else postcode or locality
    if address and town_line and town_line.casefold() not in address.casefold():
        return f"{address}, {town_line}"
    return address or town_line


def degrees(e7: int) -> str:
    """1e-7 degrees as decimal text, to about a metre."""
    return f"{e7 / 1e7:.5f}"


def recurrence(messages: Messages, rule: str, tz: ZoneInfo) -> str:
    """A recurrence (RFC 5545 section 3.3.10) in words; what is beyond everyday rules is only said to repeat."""
    parts = dict(piece.partition("=")[::2] for piece in rule.removeprefix("RRULE:").split(";")[:RULE_PARTS_MAX])
    frequency = parts.get("FREQ", "").lower()
    if frequency not in _FREQUENCIES:
        return messages.text("recurrence.other")
    days = [_DAYS[day] for day in parts.get("BYDAY", "").split(",") if day in _DAYS]
    text = messages.text(f"recurrence.{frequency}")
    if frequency == "weekly" and days:
        text = messages.text("recurrence.weekly_on", days=_list(messages, days))
    elif any(name.startswith("BY") for name in parts):
        return messages.text("recurrence.other")
    if parts.get("INTERVAL", "1") not in ("", "1"):
        text = messages.text("recurrence.every", rule=text, interval=parts["INTERVAL"])
    until = parts.get("UNTIL", "")
    if len(until) >= 8 and until[:8].isdigit():
        day = dates.day_in_words(messages, f"{until[:4]}-{until[4:6]}-{until[6:8]}", tz)
        text = messages.text("recurrence.until", rule=text, day=day)
    return text


def _list(messages: Messages, days: list[int]) -> str:
    names = [messages.text(f"date.weekday.{day}") for day in days]
    if len(names) == 1:
        return names[0]
    return messages.text("recurrence.and", first=", ".join(names[:-1]), last=names[-1])


def is_foreign(record_language: str | None, page_language: str, default: str) -> str | None:
    """The `lang` that a record's text needs on this page, or None when it is in the page's language."""
    language = (record_language or default).lower()
    return None if language.partition("-")[0] == page_language else language


def long_texts(kind: str) -> tuple[str, ...]:
    """The fields of a kind that are written in Markdown."""
    known = KINDS.get(kind)
    return tuple(field.name for field in known.fields if field.type is FieldType.MARKDOWN) if known else ()
