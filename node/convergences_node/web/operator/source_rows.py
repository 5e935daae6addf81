# SPDX-License-Identifier: AGPL-3.0-or-later
"""The first rows of a source as they would be here, in words; a row that would be refused, with the reasons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from convergences_protocol.errors import Fault
from convergences_protocol.kinds import KINDS

from convergences_node.fault_sentences import fault_sentence
from convergences_node.faults import fault_from_json
from convergences_node.web import words
from convergences_node.web.cards import Reading
from convergences_node.web.element_same import in_words
from convergences_node.web.operator.log_in import operating_of
from convergences_node.web.operator.source_edits import names_in
from convergences_node.web.pages import reading_of

NOT_SHOWN = frozenset({"source", "source_id", "fetched", "language"})
"""The same for every row, or of no use to whoever looks."""


@dataclass(frozen=True, slots=True)
class FirstRow:
    """One row."""

    line: int
    kind: str
    title: str
    facts: tuple[tuple[str, str], ...]
    refused: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What was read, and its first rows."""

    format: str
    rows: int
    first: tuple[FirstRow, ...]
    unplaced: int
    """Of the rows that were looked at, those whose commune could not be told."""
    not_held: tuple[dict[str, Any], ...]
    """Of linked data, what no kind can hold: what, how often, an example."""


async def preview_of(request: web.Request, answer: dict[str, Any]) -> Preview:
    """The answer of `source_preview`, in words."""
    reading, elements = reading_of(request), answer["elements"]
    values = [value for each in elements for value in each.get("fields", {}).values()]
    # A theme is still the label that the row has: it is looked up when the row is imported.
    labels = {str(one): str(one) for value in values for one in (value if isinstance(value, list) else [value])}
    names = labels | await names_in(operating_of(request).town, values)
    first = tuple(_row(reading, each, names) for each in elements)
    return Preview(answer["format"], answer["rows"], first, answer["unplaced"], tuple(answer["not_held"]))


def _row(reading: Reading, told: dict[str, Any], names: Mapping[str, str]) -> FirstRow:
    fields = told.get("fields", {})
    return FirstRow(
        line=told["line"],
        kind=words.kind_label(reading.messages, told["kind"]) if "kind" in told else "",
        title=str(fields.get("name") or ""),
        facts=tuple(_facts(reading, told, names)) if "kind" in told else (),
        refused=tuple(why(reading, one) for one in told.get("refused", [])),
        left_out=tuple(why(reading, one) for one in told.get("left_out", [])),
    )


def why(reading: Reading, fault: dict[str, Any]) -> str:
    """A fault of a row in words, its field by the name that the pages give it."""
    found, key = fault_from_json(fault), f"field.any.{fault['path']}"
    if reading.messages.has(key):
        found = Fault(reading.messages.text(key), found.code, found.params)
    return fault_sentence(found, reading.messages.language)


def _facts(reading: Reading, told: dict[str, Any], names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    kind = KINDS[told["kind"]]
    for field in kind.fields:
        value = told["fields"].get(field.name)
        if value not in (None, "", []) and field.name not in NOT_SHOWN and field.name != "name":
            yield (
                words.field_label(reading.messages, kind.name, field.name),
                in_words(reading, kind.name, field.name, value, names),
            )
