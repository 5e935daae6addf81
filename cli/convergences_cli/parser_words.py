# SPDX-License-Identifier: AGPL-3.0-or-later
"""The sentences of click, which reads the command line, in the reader's language.

click asks gettext for each of its sentences, by the names `_` and `ngettext` of its modules. gettext reads compiled
catalogues alone, and ours is a text that a person may correct, like the others: `messages/parser.fr.toml`, by click's
English sentence. So those names are given these answers, in one place and once. What is not in the catalogue, a newer
click's, stays English; a test names each sentence that is left so on purpose.
"""

import gettext
import sys
import tomllib
from functools import cache
from importlib.resources import files

from convergences_cli.words import language

FRENCH_SINGULAR_MAX = 1
"""None and one are one; see `quantities.py`."""


def speak() -> None:
    """Have every module of click that is loaded ask here."""
    answers = (("_", gettext.gettext, sentence), ("ngettext", gettext.ngettext, counted))
    for name, module in list(sys.modules.items()):
        for hook, theirs, ours in answers:
            if name.startswith("click.") and vars(module).get(hook) is theirs:
                setattr(module, hook, ours)


def sentence(english: str) -> str:
    """In the place of `gettext.gettext`."""
    return _said(english)[0] or gettext.gettext(english)


def counted(one: str, many: str, count: int) -> str:
    """In the place of `gettext.ngettext`."""
    return _said(one)[count > FRENCH_SINGULAR_MAX] or gettext.ngettext(one, many, count)


def _said(english: str) -> tuple[str, str]:
    """For one and for many; empty where click's own sentence serves."""
    found = _catalogue().get(english, "") if language() == "fr" else ""
    return (found, found) if isinstance(found, str) else (found[0], found[1])


@cache
def _catalogue() -> dict[str, str | list[str]]:
    return tomllib.loads((files("convergences_cli") / "messages" / "parser.fr.toml").read_text("utf-8"))
