# SPDX-License-Identifier: AGPL-3.0-or-later
"""A mapping proposed for a table that nobody has mapped yet: from its columns' names and the values of its first rows.

A field is looked for under its own name, its labels on the pages in every language and the words of `words.toml`; then
the very transform that an import would use is tried on the values, and what the kind's declaration accepts of them is
the confidence. Nothing is certain, so nothing is imported before a person has looked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from convergences_protocol.kinds import KINDS, Field, FieldType, Kind
from msgspec.structs import replace

from convergences_node.imports.cells import clean
from convergences_node.imports.mapping import Column

from .guessing_places import point_from, point_of, town_from, town_of
from .sample import Guess, Table, accepted
from .words import best, field_words, plain, special_words, words

ROWS_MAX = 200
"""Rows that are looked at."""
CONFIDENCE_MIN = 0.4
SEPARATORS = "|;/,"
BY_VALUE = {FieldType.EMAIL: 0.6, FieldType.URL: 0.45}
"""Types that values betray whatever the column is called, and how much they are worth then."""
PROVENANCE_ONLY = frozenset({"source", "source_id", "fetched"})
"""What the import itself says of each record."""
NEUTRAL = frozenset({"email", "phone"})
"""A place's list has them as an actor's has, although only an actor's fields do: they do not tell the two apart."""
UPKEEP = frozenset(["maj", "modif", "modification", "update", "updated", "modified", "saisie", "creation", "created"])
"""Words in the name of a column that says when a row was written, not when something happens."""
WHEN = frozenset({"start", "end"})
NO_COLUMN = frozenset(
    {FieldType.TERM, FieldType.DIGEST, FieldType.MEDIA, FieldType.OUTLINE, FieldType.POINT, FieldType.TERRITORY}
)
"""Types of which no single column of a stranger's is."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}|\d{8}")


@dataclass(slots=True)
class Proposal:
    """What a table might be."""

    kind: str
    id: list[str]
    id_confidence: float
    guesses: list[Guess] = field(default_factory=list)


def propose(rows: Sequence[Mapping[str, Any]], name: str) -> Proposal:
    """The likeliest mapping of a table whose first rows these are; `name` is the file's or the source's."""
    table = Table(rows[:ROWS_MAX])
    proposals = [_propose(table, KINDS[kind], name) for kind in words()["kind"]]
    return max(proposals, key=lambda one: one[0])[1]


def guess_of(table: Table, kind: Kind, name: str) -> Proposal:
    """The same where somebody has said of which kind the rows are."""
    return _propose(table, kind, name)[1]


def columns_for(declared: Field, columns: Sequence[str], table: Table) -> Guess | None:
    """How the columns that somebody has chosen are read for a field, together, and how well; None if they cannot be."""
    if declared.type is FieldType.POINT:
        return point_from(table, columns)
    if declared.type is FieldType.TERRITORY:
        return town_from(table, columns[0])
    values = table.together(columns) if len(columns) > 1 else table.values(columns[0])
    made = _try(declared, columns[0], values) if values else None
    if made is not None and len(columns) > 1:
        made = replace(made, column=None, columns=list(columns))
        if not declared.many and declared.type is not FieldType.DATE:
            made = replace(made, transform="address", separator=" ")  # which joins the cells that are not empty
    return None if made is None else _guessed(declared, made, 1.0, values)


def town_by_address(found: Sequence[Guess]) -> Guess | None:
    """The commune by what the other fields say; None if none of them says anything of it."""
    by_field = {one.field: one for one in found}
    told = by_field.get("postcode") or by_field.get("locality") or by_field.get("address")
    return Guess("town", Column(transform="commune", bad="leave_out"), told.confidence) if told is not None else None


def _propose(table: Table, kind: Kind, name: str) -> tuple[float, Proposal]:
    """The best that this kind can make of the table, and how good that is."""
    found: list[Guess] = []
    taken: set[str] = set()
    point = point_of(table)
    if point is not None and "location" in kind.by_name:
        found.append(point)
        taken.update(point.column.names)
    town = town_of(table)
    candidates = sorted(
        (one for one in _candidates(table, kind) if one.confidence >= CONFIDENCE_MIN),
        key=lambda one: -one.confidence,
    )
    if town is not None:
        taken.update(town.column.names)
    for one in candidates:
        fields = {guess.field for guess in found}
        if one.field not in fields and not taken & set(one.column.names):
            found.append(one)
            taken.update(one.column.names)
    found += _rest(kind, found, town)
    id_columns, id_confidence = _id(table, found)
    order = list(kind.by_name)
    found.sort(key=lambda one: order.index(one.field))
    missing = kind.required - {one.field for one in found}
    worth = (
        sum(one.confidence for one in found if one.field not in NEUTRAL)
        + _named(kind, name, table.columns)
        - 2 * len(missing)
    )
    return worth, Proposal(kind.name, id_columns, id_confidence, found)


def _candidates(table: Table, kind: Kind) -> Iterator[Guess]:
    """Each column for each field that it might be."""
    called_by = field_words()
    for column in table.columns:
        values = table.values(column)
        if not values:
            continue
        for declared in kind.fields:
            if declared.name in PROVENANCE_ONLY or (declared.name in WHEN and not _tells_when(column, values)):
                continue
            called = best(column, called_by.get(declared.name, ()))
            called = max(called, BY_VALUE.get(declared.type, 0.0))
            if called and (made := _try(declared, column, values)) is not None:
                yield _guessed(declared, made, called, values)


def _tells_when(column: str, values: Sequence[Any]) -> bool:
    """Whether a column may say when something happens: its values have days, and it is not about the row itself."""
    if not UPKEEP.isdisjoint(plain(column).split()):
        return False
    return 2 * sum(_DAY.match(clean(value)) is not None for value in values) >= len(values)


def _guessed(declared: Field, made: Column, called: float, values: Sequence[Any]) -> Guess:
    said, share = accepted(declared, made, values)
    by_name_alone = declared.type in BY_VALUE and called == BY_VALUE[declared.type]
    worth = share if by_name_alone else 0.25 + 0.75 * share
    return Guess(declared.name, made, round(called * worth if share else 0.0, 2), said)


def _try(declared: Field, column: str, values: Sequence[Any]) -> Column | None:
    """How the column would be read for this field; None for a field that no column of a stranger's is for."""
    if declared.type in NO_COLUMN:
        return None
    if declared.type is FieldType.ELEMENT:
        if declared.targets != ("theme",):
            return None
        return Column(column=column, separator=_separator(values))
    if declared.many:
        return Column(column=column, separator=_separator(values), bad="leave_out")
    if declared.name == "postcode":
        return Column(column=column, transform="postcode", bad="leave_out")
    zone = "Europe/Paris" if declared.type is FieldType.DATE else None
    return Column(column=column, zone=zone, bad="refuse" if declared.required else "leave_out")


def _separator(values: Sequence[Any]) -> str | None:
    """The sign that stands between items in at least a tenth of the cells; a comma only if most parts come again."""
    texts = [clean(value) for value in values if not isinstance(value, list)]
    for sign in SEPARATORS:
        split = [text for text in texts if sign in text]
        if len(split) * 10 >= len(texts) > 0 and split:
            parts = [part.strip() for text in split for part in text.split(sign)]
            if sign != "," or len(set(parts)) * 2 < len(parts):
                return sign
    return None


def _rest(kind: Kind, found: Sequence[Guess], town: Guess | None) -> Iterator[Guess]:
    """What no column says: the type, which a person should look at, and the commune that the address tells."""
    if "type" in kind.by_name:
        yield Guess("type", Column(value=words()["type"][kind.name]), 0.0)
    if "town" in kind.by_name and (told := town or town_by_address(found)) is not None:
        yield told


def _id(table: Table, found: Sequence[Guess]) -> tuple[list[str], float]:
    """The column that names each row and no two; else the name and the address, together."""
    likeliest, confidence = "", 0.0
    for column in table.columns:
        called = best(column, special_words()["id"])
        values = [clean(value) for value in table.values(column)]
        if called > confidence and len(values) == len(table.rows) == len(set(values)):
            likeliest, confidence = column, called
    if confidence >= CONFIDENCE_MIN:
        return [likeliest], round(confidence, 2)
    by_field = {one.field: one.column.names for one in found}
    named = [by_field[name][0] for name in ("name", "start", "address") if by_field.get(name)]
    together = {tuple(clean(row.get(name)) for name in named) for row in table.rows}
    return named or table.columns[:1], 0.3 if len(together) == len(table.rows) else 0.1


def _named(kind: Kind, name: str, columns: Sequence[str]) -> float:
    """How much the names of the file and of its columns speak of this kind."""
    text = f" {plain(name)} {' '.join(map(plain, columns))} "
    return sum(0.5 for word in words()["kind"].get(kind.name, ()) if f" {plain(word)}" in text)
