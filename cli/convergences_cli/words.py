# SPDX-License-Identifier: AGPL-3.0-or-later
"""Sentences for the person at the terminal, in French or English by the locale; `messages/*.toml` has them.

A missing key is shown as itself: a wrong word should never stop an operator.
"""

import os
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from convergences_node.quantities import said

LANGUAGES = ("fr", "en")


def language() -> str:
    """The language that the locale asks for; English where it asks for neither."""
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        asked = os.environ.get(variable, "")
        if asked:
            return asked[:2] if asked[:2] in LANGUAGES else "en"
    return "en"


def say(key: str, lang: str | None = None, **values: object) -> str:
    """The sentence under a dotted key, with its values; numbers with the words that they count (`quantities.py`)."""
    lang = lang or language()
    found: object = _catalogue(lang)
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    if not isinstance(found, str):
        return key
    return found.format(**{name: said(value, lang) for name, value in values.items()})


def say_fault(fault: dict[str, Any] | None) -> str:
    """The sentence of a fault in a node's answer; nothing where there is none."""
    from convergences_node.fault_sentences import fault_sentence
    from convergences_node.faults import fault_from_json

    return fault_sentence(fault_from_json(fault), language()) if fault else ""


@cache
def _catalogue(lang: str) -> dict[str, object]:
    text = (files("convergences_cli") / "messages" / f"{lang}.toml").read_text("utf-8")
    return tomllib.loads(text)
