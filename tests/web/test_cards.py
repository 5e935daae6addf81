# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a card shows of a text is its beginning, whatever it is written in."""

from __future__ import annotations

import pytest
from convergences_node.web.cards import shorten


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Deux acrobates,\n un", "Deux acrobates, un"),
        ("Deux acrobates, un fil, une lune", "Deux acrobates, un …"),
        ("長い綱の上を二人の曲芸師が月の光の中で渡っていきます", "長い綱の上を二人の曲芸師が月の光の中で渡…"),
        ("Ah " + "é" * 30, "Ah " + "é" * 17 + "…"),
    ],
)
def test_a_text_is_cut_between_words_and_never_to_nothing(text: str, shown: str) -> None:
    assert shorten(text, 20) == shown
