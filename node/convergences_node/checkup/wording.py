# SPDX-License-Identifier: AGPL-3.0-or-later
"""A sign in words, for a page, a terminal or a letter: its title, how it is, and what to do about it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources

from convergences_node.checkup.sign import GOOD, Sign
from convergences_node.fault_sentences import in_words, reason_sentence
from convergences_node.quantities import said

MINUTE, HOUR, DAY = 60, 3_600, 86_400


def title(sign: Sign, language: str) -> str:
    """What was looked at."""
    return _words(language)[sign.name]["title"]


def sentence(sign: Sign, language: str) -> str:
    """How it is."""
    words = _words(language)
    values = {name: said(value, language) for name, value in sign.values.items()}
    for name, value in values.items():
        if isinstance(value, float):
            values[name] = str(value).replace(".", words["level"]["decimal"])
    if values.get("fault") is not None:
        values["reason"] = reason_sentence(values, language).removesuffix(".")
    elif "reason" in values:
        reason = str(values["reason"])
        values["reason"] = words[sign.name].get(f"why_{reason}") or in_words(reason, language)
    if "age" in values:
        values["age"] = _age(int(str(values["age"])), words["age"])
    return words[sign.name][sign.form].format(**values)


def letter(form: str, language: str, **values: object) -> str:
    """A sentence of a letter to the operator."""
    return _words(language)["letter"][form].format(**values)


def in_short(code: str, language: str) -> str:
    """A sign by its code alone, as a town says it; one of a newer program is another sign."""
    name, _, form = code.partition(".")
    words = _words(language)
    known = words.get(name, {})
    return known.get(f"short_{form}", known.get("title", words["ailing"]["other"]))


def overall(level: str, language: str) -> str:
    """How the whole of it is."""
    return _words(language)["level"][level]


def what_to_do(sign: Sign, language: str) -> str:
    """The next step, where there is one to take."""
    words = _words(language)[sign.name]
    return "" if sign.level == GOOD else words.get(f"do_{sign.form}", words.get("do", ""))


def _age(seconds: int, words: Mapping[str, str]) -> str:
    for size, name in ((DAY, "days"), (HOUR, "hours")):
        if seconds >= 2 * size:
            return words[name].format(number=seconds // size)
    return words["minutes"].format(number=max(1, seconds // MINUTE))


@cache
def _words(language: str) -> Mapping[str, Mapping[str, str]]:
    path = resources.files(__package__).joinpath("sentences", f"{language}.toml")
    return tomllib.loads(path.read_text("utf-8"))
