# SPDX-License-Identifier: AGPL-3.0-or-later
"""What columns are called: the words of `words.toml`, the labels of the pages, and how much a name is like a word."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from convergences_protocol.kinds import KINDS

from convergences_node.territories.gazetteer import folded

LIKE_MIN = 90
"""Of 100: how alike a column's name and a word must be to be taken for the same."""


@cache
def field_words() -> dict[str, tuple[str, ...]]:
    """By field: its name, its labels on the pages, and the words of `words.toml`, plain."""
    found: dict[str, list[str]] = {name: list(given) for name, given in words()["field"].items()}
    for language in ("fr", "en"):
        text = (files("convergences_node.web") / "messages" / f"{language}.toml").read_text("utf-8")
        for group in tomllib.loads(text).get("field", {}).values():
            for name, label in group.items():
                found.setdefault(name, []).append(label)
    for kind in KINDS.values():
        for declared in kind.fields:
            found.setdefault(declared.name, []).append(declared.name)
    return {name: tuple(dict.fromkeys(map(plain, given))) for name, given in found.items()}


@cache
def special_words() -> dict[str, tuple[str, ...]]:
    """By what no single field says: an identifier, an INSEE code, coordinates."""
    return {name: tuple(map(plain, given)) for name, given in words()["special"].items()}


@cache
def words() -> dict[str, Any]:
    """The tables of `words.toml`."""
    read: dict[str, Any] = tomllib.loads((files(__package__) / "words.toml").read_text("utf-8"))
    return read


def best(column: str, called: Sequence[str]) -> float:
    """How much a column is called by one of these; of two that are, the one called by the earlier word."""
    scored = (likeness(column, word) * (1 - 0.005 * rank) for rank, word in enumerate(called))
    return max(scored, default=0.0)


def likeness(column: str, word: str) -> float:
    """1 for the word itself, less where it is one of several in the name, 0 where it is not there."""
    name = plain(column)
    if name == word:
        return 1.0
    parts, wanted = name.split(), word.split()
    if parts and wanted and all(part in parts for part in wanted):
        return 0.5 + 0.4 * len(wanted) / len(parts)
    from rapidfuzz import fuzz

    return 0.8 if len(word) > 4 and fuzz.ratio(name, word) >= LIKE_MIN else 0.0


@lru_cache(maxsize=4096)
def plain(name: str) -> str:
    """`codePostal`, `code_postal` and `Code-Postal` are `code postal`."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return " ".join(re.sub(r"[^\w]+|_", " ", folded(spaced)).split())
