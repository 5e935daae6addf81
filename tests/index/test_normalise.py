# SPDX-License-Identifier: AGPL-3.0-or-later
"""French words meet whatever their accents, their plural and their article."""

from __future__ import annotations

import pytest
from convergences_node.index.normalise import fold, normalise, singular, sort_key, words
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("vélo", "vélos"),
        ("VÉLO", "velo"),
        ("journal", "journaux"),
        ("bateau", "bateaux"),
        ("jeu", "jeux"),
        ("chou", "choux"),
        ("travail", "travaux"),
        ("noyau", "noyaux"),
        ("l’école", "école"),
        ("l'association", "associations"),
        ("d'été", "été"),
        ("qu'ils", "ils"),
        ("cœur", "coeurs"),
        ("Noël", "noel"),
        ("œil", "yeux"),
        ("animaux", "animal"),
        ("ﬁlm", "films"),
        ("e\u0301te\u0301", "été"),
    ],
)
def test_both_are_the_same_word(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize("word", ["prix", "voix", "noix", "six", "bus", "gaz", "fitness", "stress", "93000", "n12"])
def test_what_is_no_plural_stays(word: str) -> None:
    assert normalise(word) == word


def test_words_keep_their_order_and_lose_their_signs() -> None:
    assert words("Les Ateliers (d'été) — « Vélos & Cie » : n°12") == ["les", "atelier", "ete", "velo", "cie", "n", "12"]
    assert normalise("Saint-Denis") == "saint deni"


def test_articles_do_not_order_a_list() -> None:
    assert sorted(["Le Zèbre", "L'Abeille", "Étoile", "Des Ânes"], key=sort_key) == [
        "L'Abeille",
        "Des Ânes",
        "Étoile",
        "Le Zèbre",
    ]
    assert sort_key("La") == "la"


def test_a_word_is_bounded() -> None:
    assert len(words("a" * 10_000)[0]) == 64


@given(st.text())
def test_normalising_twice_changes_nothing_that_matters(text: str) -> None:
    """What is indexed can be asked for: its own normalised words are each found in it, as they are."""
    for word in words(text):
        assert word == word.lower()
        assert " " not in word
        assert not any(sign in word for sign in "\"'*^:()-\ue000\ue001")


@given(st.text(alphabet=st.characters(categories=["L", "M"]), min_size=1))
def test_folding_is_settled(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.from_regex("[a-z]{1,12}", fullmatch=True))
def test_a_singular_is_no_longer_than_the_word(word: str) -> None:
    assert len(singular(word)) <= len(word) or word in ("yeux",)
