# SPDX-License-Identifier: AGPL-3.0-or-later
"""The sentences that people read: one catalogue a language, keys the same in all, French first.

A handler or a template holds a dotted key and values; the sentence is chosen here, in the reader's language. Catalogues
are TOML files in `messages/`, read once when the node starts. A key that is missing is our own mistake and is an error,
never an empty space on a page; a *term* that is missing (a territory may use its own) falls back on the term itself.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

LANGUAGES = ("fr", "en")
DEFAULT_LANGUAGE = "fr"
# A browser sends two to six ranges; what follows is noise or an attack.
ACCEPT_LANGUAGE_CHARACTERS_MAX = 200
ACCEPT_LANGUAGE_RANGES_MAX = 10


@dataclass(frozen=True, slots=True, eq=False)
class Messages:
    """One language's catalogue: there is one of each, so that what was said once in a language can be kept by it."""

    language: str
    texts: Mapping[str, str]

    def text(self, key: str, **values: object) -> str:
        """The sentence under a key, its `{places}` filled. An unknown key is our own mistake: KeyError."""
        template = self.texts[key]
        return template.format(**values) if values else template

    def count(self, key: str, number: int, **values: object) -> str:
        """The sentence for a number: `<key>.none` (if there is one), `<key>.one` or `<key>.many`."""
        return self.text(f"{key}.{self._form(key, number)}", number=self.number(number), **values)

    def _form(self, key: str, number: int) -> str:
        if number == 0 and f"{key}.none" in self.texts:
            return "none"
        # French says "0 résultat", English says "0 results".
        singular = number in (0, 1) if self.language == "fr" else number == 1
        return "one" if singular else "many"

    def number(self, number: int) -> str:
        """A whole number with its thousands apart, as this language writes them."""
        return f"{number:,}".replace(",", self.texts["number.thousands"])

    def term(self, prefix: str, term: str) -> str:
        """A term of a closed list in words; a territory's own term (`x-fanfare`) as that territory wrote it."""
        said = self.texts.get(f"{prefix}.{term}")
        return term.removeprefix("x-").replace("_", " ") if said is None else said

    def has(self, key: str) -> bool:
        """Whether the catalogue has this key."""
        return key in self.texts


@cache
def catalogue(language: str) -> Messages:
    """The catalogue of one of `LANGUAGES`."""
    raw = resources.files(__package__).joinpath("messages", f"{language}.toml").read_text("utf-8")
    return Messages(language, dict(_flat(tomllib.loads(raw))))


def _flat(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}.")
        else:
            yield path, str(value)


def choose_language(asked: str | None, accept_language: str, default: str = DEFAULT_LANGUAGE) -> str:
    """The language to answer in: the one asked for by `?lang=`, else the browser's first that we have, else ours.

    Accept-Language is read as RFC 9110 section 12.5.4 has it; a range matches by its primary subtag (`fr-CA` is `fr`).
    """
    if asked in LANGUAGES:
        return asked
    best, best_weight = default, 0.0
    for piece in accept_language[:ACCEPT_LANGUAGE_CHARACTERS_MAX].split(",")[:ACCEPT_LANGUAGE_RANGES_MAX]:
        name, _, parameter = piece.partition(";")
        language = name.strip().lower().partition("-")[0]
        weight = _weight(parameter)
        if language in LANGUAGES and weight > best_weight:
            best, best_weight = language, weight
    return best


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if 0.0 <= weight <= 1.0 else 0.0
