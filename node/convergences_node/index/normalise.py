# SPDX-License-Identifier: AGPL-3.0-or-later
"""The words of a French text as the index knows them: accents folded, plurals removed, small words left out.

The same function prepares what is indexed and what is asked, so the two always meet. It is a plain rule and no stemmer:
PostgreSQL's French stemmer does not bring `vélos` back to `vélo`, and SQLite has none. A wrong cut (`Paris` becomes
`pari`) is harmless as long as it is the same on both sides. Changing anything here changes `NORMALISER_VERSION`, and
with it every index is rebuilt.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache

NORMALISER_VERSION = 1

WORD_CHARS_MAX = 64
"""Longer runs of letters are cut: they are addresses and keys, not words; their beginning still finds them."""

_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "đ": "d", "ł": "l", "ı": "i", "’": "'"})
_ELISION = re.compile(r"\b(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|quoiqu)['ʼ`´](?=\w)")
_WORD = re.compile(r"[^\W_]+")
_ASCII_WORD = re.compile(r"[a-z0-9]+")

# Plurals that the general rules below would miss. The singular is what is kept.
_IRREGULAR = {"yeux": "oeil", "cieux": "ciel", "aieux": "aieul", "travaux": "travail", "vitraux": "vitrail"}
_IRREGULAR |= {"baux": "bail", "coraux": "corail", "emaux": "email", "mesdames": "madame", "messieurs": "monsieur"}

# Words in -aux whose singular is in -au, not in -al.
_IN_AU = frozenset(["noyau", "tuyau", "joyau", "boyau", "fluau", "gruau", "etau", "fabliau"])

SMALL_WORDS = frozenset(
    [
        "a",
        "au",
        "aux",
        "avec",
        "ce",
        "ces",
        "cet",
        "cette",
        "dans",
        "de",
        "des",
        "du",
        "elle",
        "en",
        "et",
        "eux",
        "il",
        "ils",
        "je",
        "la",
        "le",
        "les",
        "leur",
        "lui",
        "ma",
        "mais",
        "me",
        "mes",
        "mon",
        "ne",
        "nos",
        "notre",
        "nous",
        "on",
        "ou",
        "par",
        "pas",
        "pour",
        "qu",
        "que",
        "qui",
        "sa",
        "se",
        "ses",
        "son",
        "sur",
        "ta",
        "te",
        "tes",
        "toi",
        "ton",
        "tu",
        "un",
        "une",
        "vos",
        "votre",
        "vous",
        "d",
        "l",
        "y",
    ]
)
"""Too frequent to tell anything. Left out of a question unless nothing else remains; kept in what is indexed."""


CHUNK_CHARS_MAX = 32
"""Longest run between two spaces whose words are remembered. Texts repeat their words: most are never folded twice."""
CHUNKS_KEPT_MAX, NAMES_CHUNKS_KEPT_MAX, SINGULARS_KEPT_MAX = 8_192, 4_096, 8_192
"""Runs whose words are remembered; those of names, as these are ordered; words of which the singular is: some 3 MiB.
Four and eight times as many are no faster, and left 11 MiB more in a node that had taken in 100,000 rows, long after
they were forgotten: what stayed lay between them."""


def words(text: str) -> list[str]:
    """The words of `text`, normalised, in their order."""
    return normalise(text).split()


def normalise(text: str) -> str:
    """The words of `text` with one space between: what the full-text index is given."""
    return "".join(map(_spaced_words, text.split()))[:-1]


def _folded_words(chunk: str) -> list[str]:
    return (_ASCII_WORD if chunk.isascii() else _WORD).findall(fold(chunk))


class _SpacedWords(dict[str, str]):
    """By what stands between two spaces (nothing in `fold` looks further than that): its words, a space after each. A
    dictionary that is emptied when it is full is asked in half the time of one that remembers what was asked last."""

    def __init__(self, form: Callable[[str], str], kept_max: int) -> None:
        """`form`: what becomes of each folded word."""
        super().__init__()
        self._form, self._kept_max = form, kept_max

    def __missing__(self, chunk: str) -> str:
        found = "".join([f"{self._form(word)} " for word in _folded_words(chunk)])
        if len(chunk) <= CHUNK_CHARS_MAX:
            if len(self) >= self._kept_max:
                self.clear()
            self[chunk] = found
        return found


def fold(text: str) -> str:
    """Lower case, without accents, ligatures or elided articles."""
    if text.isascii():
        return _ELISION.sub(" ", text.lower())
    plain = unicodedata.normalize("NFKD", text.lower()).translate(_LIGATURES)
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    # Folding compatibility letters can bring capitals back ("℡"), so case is folded once more.
    return _ELISION.sub(" ", plain.lower())


def sort_key(text: str) -> str:
    """How a name is ordered in a list: folded, a leading article left out, bounded."""
    found = "".join(map(_spaced_folded, text.split()))[:-1]
    first, _, others = found.partition(" ")
    while others and first in _ARTICLES:
        first, _, others = (found := others).partition(" ")
    return found[:SORT_KEY_CHARS_MAX]


SORT_KEY_CHARS_MAX = 48
_ARTICLES = frozenset(["le", "la", "les", "l", "un", "une", "des"])


@lru_cache(maxsize=SINGULARS_KEPT_MAX)
def singular(word: str) -> str:
    """One folded word, in the singular if it looks like a French plural."""
    word = word[:WORD_CHARS_MAX]
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) <= 3 or word[-1] not in "sx" or word[-2].isdigit():
        return word
    if word.endswith("x"):
        return _singular_in_x(word)
    # Words that end in -ss are not plurals in French (stress, fitness), nor are those in -is/-us of three letters.
    return word if word.endswith("ss") else word[:-1]


def _singular_in_x(word: str) -> str:
    """`journaux` → `journal`, `bateaux` → `bateau`, `jeux` → `jeu`, `choux` → `chou`; `prix`, `voix`, `six` stay."""
    if word.endswith("eaux"):
        return word[:-1]
    if word.endswith("aux"):
        return word[:-1] if word[:-1] in _IN_AU else word[:-3] + "al"
    if word.endswith(("eux", "oux")):
        return word[:-1]
    return word


_WORDS, _NAMES = _SpacedWords(singular, CHUNKS_KEPT_MAX), _SpacedWords(str, NAMES_CHUNKS_KEPT_MAX)
_spaced_words, _spaced_folded = _WORDS.__getitem__, _NAMES.__getitem__


def forget_words() -> None:
    """Remember no word that was folded."""
    singular.cache_clear()
    _WORDS.clear()
    _NAMES.clear()
