# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is said at the terminal agrees with its numbers, in both languages; and so does the parser."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import convergences_cli
import pytest
from convergences_cli.words import LANGUAGES, say

from .test_commands import flat

MESSAGES = Path(convergences_cli.__file__).parent / "messages"
COUNTED = {"rows": 1, "created": 1, "changed": 0, "unchanged": 2, "refused_count": 0, "relations": 1, "themes": 2}


def test_one_line_is_one_line() -> None:
    """Not “1 lignes”; and none takes the singular in French alone."""
    assert say("import.done", "fr", **COUNTED) == (
        "1 ligne : 1 nouvelle, 0 modifiée, 2 inchangées, 0 refusée ; 1 relation, 2 nouveaux thèmes"
    )
    assert say("import.done", "en", **COUNTED | {"rows": 0, "themes": 1}) == (
        "0 rows: 1 new, 0 changed, 2 unchanged, 0 refused; 1 relation, 1 new theme"
    )


def test_a_word_that_is_counted_may_have_others_around_it() -> None:
    waiting = [say("status.erasures_waiting", "fr", count=count, origin="FR-1/a") for count in (1, 2)]
    assert waiting[0].startswith("1 effacement de FR-1/a attend une décision")
    assert waiting[1].startswith("2 effacements de FR-1/a attendent une décision")


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_counts_in_the_plural_alone(language: str) -> None:
    """After a number stands no bare plural: `{count:line|lines}`, not `{count} lines`."""
    sentences = flat(tomllib.loads((MESSAGES / f"{language}.toml").read_text("utf-8")))
    counted = {name for sentence in sentences.values() for name in re.findall(r"\{(\w+):[^|}]*\|", sentence)}
    assert len(counted) > 15
    for key, sentence in sentences.items():
        after = re.findall(r"\{(\w+)\} ([^\W\d_]+s)\b", sentence)
        assert not [word for name, word in after if name in counted and word != "fois"], key
