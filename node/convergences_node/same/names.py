# SPDX-License-Identifier: AGPL-3.0-or-later
"""Names, addresses and sites as they are compared: what people write in ten ways is brought to one.

Words are the index's own (`index.normalise`: accents folded, plurals removed). Of a name, small words and legal forms
are left out and usual abbreviations written out; a word that says little (`espace`, the name of the commune) weighs
little. The words are in `words.toml`. Pure functions; nothing here decides anything.
"""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from urllib.parse import urlsplit

from convergences_node.index.normalise import SMALL_WORDS, fold, words

WORDS_MAX = 24
"""Of a name; longer ones are sentences."""
NAMES_MAX = 6
"""Of one element: its name, its other names, and what stands in brackets."""
PLAIN_WEIGHT = 0.3
"""Of a word that many names have, beside 1 for any other."""

_TABLE = tomllib.loads((files(__package__) / "words.toml").read_text("utf-8"))
LEGAL_FORMS: frozenset[str] = frozenset(_TABLE["legal_forms"])
PLAIN: frozenset[str] = frozenset(_TABLE["plain"])
TELLING: frozenset[str] = frozenset(_TABLE["telling"])
CONTRASTS: tuple[frozenset[str], ...] = tuple(map(frozenset, _TABLE["contrasts"]))
HOSTS_OF_MANY: frozenset[str] = frozenset(_TABLE["hosts_of_many"])
ABBREVIATIONS: dict[str, str] = _TABLE["abbreviations"]
PHRASES: dict[str, str] = _TABLE["phrases"]
STREETS: dict[str, str] = _TABLE["streets"]

_BRACKETS = re.compile(r"\(([^()]{1,100})\)")
_STREET = "|".join(sorted({*STREETS, *STREETS.values()} - {"st", "ste", "saint", "sainte"}, key=len, reverse=True))
_NUMBER = re.compile(
    rf"(?:^\W*|\b(?=\d{{1,4}}\W+(?:(?:bis|ter|quater|[a-d])\b\W*)?(?:{_STREET})\b))"
    r"(\d{1,4})\s*(bis|ter|quater|[a-d]\b)?",
    re.IGNORECASE,
)
_POSTCODE = re.compile(r"\b\d{5}\b.*$")
_SCHEME = re.compile(r"^[a-z]+://", re.IGNORECASE)


def name_words(name: str) -> tuple[str, ...]:
    """The words that count in a name, in their order."""
    every = words(name)[:WORDS_MAX]
    said = " ".join(ABBREVIATIONS.get(word, word) for word in every if word not in SMALL_WORDS)
    for phrase, short in PHRASES.items():
        said = said.replace(phrase, short)
    return tuple(word for word in said.split() if word not in LEGAL_FORMS) or tuple(every)


def names_of(name: str, others: list[str]) -> tuple[tuple[str, ...], ...]:
    """The names under which an element is compared. What stands in brackets counts by itself, and may be left out,
    only where it is the initials of the rest: in `Aide (Paris)` and `Aide (Lyon)` it is what tells them apart."""
    found = [name_words(name)]
    for inside in _BRACKETS.findall(name):
        outside = _BRACKETS.sub(" ", name)
        if _is_initials(inside, outside):
            found += [name_words(outside), name_words(inside)]
    found += [name_words(other) for other in others]
    return tuple(dict.fromkeys(each for each in found if each))[:NAMES_MAX]


def _is_initials(inside: str, outside: str) -> bool:
    letters = "".join(word[0] for word in re.findall(r"\w+", fold(outside)) if word not in SMALL_WORDS)
    short = "".join(re.findall(r"\w", fold(inside)))
    return len(short) >= 3 and short in letters


def weight_of(word: str, town_words: frozenset[str]) -> float:
    """How much a word tells."""
    return PLAIN_WEIGHT if word in PLAIN or word in town_words else 1.0


def address_of(text: str, town_words: frozenset[str]) -> tuple[str, tuple[str, ...]]:
    """An address as its number in the street, if it has one, and the words of its street, in order."""
    text = _POSTCODE.sub("", text)
    number = _NUMBER.search(text)
    street = text[number.end() :] if number else text
    found = [STREETS.get(word, word) for word in words(street) if word not in SMALL_WORDS]
    kept = [word for word in found if word not in town_words] or found
    said = f"{int(number[1])}{(number[2] or '').lower()}" if number else ""
    return said, tuple(dict.fromkeys(kept))[:WORDS_MAX]


def site_of(address: str) -> str:
    """What tells one site from another: its host, and its first folder where many share the host."""
    try:
        parts = urlsplit("//" + _SCHEME.sub("", address.strip().lower()).lstrip("/"))
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return ""
    if "." not in host or "@" in parts.netloc:
        return ""
    if host not in HOSTS_OF_MANY:
        return host
    page = parts.path.strip("/").split("/")
    return f"{host}/{page[0]}" if page[0] else ""


def phone_of(text: str) -> str:
    """The nine last digits of a telephone number, without the country."""
    digits = "".join(sign for sign in text if sign.isdigit())
    return digits[-9:] if len(digits) >= 9 else ""
