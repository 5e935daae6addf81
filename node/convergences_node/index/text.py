# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a person typed, as words to look for: nothing of it is ever read as the syntax of FTS5.

All words must be there, in any order; `"words between quotes"` must follow each other; a word after `-` must not be
there. Small words (de, la, pour …) are left out unless nothing else remains. A run of words that is the name of a
territory, present or former, also matches what is in that territory; words in the name of a theme also match what has
that theme or a narrower one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from convergences_node.index.lines import TAG_SIGN
from convergences_node.index.normalise import SMALL_WORDS, words

TERMS_MAX = 12
"""Words of one question; what follows is not looked for."""
NAME_WORDS_MAX = 6
"""Words in the name of a territory: Saint-Germain-en-Laye has four."""

_PIECE = re.compile(r'(?P<minus>(?<!\S)-)?(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))')

NameTags = Callable[[Sequence[str]], Sequence[int]]
"""Tags of the territories (or themes) that these words name together; none if they name none."""


@dataclass(frozen=True, slots=True)
class Term:
    """One thing to find: words that follow each other, or instead any of the tags."""

    words: tuple[str, ...]
    tags: tuple[int, ...] = ()
    """Of the territories that these words name."""
    themes: tuple[int, ...] = ()
    """Of the themes that have them in their names."""
    negative: bool = False

    @property
    def instead(self) -> tuple[int, ...]:
        """Tags of which any is as good as the words."""
        return self.tags + self.themes

    def match(self, column: str = "") -> str:
        """The term in the syntax of FTS5, with every word quoted; in one column only, if it is named: what merely has
        a theme of that name has the words nowhere."""
        phrase = f"{column} : {quoted(self.words)}" if column else quoted(self.words)
        instead = self.tags if column else self.instead
        return f"({phrase} OR {any_tag(instead)})" if instead else phrase

    @property
    def spaced(self) -> str:
        """The words as they stand in a normalised text with a space around it."""
        return f" {' '.join(self.words)} "


@dataclass(frozen=True, slots=True)
class Text:
    """The terms of a question."""

    wanted: tuple[Term, ...]
    unwanted: tuple[Term, ...] = ()


def read_text(text: str, name_tags: NameTags, theme_tags: NameTags = lambda _: ()) -> Text | None:
    """The terms of what was typed; None if there is nothing in it to look for."""
    terms = _terms(text)
    wanted = [term for term in terms if not term.negative]
    if any(not _is_small(term) for term in wanted):
        wanted = [term for term in wanted if not _is_small(term)]
    if not wanted:
        return None
    merged = _with_names(wanted[:TERMS_MAX], name_tags)
    unwanted = [term for term in terms if term.negative][:TERMS_MAX]
    return Text(*(tuple(dict.fromkeys(_with_themes(some, theme_tags))) for some in (merged, unwanted)))


def _with_themes(terms: Iterable[Term], theme_tags: NameTags) -> Iterator[Term]:
    for term in terms:
        yield replace(term, themes=tuple(theme_tags(term.words)))


def _terms(text: str) -> list[Term]:
    terms: list[Term] = []
    for piece in _PIECE.finditer(text):
        negative = piece["minus"] is not None
        if piece["phrase"] is not None:
            if found := words(piece["phrase"]):
                terms.append(Term(tuple(found), negative=negative))
        else:
            # "Saint-Denis" is two words; both are wanted, wherever they stand.
            terms += [Term((word,), negative=negative) for word in words(piece["word"])]
    return terms


def _is_small(term: Term) -> bool:
    return len(term.words) == 1 and term.words[0] in SMALL_WORDS


def _with_names(terms: Sequence[Term], name_tags: NameTags) -> list[Term]:
    """Runs of words that name a territory become one term, found by the words or by being in that territory."""
    merged: list[Term] = []
    start = 0
    while start < len(terms):
        for stop in range(min(len(terms), start + NAME_WORDS_MAX), start, -1):
            run = [word for term in terms[start:stop] for word in term.words]
            if tags := name_tags(run):
                merged.append(Term(tuple(run), tuple(tags)))
                start = stop
                break
        else:
            merged.append(terms[start])
            start += 1
    return merged


def quoted(phrase: Sequence[str]) -> str:
    """Words as an FTS5 string. A normalised word holds letters and digits only; quotes are doubled all the same."""
    return '"' + " ".join(phrase).replace('"', '""') + '"'


def any_tag(tags: Sequence[int]) -> str:
    """Any of these tags, in the syntax of FTS5."""
    return any_word([f"{TAG_SIGN}{tag}" for tag in tags])


def any_word(found: Sequence[str]) -> str:
    """Any of these words, in the syntax of FTS5."""
    return "(" + " OR ".join(map(_quoted_word, found)) + ")"


def _quoted_word(word: str) -> str:
    return quoted((word,))
