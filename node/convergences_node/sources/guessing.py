# SPDX-License-Identifier: AGPL-3.0-or-later
"""A mapping proposed for a table that nobody has mapped yet: from its columns' names and the values of its first rows.

A field is looked for under its own name, its labels on the pages in every language and the words of `words.toml`; then
the very transform that an import would use is tried on the values, and what the kind's declaration accepts of them is
the confidence. Nothing is certain, so nothing is imported before a person has looked.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from convergences_protocol.kinds import KINDS, Field, FieldType, Kind

from convergences_node.imports.convert import transform_of
from convergences_node.imports.mapping import Column
from convergences_node.imports.transforms import TRANSFORMS, BadCell, clean, is_in_france, items
from convergences_node.territories.communes import communes
from convergences_node.territories.gazetteer import folded

ROWS_MAX = 200
"""Rows that are looked at."""
CONFIDENCE_MIN = 0.4
LIKELY_MAX = 10
SAMPLES = 3
SAMPLE_CHARS_MAX = 60
SEPARATORS = "|;/,"
LIKE_MIN = 90
"""Of 100: how alike a column's name and a word must be to be taken for the same."""
BY_VALUE = {FieldType.EMAIL: 0.6, FieldType.URL: 0.45}
"""Types that values betray whatever the column is called, and how much they are worth then."""
PROVENANCE_ONLY = frozenset({"source", "source_id", "fetched"})
"""What the import itself says of each record."""
NEUTRAL = frozenset({"email", "phone"})
"""A place's list has them as an actor's has, although only an actor's fields do: they do not tell the two apart."""
UPKEEP = frozenset(["maj", "modif", "modification", "update", "updated", "modified", "saisie", "creation", "created"])
"""Words in the name of a column that says when a row was written, not when something happens."""
WHEN = frozenset({"start", "end"})
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}|\d{8}")


@dataclass(frozen=True, slots=True)
class Guess:
    """One line of a proposal: the field, where its value would come from, how sure that is, and what it would be."""

    field: str
    column: Column
    confidence: float
    samples: tuple[str, ...] = ()


@dataclass(slots=True)
class Proposal:
    """What a table might be."""

    kind: str
    id: list[str]
    id_confidence: float
    guesses: list[Guess] = field(default_factory=list)


def guess(rows: Sequence[Mapping[str, Any]], name: str) -> Proposal:
    """The likeliest mapping of a table whose first rows these are; `name` is the file's or the source's."""
    table = _Table(rows[:ROWS_MAX])
    proposals = [_propose(table, KINDS[kind], name) for kind in _words()["kind"]]
    return max(proposals, key=lambda one: one[0])[1]


class _Table:
    """The first rows, by column, with what is asked of them more than once."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.rows = rows
        self.columns = list(dict.fromkeys(name for row in rows for name in row))
        self.known = communes()

    def values(self, column: str) -> list[Any]:
        """The cells that are not empty."""
        return [cell for row in self.rows if (cell := row.get(column)) is not None and clean(cell)]

    def numbers(self, column: str) -> list[float]:
        found = []
        for value in self.values(column):
            try:
                found.append(float(clean(value).replace(",", ".")))
            except ValueError:
                continue
        return found


def _propose(table: _Table, kind: Kind, name: str) -> tuple[float, Proposal]:
    """The best that this kind can make of the table, and how good that is."""
    found: list[Guess] = []
    taken: set[str] = set()
    point = _point(table)
    if point is not None and "location" in kind.by_name:
        found.append(point)
        taken.update(point.column.names)
    town = _town(table)
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


def _candidates(table: _Table, kind: Kind) -> Iterator[Guess]:
    """Each column for each field that it might be."""
    words = field_words()
    for column in table.columns:
        values = table.values(column)
        if not values:
            continue
        for declared in kind.fields:
            if declared.name in PROVENANCE_ONLY or (declared.name in WHEN and not _tells_when(column, values)):
                continue
            called = _best(column, words.get(declared.name, ()))
            called = max(called, BY_VALUE.get(declared.type, 0.0))
            if called and (made := _try(declared, column, values)) is not None:
                yield _guessed(declared, made, called, values)


def _tells_when(column: str, values: Sequence[Any]) -> bool:
    """Whether a column may say when something happens: its values have days, and it is not about the row itself."""
    if not UPKEEP.isdisjoint(_plain(column).split()):
        return False
    return 2 * sum(_DAY.match(clean(value)) is not None for value in values) >= len(values)


def _guessed(declared: Field, made: Column, called: float, values: Sequence[Any]) -> Guess:
    said, share = _accepted(declared, made, values)
    by_name_alone = declared.type in BY_VALUE and called == BY_VALUE[declared.type]
    worth = share if by_name_alone else 0.25 + 0.75 * share
    return Guess(declared.name, made, round(called * worth if share else 0.0, 2), said)


def _try(declared: Field, column: str, values: Sequence[Any]) -> Column | None:
    """How the column would be read for this field; None for a field that no column of a stranger's is for."""
    if declared.type in (FieldType.TERM, FieldType.DIGEST, FieldType.OUTLINE, FieldType.POINT, FieldType.TERRITORY):
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


def _accepted(declared: Field, column: Column, values: Sequence[Any]) -> tuple[tuple[str, ...], float]:
    """What the first values become, and the share of all that the declaration accepts."""
    transform = TRANSFORMS[transform_of(declared, column)]
    said: list[str] = []
    good = 0
    for value in values:
        try:
            made = [transform([item], column) for item in (items([value], column) if declared.many else [value])]
        except BadCell:
            continue
        if declared.type is FieldType.ELEMENT:
            good += all(len(str(one)) < 80 for one in made)
        else:
            good += declared.accepts(made if declared.many else made[0])
        if len(said) < SAMPLES:
            said.append(clean(value)[:SAMPLE_CHARS_MAX])
    return tuple(said), good / len(values)


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


# ---------------------------------------------------------------------------------------------- where, who, the rest
def _point(table: _Table) -> Guess | None:
    """A latitude and a longitude, metres of Lambert-93, or one cell that holds both."""
    words = special_words()
    best: Guess | None = None
    norths = _called(table, words["latitude"])
    easts = _called(table, words["longitude"])
    for first, second in ((first, second) for first in norths for second in easts if first != second):
        one = _pair(table, first, second, min(norths[first], easts[second]))
        if one is not None and (best is None or one.confidence > best.confidence):
            best = one
    for column in table.columns:
        if (called := _best(column, words["point"])) > CONFIDENCE_MIN:
            made = Column(column=column, bad="leave_out")
            said, share = _accepted(KINDS["place"].by_name["location"], made, table.values(column) or [None])
            if share and (best is None or called * share > best.confidence):
                best = Guess("location", made, round(called * share, 2), said)
    return best


def _called(table: _Table, words: Sequence[str]) -> dict[str, float]:
    """The columns that may be called by one of these, and how surely; the likeliest ten."""
    scored = {column: _best(column, words) for column in table.columns}
    likely = sorted((column for column in scored if scored[column] >= CONFIDENCE_MIN), key=lambda one: -scored[one])
    return {column: scored[column] for column in likely[:LIKELY_MAX]}


def _pair(table: _Table, first: str, second: str, called: float) -> Guess | None:
    north, east = table.numbers(first), table.numbers(second)
    if not north or not east:
        return None
    said = tuple(f"{a} {b}" for a, b in zip(north[:SAMPLES], east[:SAMPLES], strict=False))
    if all(6_000_000 < one < 7_300_000 for one in north) and all(0 < one < 1_400_000 for one in east):
        made = Column(columns=[second, first], transform="lambert93", bad="leave_out")
        return Guess("location", made, round(called, 2), said)
    straight, swapped = _in_france(north, east), _in_france(east, north)
    order = [second, first] if swapped > straight else [first, second]
    share = max(straight, swapped, 0.5 if all(abs(one) <= 90 for one in north) else 0.0)
    return Guess("location", Column(columns=order, bad="leave_out"), round(called * share, 2), said)


def _in_france(latitudes: Sequence[float], longitudes: Sequence[float]) -> float:
    pairs = list(zip(latitudes, longitudes, strict=False))
    return sum(is_in_france(lat * 1e7, lon * 1e7) for lat, lon in pairs) / max(1, len(pairs))


def _town(table: _Table) -> Guess | None:
    """The column of INSEE codes: by its name, and because its values are codes of communes."""
    best: Guess | None = None
    for column in table.columns:
        called = _best(column, special_words()["town"])
        values = [clean(value) for value in table.values(column)]
        if called < CONFIDENCE_MIN or not values:
            continue
        share = sum(table.known.by_code(value) is not None for value in values) / len(values)
        confidence = round(called * share, 2)
        if confidence >= CONFIDENCE_MIN and (best is None or confidence > best.confidence):
            best = Guess(
                "town", Column(column=column, transform="commune", bad="leave_out"), confidence, tuple(values[:SAMPLES])
            )
    return best


def _rest(kind: Kind, found: Sequence[Guess], town: Guess | None) -> Iterator[Guess]:
    """What no column says: the type, which a person should look at, and the commune that the address tells."""
    by_field = {one.field: one for one in found}
    if "type" in kind.by_name:
        yield Guess("type", Column(value=_words()["type"][kind.name]), 0.0)
    if "town" in kind.by_name:
        if town is not None:
            yield town
        elif (told := by_field.get("postcode") or by_field.get("locality") or by_field.get("address")) is not None:
            yield Guess("town", Column(transform="commune", bad="leave_out"), told.confidence)


def _id(table: _Table, found: Sequence[Guess]) -> tuple[list[str], float]:
    """The column that names each row and no two; else the name and the address, together."""
    best, confidence = "", 0.0
    for column in table.columns:
        called = _best(column, special_words()["id"])
        values = [clean(value) for value in table.values(column)]
        if called > confidence and len(values) == len(table.rows) == len(set(values)):
            best, confidence = column, called
    if confidence >= CONFIDENCE_MIN:
        return [best], round(confidence, 2)
    by_field = {one.field: one.column.names for one in found}
    named = [by_field[name][0] for name in ("name", "start", "address") if by_field.get(name)]
    together = {tuple(clean(row.get(name)) for name in named) for row in table.rows}
    return named or table.columns[:1], 0.3 if len(together) == len(table.rows) else 0.1


def _named(kind: Kind, name: str, columns: Sequence[str]) -> float:
    """How much the names of the file and of its columns speak of this kind."""
    text = f" {_plain(name)} {' '.join(map(_plain, columns))} "
    return sum(0.5 for word in _words()["kind"].get(kind.name, ()) if f" {_plain(word)}" in text)


# --------------------------------------------------------------------------------------------------------------- words
@cache
def field_words() -> dict[str, tuple[str, ...]]:
    """By field: its name, its labels on the pages, and the words of `words.toml`, plain."""
    found: dict[str, list[str]] = {name: list(words) for name, words in _words()["field"].items()}
    for language in ("fr", "en"):
        text = (files("convergences_node.web") / "messages" / f"{language}.toml").read_text("utf-8")
        for group in tomllib.loads(text).get("field", {}).values():
            for name, label in group.items():
                found.setdefault(name, []).append(label)
    for kind in KINDS.values():
        for declared in kind.fields:
            found.setdefault(declared.name, []).append(declared.name)
    return {name: tuple(dict.fromkeys(map(_plain, words))) for name, words in found.items()}


@cache
def special_words() -> dict[str, tuple[str, ...]]:
    return {name: tuple(map(_plain, words)) for name, words in _words()["special"].items()}


@cache
def _words() -> dict[str, Any]:
    read: dict[str, Any] = tomllib.loads((files(__package__) / "words.toml").read_text("utf-8"))
    return read


def _best(column: str, words: Sequence[str]) -> float:
    """How much a column is called by one of these; of two that are, the one called by the earlier word."""
    scored = (_likeness(column, word) * (1 - 0.005 * rank) for rank, word in enumerate(words))
    return max(scored, default=0.0)


def _likeness(column: str, word: str) -> float:
    """1 for the word itself, less where it is one of several in the name, 0 where it is not there."""
    plain = _plain(column)
    if plain == word:
        return 1.0
    parts, wanted = plain.split(), word.split()
    if parts and wanted and all(part in parts for part in wanted):
        return 0.5 + 0.4 * len(wanted) / len(parts)
    from rapidfuzz import fuzz

    return 0.8 if len(word) > 4 and fuzz.ratio(plain, word) >= LIKE_MIN else 0.0


@cache
def _plain(name: str) -> str:
    """`codePostal`, `code_postal` and `Code-Postal` are `code postal`."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return " ".join(re.sub(r"[^\w]+|_", " ", folded(spaced)).split())
