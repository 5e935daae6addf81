# SPDX-License-Identifier: AGPL-3.0-or-later
"""Real pairs, labelled by hand: what is proposed is mostly right, and most of what is right is proposed."""

import pytest
from convergences_node.same.facts import Facts, facts_of
from convergences_node.same.finding import proposals
from convergences_node.same.scoring import NOTHING, WEIGHTS, score
from convergences_node.same.spool import Spool

from . import measuring

PRECISION_MIN = 0.90
RECALL_MIN = 0.80
"""Measured: 0.955 and 0.851 (docs/same.md)."""


def test_precision_and_recall_are_what_the_documentation_says() -> None:
    """At the default threshold; the margin is for a new label, not for a worse rule."""
    found = measuring.measure(measuring.pairs())
    print(f"precision {found.precision:.3f}, recall {found.recall:.3f}")
    assert found.precision >= PRECISION_MIN
    assert found.recall >= RECALL_MIN


def test_there_are_enough_pairs_of_every_sort() -> None:
    """Easy and hard negatives, and positives: one number over too few of them would mean little."""
    some = measuring.pairs()
    assert sum(pair.label == "same" for pair in some) >= 120
    for found in ("same address", "same name, other commune", "same commune"):
        assert sum(pair.label == "other" and pair.found == found for pair in some) >= 20


def test_the_order_of_two_elements_does_not_matter() -> None:
    for pair in measuring.pairs():
        assert score(pair.one, pair.other).points == score(pair.other, pair.one).points


def test_blocks_lose_next_to_nothing_of_what_the_points_would_find() -> None:
    """Whatever is far enough from each other never to be compared is not what people call one."""
    known = [pair for pair in measuring.pairs() if pair.label == "same" and pair.points >= 65]
    with Spool() as spool:
        spool.add(measuring.rows().values())
        found = {
            frozenset((each.one.id, each.other.id))
            for each in proposals(spool, 50, lambda one, other: False, lambda done: None)
        }
    kept = sum(frozenset((pair.one.id, pair.other.id)) in found for pair in known)
    assert kept >= 0.98 * len(known)


def facts(name: str, element: str = "a", **more: object) -> Facts:
    return facts_of(f"FR-93066:{element}", "actor", "log/0", {"name": name, "town": "FR-93066", **more})


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("Association Mains d'Œuvres", "MAINS D'OEUVRES", True),
        ("Centre communal d'action sociale", "C.C.A.S.", False),
        ("Médiathèque Nord", "Médiathèque Sud", False),
        ("Lycée Jean Jaurès", "Lycée professionnel Jean Jaurès", False),
        ("CIAS des Vallées", "Centre Intercommunal d'Action Sociale des Vallées", True),
        ("École primaire publique Pasteur", "École primaire privée Pasteur", False),
        ("Aide (Paris)", "Aide (Lyon)", False),
    ],
)
def test_names_are_compared_as_people_read_them(one: str, other: str, alike: bool) -> None:
    points = score(facts(one), facts(other, "b")).points
    assert (points >= WEIGHTS["name"]) == alike


def test_nothing_makes_a_pair_without_a_name() -> None:
    """Two associations at one address, with one telephone and one site, are two."""
    same = {"address": "4 rue de la Paix", "phone": "01 48 20 00 00", "website": "https://maison.example/"}
    assert score(facts("Échecs", **same), facts("Couture", "b", **same)) == NOTHING


def test_the_points_are_the_sum_of_their_reasons() -> None:
    said = score(facts("Le 6b", address="6 quai de Seine"), facts("6b", "b", address="6, Quai de Seine 93200"))
    assert said.points == sum(reason.points for reason in said.reasons)
    assert [reason.name for reason in said.reasons] == ["name", "same_town", "address"]


def test_what_names_no_town_is_in_the_same_commune_as_nothing() -> None:
    """An agglomeration's things are in any of its communes: that two of them name none says neither for nor against
    them, but they are still looked at together, and so is what the town itself says."""
    named, without = facts("Le 6b"), [facts("6b", each, town=None) for each in "bc"]
    for one, other in ((named, without[0]), tuple(without)):
        assert [reason.name for reason in score(one, other).reasons] == ["name"]
        assert score(one, other) == score(other, one)
    with Spool() as spool:
        spool.add([named, *without])
        found = list(proposals(spool, WEIGHTS["name"], lambda one, other: False, lambda done: None))
    assert len(found) == 3
    assert {end.town for each in found for end in (each.one, each.other)} == {"FR-93066"}


def test_a_block_that_is_too_large_is_cut_and_still_finds_its_pairs() -> None:
    """A thousand associations of one commune, two of which are one with a letter less."""
    names = [f"Amis numéro {n} de {chr(97 + n % 26) * 3}{n:03}" for n in range(1000)]
    with Spool() as spool:
        spool.add(facts(name, f"{n:04}") for n, name in enumerate(names))
        spool.add([facts("Quilombo Dionysien", "x"), facts("Quilombo Dionysen", "y")])
        found = list(proposals(spool, 65, lambda one, other: False, lambda done: None))
    assert ("FR-93066:x", "FR-93066:y") in {(each.one.id, each.other.id) for each in found}
