# SPDX-License-Identifier: AGPL-3.0-or-later
"""Counts by facet. Which facets there are is read from the kinds' declarations, never listed by hand.

A territory's own counts are kept as records come and go, so its front page costs a look-up. Any other question is
counted over its matches, or, if they are many, estimated from a part of them (sampling.py).
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from convergences_node.index.conditions import match
from convergences_node.index.filters import Filter, Group
from convergences_node.index.known import Known
from convergences_node.index.reading import rows_of
from convergences_node.index.remembered import Tags
from convergences_node.index.sampling import sample_of, sample_of_rows
from convergences_node.index.tables import ANYWHERE
from convergences_node.index.views import FacetCount, Facets, Total

HIDDEN_FACETS = frozenset({"", "territory kind", "themes"})
"""Tags that exist for the search's own sake, and themes, which are counted with the narrower ones."""
VALUES_SHOWN_MAX = 100
"""Values of one facet in an answer, the most frequent ones."""
MET_MAX = 5_000
"""Tags whose meaning is kept in memory: half a megabyte."""
COUNTED_MAX = 20_000
"""Elements of a theme and its narrower ones that are looked for one by one, in some milliseconds."""


def count_facets(
    db: sqlite3.Connection,
    wanted: Filter,
    known: Known,
    about: int | None = None,
    matches: Sequence[int] | None = None,
) -> Facets:
    """How many matches have each value of each facet; there are `about` so many matches, if that was counted before,
    and these are their rows, if they were gathered. A theme counts what asking for it finds: narrower ones too."""
    if wanted.impossible or wanted.rows == ():
        return Facets(counts={}, total=Total(count=0))
    if (kept := _kept(db, wanted, known)) is not None:
        themes, exact = _kept_themes(db, wanted, kept, known)
        count = sum(kept.get(tag, 0) for group in wanted.groups if group.listed for tag in group.tags)
        return Facets(counts=_by_facet(db, kept, themes, known), total=Total(count=count), exact=exact)
    sample = sample_of(db, wanted, about) if matches is None else sample_of_rows(db, wanted, matches)
    counts = {int(tag): times for tag, times in Counter(chain.from_iterable(sample.tags)).items()}
    themes = _themes(sample.tags, counts, known)
    if not sample.whole:
        counts = {tag: round(n * sample.each) for tag, n in counts.items()}
        themes = {theme: round(n * sample.each) for theme, n in themes.items()}
    total = Total(count=sample.total, exact=sample.whole)
    return Facets(counts=_by_facet(db, counts, themes, known), total=total, exact=sample.whole)


def _themes(sample: Sequence[Tags], counts: Mapping[int, int], known: Known) -> dict[str, int]:
    """How many of these elements have each theme or a narrower one, each counted once."""
    nested = {str(tag): themes for tag in counts if len(themes := known.lifted.get(tag, ())) > 1}
    if not nested:
        return {known.lifted[tag][0]: n for tag, n in counts.items() if tag in known.lifted}
    lifted = {str(tag): known.lifted[tag] for tag in counts if tag in known.lifted}
    found: Counter[str] = Counter()
    for tags in sample:
        found.update({theme for tag in tags for theme in lifted.get(tag, ())})
    return dict(found)


def _kept_themes(
    db: sqlite3.Connection, wanted: Filter, kept: Mapping[int, int], known: Known
) -> tuple[dict[str, int], bool]:
    """The same from the counts that are kept, and whether it is exact: what has two themes under one is looked for in
    full-text search, unless there is too much of it."""
    under: dict[str, list[int]] = {}
    for tag, n in kept.items():
        for theme in known.lifted.get(tag, ()) if n > 0 else ():
            under.setdefault(theme, []).append(tag)
    found: dict[str, int] = {}
    exact = True
    for theme, tags in under.items():
        found[theme] = sum(kept[tag] for tag in tags)
        if len(tags) > 1 and found[theme] <= COUNTED_MAX:
            either = Group(tuple(sorted(tags)), found[theme], dated=False)
            (found[theme],) = db.execute(
                "SELECT count(*) FROM words WHERE words MATCH ?",
                (match(replace(wanted, groups=(*wanted.groups, either))),),
            ).fetchone()
        elif len(tags) > 1:
            found[theme], exact = min(found[theme], wanted.count_max), False
    return found, exact


def _kept(db: sqlite3.Connection, wanted: Filter, known: Known) -> dict[int, int] | None:
    """The counts that are kept, if the question is for all that is listed, anywhere or in one territory."""
    if wanted.text is not None or wanted.rest:
        return None
    territory = ANYWHERE
    for group in wanted.groups:
        if group.listed:
            continue
        if territory != ANYWHERE or len(group.tags) != 1 or group.tags[0] not in known.territory_tags.values():
            return None
        territory = group.tags[0]
    select = "SELECT tag, n FROM counts WHERE territory = ?"
    return dict(rows_of(db, ("tag", "n"), select, (territory,)))


def _meant(db: sqlite3.Connection, tags: Collection[int], known: Known) -> Mapping[int, tuple[str, str]]:
    """What these tags mean; those that were met before are not asked for."""
    met = known.met
    new = [tag for tag in tags if tag not in met]
    if not new:
        return met
    select = "SELECT tag, facet, value FROM tags WHERE tag IN (SELECT value FROM json_each(?))"
    rows = rows_of(db, ("tag", "facet", "value"), select, (json.dumps(new),))
    found = {tag: (facet, value) for tag, facet, value in rows}
    if len(met) + len(found) > MET_MAX:
        return {**met, **found}
    met.update(found)  # it only ever grows: other threads read it meanwhile
    return met


def _by_facet(
    db: sqlite3.Connection, counts: Mapping[int, int], themes: Mapping[str, int], known: Known
) -> dict[str, tuple[FacetCount, ...]]:
    found: dict[str, list[FacetCount]] = {}
    if themes:
        named = known.theme_names
        found["themes"] = [FacetCount(value=value, count=n, label=named.get(value)) for value, n in themes.items()]
    meant = _meant(db, counts, known)
    for tag, n in counts.items():
        facet, value = meant[tag]
        if facet not in HIDDEN_FACETS and n > 0:
            found.setdefault(facet, []).append(FacetCount(value=value, count=n, label=known.name_of(value)))
    for values in found.values():
        values.sort(key=lambda value: (-value.count, value.value))
    return {facet: tuple(values[:VALUES_SHOWN_MAX]) for facet, values in sorted(found.items())}
