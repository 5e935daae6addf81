# SPDX-License-Identifier: AGPL-3.0-or-later
"""The questions of the search benchmark, each as ours and as the SQL that the reference is asked."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from convergences_node.index.query import Box, Query

from benchmarks.territory import ASKED_KINDS, ASKED_THEMES, ASKED_WORDS, TOWNS, theme_id


@dataclass(frozen=True)
class Question:
    """One question. `facets`: it asks for counts, not for results."""

    query: Query
    sql: str
    values: dict[str, Any]
    facets: bool = False


FTS = (
    "select r.id, r.kind, r.territory, r.title from records_fts f join records r on r.id = f.rowid"
    " where records_fts match :q"
)
THEME = "exists(select 1 from record_themes x where x.theme = :th and x.id = r.id)"


def questions(seed: int) -> dict[str, Question]:
    """By name; the same seed gives the same values."""
    rng = random.Random(seed)
    word, other = rng.choice(ASKED_WORDS), rng.choice(ASKED_WORDS)
    town, theme, month = TOWNS[rng.randrange(12)], rng.choice(ASKED_THEMES), rng.randrange(1, 10)
    kind, type_ = rng.choice(ASKED_KINDS)
    west, south, rare = -3 + rng.random() * 4, 47.2 + rng.random(), f"n{rng.randrange(5000)}"
    since, until = f"2026-{month:02}-01", f"2026-{month + 2:02}-28"
    kinds, types = (kind,), (("type", type_),)
    box = Box(*(round(value * 1e7) for value in (west, south, west + 0.2, south + 0.2)))
    dates: dict[str, Any] = {"t": town, "k": type_, "a": since, "b": f"2026-{month + 3:02}-01"}
    corners: dict[str, Any] = {"x": west, "x2": west + 0.2, "y": south, "y2": south + 0.2, "k": type_}
    return {
        "territory + kind + dates, 20": Question(
            Query(territories=(town,), since=since, until=until, kinds=kinds, facets=types),
            "select id, title, start from records where territory = :t and kind = :k and start >= :a and start < :b"
            " order by start limit 20",
            dates,
        ),
        "theme + territory + dates, 20": Question(
            Query(territories=(town,), themes=(theme_id(theme),), since=since, kinds=kinds, facets=types),
            "select r.id, r.title, r.start from records r where r.territory = :t and r.kind = :k and r.start >= :a"
            f" and {THEME} order by r.start limit 20",
            {"t": town, "k": type_, "a": since, "th": theme},
        ),
        "box 0.2 deg + kind, 20": Question(
            Query(box=box, kinds=kinds, facets=types),
            "select r.id, r.title from geo g join records r on r.id = g.id where g.minx >= :x and g.maxx <= :x2"
            " and g.miny >= :y and g.maxy <= :y2 and r.kind = :k limit 20",
            corners,
        ),
        "rare word + word, best 20": Question(
            Query(text=f"{rare} {word}"),
            f"{FTS} order by rank limit 20",
            {"q": f"{rare} {word}"},
        ),
        "two frequent words, best 20": Question(
            Query(text=f"{word} {other}"),
            f"{FTS} order by rank limit 20",
            {"q": f"{word} {other}"},
        ),
        "two frequent words, newest 20": Question(
            Query(text=f"{word} {other}", sort="newest"),
            f"{FTS} order by f.rowid desc limit 20",
            {"q": f"{word} {other}"},
        ),
        "counts by kind, one territory": Question(
            Query(territories=(town,)),
            "select kind, count(*) n from records where territory = :t group by kind",
            {"t": town},
            facets=True,
        ),
        "counts by theme and kind, two words": Question(
            Query(text=f"{word} {other}"),
            "select r.kind, r.theme1, count(*) n from records_fts f join records r on r.id = f.rowid"
            " where records_fts match :q group by 1, 2",
            {"q": f"{word} {other}"},
            facets=True,
        ),
    }
