# SPDX-License-Identifier: AGPL-3.0-or-later
"""The order of relevance: how well the words fit, weighed for a bounded number of candidates.

FTS5's own bm25 reads every posting of every word, for its rarity, before it ranks the first match: a quarter of a
second for two frequent words in a million elements. Here all words must be there, so rarity tells matches apart but
little; where they stand tells more. Up to RANKED_MAX matches are all weighed. Beyond, the newest matches and the newest
among those that have the words in their name are (docs/decisions/0020-bounded-ranking.md).
"""

# ruff: noqa: S608 - only names and question marks of our own are written into the SQL; every value is bound

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from convergences_node.index.conditions import Source, source
from convergences_node.index.cursors import Place
from convergences_node.index.filters import Filter
from convergences_node.index.reading import column_of, rows_of
from convergences_node.index.text import Text

RANKED_MAX = 600
"""With no more matches than this, all are weighed."""
CHAMPIONS_MAX = 300
"""Else so many of the newest, and so many of the newest that have the words in their name."""

WEIGHTS = (8_000, 3_000, 1_000)
"""Of a word in a name, in a summary, elsewhere."""
WHOLE_NAME, NAME_BEGINS, IN_A_ROW = 12_000, 4_000, 3_000
"""For a name that is what was typed, or begins so; for words that follow each other as typed."""
WORDS_USUAL = (6, 30, 120)
"""Words in a column as long as most; in longer ones a word weighs less."""

_THOSE = "json_each(?) j CROSS JOIN states s ON s.row = j.value"


def by_relevance(
    db: sqlite3.Connection, wanted: Filter, place: Place | None
) -> tuple[list[tuple[int, int | str]], int, bool]:
    """All rows that were weighed, with their scores (negative: the best come first), how many match, and whether that
    and the ranking are only of some."""
    assert wanted.text is not None
    if wanted.rows is not None and len(wanted.rows) <= RANKED_MAX:
        scored = _scored(db, source(wanted), wanted.text)
        total, bounded = len(scored), False
    else:
        rows, total, bounded = _candidates(db, wanted)
        scored = _scored(db, Source(_THOSE, "1", (json.dumps(rows),), "s.row"), wanted.text)
    if place is not None:
        scored = [pair for pair in scored if pair > (place.key, -place.row)]
    return [(-row, score) for score, row in scored], total, bounded


def _candidates(db: sqlite3.Connection, wanted: Filter) -> tuple[list[int], int, bool]:
    """The rows to be weighed, how many match, and whether that is only some of them."""
    rows = _newest(db, source(wanted), RANKED_MAX + 1)
    if len(rows) <= RANKED_MAX:
        return rows, len(rows), False
    named = _newest(db, source(wanted, column="a"), CHAMPIONS_MAX)
    return list(dict.fromkeys([*rows[:CHAMPIONS_MAX], *named])), RANKED_MAX, True


def _newest(db: sqlite3.Connection, found: Source, limit: int) -> list[int]:
    select = f"SELECT {found.row} AS row FROM {found.tables} WHERE {found.where} ORDER BY {found.row} DESC LIMIT ?"
    return column_of(db, "row", select, [*found.values, limit])


def _scored(db: sqlite3.Connection, found: Source, text: Text) -> list[tuple[int, int]]:
    """(negative score, negative row) of each row: the best come first, and the newest among equals. What is looked at
    one by one anyway is checked and read in one go: to come back for its words costs as much as to check them."""
    select = f"SELECT {found.row} AS row, s.a AS a, s.b AS b, s.c AS c FROM {found.tables} WHERE {found.where}"
    phrases = [term.spaced for term in text.wanted]
    typed = " ".join(word for term in text.wanted for word in term.words)
    texts = rows_of(db, ("row", "a", "b", "c"), select, found.values)
    return sorted((-score(columns, phrases, typed), -row) for row, *columns in texts)


def score(columns: Sequence[str], phrases: Sequence[str], typed: str) -> int:
    """How well an element fits. Whole numbers, so that every machine gives the same order."""
    total, in_a_row = 0, False
    for column, weight, usual in zip(columns, WEIGHTS, WORDS_USUAL, strict=True):
        if not column:
            continue
        text, length, missing = f" {column} ", 0, False
        for phrase in phrases:
            if times := text.count(phrase):
                length = length or text.count(" ") - 1
                # As in bm25: the second time says less than the first, and a word says less in a long text.
                total += weight * times * 4 // (times * 2 + 1 + length // usual)
            else:
                missing = True
        # What lacks one of the words cannot have them in a row: one search less through most texts.
        in_a_row = in_a_row or (not missing and len(phrases) > 1 and f" {typed} " in text)
    name = columns[0]
    if name == typed:
        total += WHOLE_NAME
    elif name.startswith(typed):
        total += NAME_BEGINS
    return total + IN_A_ROW if in_a_row else total
