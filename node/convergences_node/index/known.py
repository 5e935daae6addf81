# SPDX-License-Identifier: AGPL-3.0-or-later
"""What an index knows of its territories and themes, held in memory: how they nest, what they are and were called.

Small (some hundreds of rows, a few thousands for a région) and asked for by every question, so it is read once and
again whenever a transaction touched it. Frozen: a question keeps the one it began with.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from convergences_protocol.codes import level
from convergences_protocol.origin import territory_of

from convergences_node.index.lines import TAG_SIGN
from convergences_node.index.normalise import SMALL_WORDS, words
from convergences_node.index.plan import BROADER
from convergences_node.index.row import element_of
from convergences_node.index.tables import ALIKE, read_spans

NESTED_MAX = 5_000
"""Territories or themes that one name may stand for."""
THEME_TAGS_MAX = 100
"""Themes that one word of a text may stand for: an expression of full-text search grows by one word each."""
SAME_MAX = 20_000
"""Relations that say that two elements are one, in memory: some 5 MB."""


@dataclass(frozen=True, slots=True)
class Known:
    """How territories and themes nest."""

    territory_tags: Mapping[str, int]
    kind_tags: Mapping[str, int] = field(default_factory=dict)
    """By name: the tags of the kinds that there are."""
    facts: Mapping[str, Facts] = field(default_factory=dict)
    inside: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By code: the territories directly inside."""
    former: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By code: the territories that merged into it."""
    heirs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By code: the territories it merged into."""
    names: Mapping[tuple[str, ...], Sequence[str]] = field(default_factory=dict)
    """By normalised words: the codes of territories that are or were called so."""
    narrower: Mapping[str, Sequence[str]] = field(default_factory=dict)
    theme_names: Mapping[str, str] = field(default_factory=dict)
    theme_tags: Mapping[str, int] = field(default_factory=dict)
    """By theme: its tag, if any element has it."""
    theme_words: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By normalised word: the themes whose names have it."""
    lifted: Mapping[int, Sequence[str]] = field(default_factory=dict)
    """By tag of a theme: the theme itself and all broader ones."""
    spans: Sequence[int] = ()
    """The classes of `dated` that are in use."""
    speakers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By code: the origins of the logs that count for it, in order."""
    same: Sequence[SaidSame] = ()
    """Every relation that says that two elements are one."""
    met: dict[int, tuple[str, str]] = field(default_factory=dict)
    """What tags mean, (facet, value), as they are met in answers: a number has one meaning as long as its file."""

    def within(self, codes: Iterable[str]) -> list[str]:
        """These territories, what they became, and all that is inside or merged into any of these."""
        return _closure(_closure(codes, (self.heirs,)), (self.inside, self.former))

    def themes(self, themes: Iterable[str]) -> list[str]:
        """These themes with all narrower ones."""
        return _closure(themes, (self.narrower,))

    def themes_named(self, run: Sequence[str]) -> list[int]:
        """The tags of the themes that have these normalised words in their names, one after the other, and of all
        narrower ones: what has such a theme is found as if its text said so."""
        spaced = f" {' '.join(run)} "
        named = [
            theme
            for theme in self.theme_words.get(run[0] if run else "", ())
            if spaced in f" {' '.join(words(self.theme_names[theme]))} "
        ]
        return [self.theme_tags[theme] for theme in self.themes(named) if theme in self.theme_tags][:THEME_TAGS_MAX]

    def tags_of(self, codes: Iterable[str]) -> list[int]:
        """The tags of those territories that any element is in."""
        return [self.territory_tags[code] for code in codes if code in self.territory_tags]

    def name_tags(self, run: Sequence[str]) -> list[int]:
        """The tags of the territories that these normalised words name, with those merged into or from them."""
        codes = self.names.get(tuple(word for word in run if word not in SMALL_WORDS))
        return self.tags_of(self._same_place(codes)) if codes else []

    def _same_place(self, codes: Iterable[str]) -> list[str]:
        return _closure(_closure(codes, (self.heirs,)), (self.former,))

    def name_of(self, code: str) -> str | None:
        """What a territory is called."""
        facts = self.facts.get(code)
        return facts.name if facts else None


@dataclass(frozen=True, slots=True)
class SaidSame:
    """Who says that two elements are one, as the index has their ids."""

    one: bytes
    other: bytes
    origin: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What the record that describes a territory says: its own log's, if there is one, else anybody's."""

    row: int
    name: str
    within: tuple[str, ...]
    former_names: tuple[str, ...]
    former_codes: tuple[str, ...]


def read_known(db: sqlite3.Connection) -> Known:
    """Read it all from the index."""
    facts = _facts(db)
    speakers: dict[str, list[str]] = {}
    for code, origin in db.execute("SELECT territory, origin FROM speakers ORDER BY territory, place"):
        speakers.setdefault(code, []).append(origin)
    narrower, theme_names = _themes(db)
    former, heirs = _merged(facts, speakers)
    theme_tags = dict(db.execute("SELECT value, tag FROM tags WHERE facet = 'themes' ORDER BY value").fetchall())
    broader = _inverse((outer, inner) for outer, inners in narrower.items() for inner in inners)
    return Known(
        territory_tags=dict(db.execute("SELECT value, tag FROM tags WHERE facet = 'territory'").fetchall()),
        kind_tags=dict(db.execute("SELECT value, tag FROM tags WHERE facet = 'kind'").fetchall()),
        facts=facts,
        inside=_inverse((code, parent) for code, fact in facts.items() for parent in fact.within),
        former=former,
        heirs=heirs,
        names=_names(facts),
        narrower=narrower,
        theme_names=theme_names,
        theme_tags=theme_tags,
        theme_words=_inverse((theme, word) for theme, name in theme_names.items() for word in set(words(name))),
        lifted={tag: _closure([theme], (broader,)) for theme, tag in theme_tags.items()},
        spans=sorted(read_spans(db)),
        speakers=speakers,
        same=_same(db),
    )


def _same(db: sqlite3.Connection) -> list[SaidSame]:
    """The relations that say so and have no end, the oldest first."""
    tag = db.execute("SELECT tag FROM tags WHERE facet = ? AND value = ?", ALIKE).fetchone()
    if tag is None:
        return []
    found = db.execute(
        "SELECT g.subject, g.object, l.origin FROM words w CROSS JOIN edges g ON g.row = w.rowid"
        " JOIN elements e ON e.row = w.rowid JOIN logs l USING (log)"
        " WHERE words MATCH ? AND g.predicate = ? AND g.ended IS NULL ORDER BY w.rowid LIMIT ?",
        (f'"{TAG_SIGN}{tag[0]}"', ALIKE[1], SAME_MAX),
    )
    return [SaidSame(*each) for each in found]


def _facts(db: sqlite3.Connection) -> dict[str, Facts]:
    found: dict[str, tuple[bool, Facts]] = {}
    for row, id_, code, name, *lists in db.execute(
        "SELECT t.row, e.id, t.code, t.name, t.within, t.former_names, t.former_codes"
        " FROM territories t JOIN elements e USING (row) ORDER BY e.id"
    ):
        own = element_of(id_).territory == code
        if code not in found or (own and not found[code][0]):
            within, former_names, former_codes = (tuple(json.loads(text)) for text in lists)
            found[code] = own, Facts(row, name, within, former_names, former_codes)
    return {code: facts for code, (_, facts) in sorted(found.items())}


def _merged(
    facts: Mapping[str, Facts], speakers: Mapping[str, Sequence[str]]
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Who merged into whom, from the territories' records and from the charter, where another town's log speaks for
    one. An agglomeration that answers for a dead town has not become it: only equals merge."""
    pairs = {(former, code) for code, fact in facts.items() for former in fact.former_codes}
    pairs |= {(code, territory_of(origin)) for code, origins in speakers.items() for origin in origins}
    both = sorted((old, new) for old, new in pairs if old != new and level(old) == level(new))
    return _inverse(both), _inverse((new, old) for old, new in both)


def _names(facts: Mapping[str, Facts]) -> dict[tuple[str, ...], list[str]]:
    names: dict[tuple[str, ...], list[str]] = {}
    for code, fact in facts.items():
        for name in (fact.name, *fact.former_names):
            key = tuple(word for word in words(name) if word not in SMALL_WORDS)
            if key:
                names.setdefault(key, []).append(code)
    return names


def _themes(db: sqlite3.Connection) -> tuple[dict[str, list[str]], dict[str, str]]:
    """The tree of themes, and their names."""
    tag = db.execute("SELECT tag FROM tags WHERE facet = 'kind' AND value = 'theme'").fetchone()
    if tag is None:
        return {}, {}
    is_theme = f'"{TAG_SIGN}{tag[0]}"'
    edges = db.execute(
        "SELECT g.subject, g.object FROM words w CROSS JOIN edges g ON g.row = w.rowid"
        " WHERE words MATCH ? AND g.predicate = ? ORDER BY 1, 2",
        (is_theme, BROADER),
    )
    pairs = [(str(element_of(subject)), str(element_of(target))) for subject, target in edges]
    names = db.execute(
        "SELECT e.id, json_extract(s.fields, '$.name') FROM words w CROSS JOIN elements e ON e.row = w.rowid"
        " JOIN states s USING (row) WHERE words MATCH ?",
        (is_theme,),
    )
    return _inverse(pairs), {str(element_of(id_)): name for id_, name in names}


def _inverse(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for inner, outer in pairs:
        found.setdefault(outer, []).append(inner)
    return found


def _closure(start: Iterable[str], ways: Sequence[Mapping[str, Sequence[str]]]) -> list[str]:
    """Everything reachable, each once, so that a cycle between two towns' trees ends here too."""
    found = list(dict.fromkeys(start))
    seen = set(found)
    for node in found:
        for way in ways:
            for other in way.get(node, ()):
                if other not in seen and len(found) < NESTED_MAX:
                    seen.add(other)
                    found.append(other)
    return found
