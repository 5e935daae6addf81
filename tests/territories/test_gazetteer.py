# SPDX-License-Identifier: AGPL-3.0-or-later
"""The gazetteer answers from a code, a name or a point, and its records pass the strict door."""

import pytest
from convergences_node.territories import UnknownTerritory, find, search
from convergences_protocol.kinds import KINDS, check


def test_a_commune_is_found_by_its_code_with_its_parents() -> None:
    """A town is founded from its INSEE code alone."""
    facts = find("93066")
    assert (facts.code, facts.name, facts.type) == ("FR-93066", "Saint-Denis", "commune")
    assert facts.within == ("FR-200057867", "FR-200054781", "FR-93", "FR-R11")
    assert "93200" in facts.postcodes
    assert facts.population and facts.population > 100_000
    assert find("FR-93066") == find(" fr-93066 ") == facts


def test_an_agglomeration_is_found_by_its_siren() -> None:
    """Plaine Commune lies in the Métropole du Grand Paris."""
    facts = find("200057867")
    assert (facts.name, facts.type) == ("Plaine Commune", "ept")
    assert facts.within == ("FR-200054781", "FR-93", "FR-R11")


@pytest.mark.parametrize(
    ("code", "name", "type"),
    [
        ("93", "Seine-Saint-Denis", "departement"),
        ("2A", "Corse-du-Sud", "departement"),
        ("R11", "Île-de-France", "region"),
    ],
)
def test_larger_territories_have_codes_too(code: str, name: str, type: str) -> None:
    """Towns, agglomerations, départements and régions nest."""
    assert (find(code).name, find(code).type) == (name, type)


def test_a_merged_commune_names_its_successor() -> None:
    """Searches for either name must find both: the old code is known, and says what came after."""
    facts = find("93059")
    assert (facts.name, facts.successor, facts.ended) == ("Pierrefitte-sur-Seine", "FR-93066", "2025-01-01")
    assert "FR-93059" in find("93066").former_codes
    assert "Pierrefitte-sur-Seine" in find("93066").former_names


def test_an_unknown_code_is_refused_with_a_next_step() -> None:
    """Refused, and a former code is told its commune of today."""
    with pytest.raises(UnknownTerritory) as unknown:
        find("75059")
    assert unknown.value.hint == "75059 is now part of Saint-Denis: FR-93066"
    for code in ("", "FR-", "99999", "x" * 1000, "93066\n93066", '"'):
        with pytest.raises(UnknownTerritory):
            find(code)


def test_a_person_finds_a_town_by_how_it_sounds() -> None:
    """Accents, hyphens and capitals do not matter; the exact name comes first, then the most peopled."""
    assert search("epinay sur seine")[0].code == "FR-93031"
    assert search("L’île-saint-denis")[0].code == "FR-93039"
    assert search("93380")[0].code == "FR-93066"
    assert search("plaine commune")[0].code == "FR-200057867"
    assert search("valence", limit=3)[0].code == "FR-26362"
    assert search("") == search("zzzz") == []


@pytest.mark.parametrize("code", ["93066", "93059", "200057867", "200068781", "93", "R11", "26362", "97411", "98818"])
def test_facts_are_a_record_of_a_territory(code: str) -> None:
    """What the gazetteer says goes into the log as it is."""
    assert check(KINDS["territory"], find(code).fields()) == []


def test_every_commune_has_a_name_and_a_known_departement() -> None:
    """The tables hold together: 34,969 communes of the 2026 edition."""
    from convergences_node.territories.gazetteer import _rows

    departements = {row["code"] for row in _rows("departements.csv", "")}
    rows = list(_rows("communes.csv", ""))
    assert len(rows) == 34_969
    assert all(row["name"] for row in rows)
    overseas = {"975", "977", "978", "984", "986", "987", "988", "989"}
    assert {row["departement"] for row in rows} <= departements | overseas
