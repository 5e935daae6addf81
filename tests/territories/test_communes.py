# SPDX-License-Identifier: AGPL-3.0-or-later
"""An address's commune is found however it is written, and never guessed between two."""

import pytest
from convergences_node.territories.communes import Communes, communes, postcode_in


@pytest.fixture(scope="module")
def known() -> Communes:
    return communes()


@pytest.mark.parametrize(
    ("postcode", "name", "code"),
    [
        ("93200", "St Denis", "FR-93066"),
        ("93200", "SAINT-DENIS CEDEX 2", "FR-93066"),
        ("97400", "ST DENIS", "FR-97411"),
        ("75011", "Paris 11e", "FR-75056"),
        ("33076", "Bordeaux Cedex", "FR-33063"),
        ("76600", "Havre (Le)", "FR-76351"),
        ("20000", "Ajaccio", "FR-2A004"),
        ("49500", "Segré", "FR-49331"),
        ("33000", "", "FR-33063"),
        ("", "Bordeaux", "FR-33063"),
        ("", "Saint-Denis", None),
        ("23225", "0 Pontarion", "FR-23155"),
        ("", "93200 Saint-Denis", None),
        ("49800", "Andard", None),
        ("", "", None),
        ("99999", "Nulle-Part", None),
    ],
)
def test_a_commune_is_found_by_postcode_and_name(known: Communes, postcode: str, name: str, code: str | None) -> None:
    """Abbreviated, in capitals, with its article behind, with a postcode of large customers; or not at all."""
    assert known.find(postcode, name) == code


def test_a_departement_tells_communes_of_one_name_apart(known: Communes) -> None:
    """There are several Saint-Denis, and one in Seine-Saint-Denis."""
    assert known.find("", "Saint-Denis", "FR-93") == "FR-93066"
    assert known.find("", "Saint-Denis", "FR-200057867") == "FR-93066"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("93066", "FR-93066"),
        ("FR-2a004", "FR-2A004"),
        ("1053", "FR-01053"),
        ("93059", "FR-93066"),
        ("75111", "FR-75056"),
        ("13216", "FR-13055"),
        ("14011", "FR-14581"),
        ("00000", None),
        ("Lyon", None),
    ],
)
def test_a_code_is_that_of_the_commune_of_today(known: Communes, given: str, code: str | None) -> None:
    """Merged communes, arrondissements, and the zero that a spreadsheet drops."""
    assert known.by_code(given) == code


def test_a_point_is_in_the_commune_whose_outline_is_around_it(known: Communes) -> None:
    """Pierrefitte's outline answers with the commune that it is part of now; where no outline is, nothing does."""
    assert known.at([489_296_000, 23_593_000]) == "FR-93066"
    assert known.at([489_611_800, 23_633_600]) == "FR-93066"
    assert known.at([448_000_000, 0]) is None


def test_a_departement_is_around_a_point_in_france(known: Communes) -> None:
    """The mainland and Corsica; not the sea, not Belgium, not overseas, of which there are no outlines."""
    points = {
        "FR-26": (44.9334, 4.8924),  # Valence, on the left bank of the Rhône
        "FR-07": (44.9340, 4.8700),  # and Guilherand-Granges, across it
        "FR-82": (44.1060, 0.8920),
        "FR-2B": (42.3060, 9.1490),
        "FR-75": (48.8566, 2.3522),
    }
    for code, (latitude, longitude) in points.items():
        assert known.departement_at([round(latitude * 1e7), round(longitude * 1e7)]) == code
    for latitude, longitude in ((46.0, -4.0), (50.8466, 4.3528), (-20.8789, 55.4481)):
        assert known.departement_at([round(latitude * 1e7), round(longitude * 1e7)]) is None


def test_a_commune_is_found_in_two_surroundings(known: Communes) -> None:
    assert known.find("", "Valence") is None
    assert known.find("", "Valence", "", "FR-26") == "FR-26362"
    assert known.find("", "Valence", "FR-200068781", "FR-26") == known.find("", "Valence", "FR-200068781")
    assert known.find("", "Valence", "FR-82", "FR-26") is None


def test_the_postcode_of_an_address_is_the_last_one() -> None:
    """A street's number may have five digits too."""
    assert postcode_in("12345 route du Bois - 33000 Bordeaux") == "33000"
    assert postcode_in("8 rue de la Boétie") is None


def test_communes_are_read_once_while_somebody_holds_them(known: Communes) -> None:
    """And by nobody else's hand: a node at rest has no use for them."""
    assert communes() is known
