# SPDX-License-Identifier: AGPL-3.0-or-later
"""GoGoCarto, Transiscope and the Semantic Bus read a node as one of their own maps, and lose nothing by it.

The shapes were read from their generator, their importer and their map. What their importer does with a list (take the
name and place under any of its names, drop what has no name, delete what is missing) is played here.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import rdflib
from aiohttp.test_utils import TestClient
from convergences_node.web.surfaces.gogocarto import number_of
from convergences_node.web.surfaces.gogocarto_question import box_of
from convergences_node.web.surfaces.gogocarto_taxonomy import flat, tree
from convergences_node.web.town_door import TownStatus

from .reading_back import LINKED, PAIR, take
from .small_town import MEAN_NAME, START, SmallTown, asking, small_town

PLACED = 47
"""46 places and the workshop have a point of their own."""


async def ask(client: TestClient, path: str) -> Any:
    return json.loads(await take(client, path))


def imported(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What their importer takes from a list, by id; it would delete what is not in it."""
    rows = next(document[key] for key in ("data", "elements", "features") if key in document)
    assert isinstance(rows, list)
    taken = {}
    for row in rows:
        if "geometry" in row:
            lon, lat = row["geometry"]["coordinates"]
            row = {**row["properties"], "latitude": lat, "longitude": lon}
        name = row.get("name") or row.get("title") or row.get("nom")
        lat = row.get("latitude") or row.get("lat") or row["geo"]["latitude"]
        lon = row.get("longitude") or row.get("lng") or row["geo"]["longitude"]
        assert isinstance(lat, float)
        assert isinstance(lon, float)
        if name:
            taken[row["id"]] = {"name": name, "at": (lat, lon), "categories": row["categories"]}
    assert len(taken) == len(rows), "each has a name and an id of its own"
    return taken


# ------------------------------------------------------------------------------------------------------------ elements
async def test_the_full_list_has_the_shape_that_their_importer_recognises(client: TestClient, town: SmallTown) -> None:
    found = await ask(client, "/api/elements.json")
    assert list(found) == ["licence", "ontology", "data"]
    assert (found["licence"], found["ontology"]) == (
        "https://opendatacommons.org/licenses/odbl/",
        "gogofull",
    )
    assert len(imported(found)) == PLACED
    workshop = next(each for each in found["data"] if each["name"] == "Réparer son vélo")
    assert workshop["geo"] == {"latitude": 48.9361, "longitude": 2.3541}
    assert workshop["sourceKey"] == "Saint-Denis"
    assert workshop["address"] == {"addressLocality": "Saint-Denis", "addressCountry": "FR"}
    assert workshop["categories"] == ["Vélo"]
    (category,) = workshop["categoriesFull"]
    assert category == {"id": number_of(town.elements["Vélo"]), "name": "Vélo", "description": "", "index": 0}
    assert (workshop["images"], workshop["files"], workshop["stamps"]) == ([], [], [])
    assert workshop["startDate"] == "2026-11-24T18:00:00+01:00"
    for name in ("createdAt", "updatedAt"):
        assert datetime.fromisoformat(workshop[name]).tzinfo is not None
    hall = next(each for each in found["data"] if each["name"] == "Maison des associations")
    assert (hall["status"], hall["website"]) == (7, "https://maison.example/")
    assert (workshop["status"], hall["address"]["streetAddress"]) == (3, "1 rue des Lilas")


async def test_an_address_is_not_given_away(client: TestClient, town: SmallTown) -> None:
    await town.add("actor", "Avec courriel", type="other", email="secret@velo.example", location=[489360000, 23540000])
    await town.index.catch_up()
    body = await take(client, "/api/elements")
    assert b"secret@" not in body
    (found,) = [each for each in json.loads(body)["data"] if each["name"] == "Avec courriel"]
    assert found["email"] == "private"


async def test_the_compact_list_is_what_its_mapping_says(client: TestClient, town: SmallTown) -> None:
    found = await ask(client, "/api/elements?ontology=gogocompact")
    assert found["ontology"] == "gogocompact"
    assert found["mapping"] == ["id", ["name"], "latitude", "longitude", "status", "moderationState"]
    assert len(found["data"]) == PLACED
    (workshop,) = [each for each in found["data"] if each[1] == ["Réparer son vélo"]]
    assert workshop == [
        town.elements["Réparer son vélo"], ["Réparer son vélo"], 48.9361, 2.3541,
        [number_of(town.elements["Vélo"])], 3, 0,
    ]  # fmt: skip


async def test_the_list_for_keeping_in_step_is_ids_and_no_dates(client: TestClient) -> None:
    """With a date in the past beside the id, SemApps' importer would never look at a change."""
    found = await ask(client, "/api/elements?ontology=gogosync")
    assert found["ontology"] == "gogosync"
    assert all(list(each) == ["id"] for each in found["data"])
    everything = await ask(client, "/api/elements")
    assert [each["id"] for each in found["data"]] == [each["id"] for each in everything["data"]]


@pytest.mark.parametrize("suffix", ["", ".json", ".geojson", ".jsonld"])
async def test_every_form_has_the_same_elements(client: TestClient, suffix: str) -> None:
    body = await take(client, f"/api/elements{suffix}")
    if suffix == ".jsonld":
        graph = rdflib.Graph().parse(data=body, format="json-ld")
        assert len(set(graph.subjects(PAIR.identifier))) == PLACED
        return
    found = json.loads(body)
    assert len(imported(found)) == PLACED
    if suffix == ".geojson":
        assert found["type"] == "FeatureCollection"
        assert all(
            each["geometry"]["type"] == "Point" and "geo" not in each["properties"] for each in found["features"]
        )


async def test_one_element_is_an_object(client: TestClient, town: SmallTown) -> None:
    listed = {each["id"]: each for each in (await ask(client, "/api/elements"))["data"]}
    for suffix in ("", ".json"):
        one = await ask(client, f"/api/elements/{town.elements['Réparer son vélo']}{suffix}")
        assert one["data"] == listed[town.elements["Réparer son vélo"]]
    for name in ("Chœur des Joncherolles", "withdrawn", "Vélo"):
        assert (await client.get(f"/api/elements/{town.elements[name]}")).status == 404, "not on the map"


async def test_a_search_is_on_the_map_too(client: TestClient) -> None:
    found = await ask(client, "/api/elements/search?text=velos")
    assert [each["name"] for each in found["data"]] == ["Réparer son vélo"]
    assert (await ask(client, "/api/elements/search?text="))["data"] == []
    assert (await client.get("/api/elements/search", params={"text": "x" * 300})).status == 400


# ------------------------------------------------------------------------------------------------------------- filters
async def test_a_map_asks_by_its_corners(client: TestClient) -> None:
    """As their map does: several boxes, a last semicolon, everything else empty."""
    near = "2.3535,48.9355,2.3545,48.9365"
    (hall, workshop) = sorted(imported(await ask(client, f"/api/elements?bounds={near}")).values(), key=str)
    assert {hall["name"], workshop["name"]} == {"Maison des associations", "Réparer son vélo"}
    path = f"/api/elements?bounds={near};2,48,3,49;&boundsJson=[]&categories=&fullRepresentation=true&ontology=gogofull"
    assert len(imported(await ask(client, path))) == PLACED
    assert (await ask(client, "/api/elements?bounds=0,0,1,1"))["data"] == []
    assert len((await ask(client, "/api/elements?bounds=2,48,3,49&limit=5"))["data"]) == 5


@pytest.mark.parametrize(
    "bounds", ["1,2,3", "a,b,c,d", "2,49,3,48", "nan,48,3,49", "2,48,inf,49", ";".join(["1,1,2,2"] * 9)]
)
async def test_bounds_that_are_none_are_refused(client: TestClient, bounds: str) -> None:
    answer = await client.get("/api/elements", params={"bounds": bounds})
    assert (answer.status, (await answer.json())["code"]) == (400, "query-refused")


def test_a_map_that_was_turned_around_the_world_is_brought_back() -> None:
    assert box_of(-200, 0, 200, 1).west == -1_800_000_000
    assert box_of(362.0, 48, 363.0, 49) == box_of(2.0, 48, 3.0, 49)
    assert box_of(170, 0, 190, 1).east == -1_700_000_000


async def test_categories_are_asked_by_number_with_those_below(client: TestClient, town: SmallTown) -> None:
    await town.add("place", "Kiosque", type="other", themes=[town.elements["Musique"]], location=[489360000, 23540000])
    await town.index.catch_up()
    culture, bikes = (number_of(town.elements[name]) for name in ("Culture", "Vélo"))
    for asked, names in (
        (f"categories={culture}", {"Kiosque"}),
        (f"categories={culture},{bikes}", {"Kiosque", "Réparer son vélo"}),
        (f"categories%5B%5D={bikes}", {"Réparer son vélo"}),
        (f"mainOptionId={bikes}", {"Réparer son vélo"}),
        ("categories=12345", set()),
    ):
        found = imported(await ask(client, f"/api/elements?{asked}"))
        assert {each["name"] for each in found.values()} == names
    assert len(imported(await ask(client, "/api/elements?mainOptionId=all"))) == PLACED + 1


async def test_what_came_from_elsewhere_can_be_left_out_and_a_town_be_asked_alone(client: TestClient) -> None:
    """So that two maps that read each other do not go round in circles."""
    names = {each["name"] for each in imported(await ask(client, "/api/elements?excludeExternal=1")).values()}
    assert "Maison des associations" not in names
    assert len(names) == PLACED - 1
    assert len(imported(await ask(client, "/api/elements?territory=FR-93066"))) == PLACED
    assert (await ask(client, "/api/elements?territory=FR-93001"))["data"] == []
    assert (await ask(client, "/api/elements?stampsIds=3"))["data"] == []


@pytest.mark.parametrize(
    "asked", ["ontology=other", "unknown=1", "excludeExternal=x", "limit=0", "limit=x", "categories=a", "territory=x"]
)
async def test_a_question_that_is_not_understood_is_refused(client: TestClient, asked: str) -> None:
    assert (await client.get(f"/api/elements?{asked}")).status == 400


# ---------------------------------------------------------------------------------------------------------- all or 503
async def test_an_importer_is_never_given_an_empty_or_partial_list(client: TestClient, town: SmallTown) -> None:
    town.state = TownStatus(True, "doubt", True, START, doubt="guard_ahead")
    for path in ("/api/elements", "/api/elements?ontology=gogosync", "/api/elements?bounds=0,0,1,1"):
        answer = await client.get(path)
        assert (answer.status, "Retry-After" in answer.headers) == (503, True), path


async def test_a_node_with_nothing_on_the_map_says_so(tmp_path: Path) -> None:
    """`{"data":[]}` runs to the end of their importer and deletes every element of the source."""
    async with small_town(tmp_path / "node", records=False) as town, asking(town) as client:
        for path in ("/api/elements", "/api/elements?ontology=gogosync", "/api/elements.geojson"):
            answer = await client.get(path)
            assert (answer.status, (await answer.json())["code"]) == (503, "list-empty")
        assert (await ask(client, "/api/elements?bounds=2,48,3,49"))["data"] == []


async def test_what_is_hostile_or_has_no_name_is_harmless(client: TestClient, town: SmallTown) -> None:
    await town.add("actor", MEAN_NAME, type="other", location=[489360000, 23540000], description="</script> x")
    await town.add("actor", "\u200b", type="other", location=[900000000, -1800000000])
    await town.index.catch_up()
    found = imported(await ask(client, "/api/elements"))
    assert MEAN_NAME in {each["name"] for each in found.values()}


# ------------------------------------------------------------------------------------------------------------ taxonomy
async def test_the_taxonomy_is_a_tree_of_options(client: TestClient, town: SmallTown) -> None:
    for path in ("/api/taxonomy", "/api/taxonomy.json"):
        found = await ask(client, path)
        top = {each["name"]: each for each in found["options"]}
        assert set(top) == {"Culture", "Vélo"}
        assert [each["name"] for each in top["Culture"]["suboptions"]] == ["Musique"]
    one = await ask(client, f"/api/taxonomy/{number_of(town.elements['Culture'])}")
    assert one == top["Culture"]
    mapping = await ask(client, "/api/taxonomy-mapping")
    assert mapping[str(number_of(town.elements["Musique"]))] == "Musique"
    assert (await client.get("/api/taxonomy/12345")).status == 404


async def test_an_option_has_the_keys_of_their_documentation(client: TestClient) -> None:
    path = LINKED / "gogocarto" / "docs" / "taxonomy-option-configuration.md"
    if not path.exists():
        pytest.skip("their documentation is not beside the repository: nothing was proved about its keys")
    documented = set(re.findall(r'^  "(\w+)":', path.read_text("utf-8").split("```")[1], re.MULTILINE))
    (option, *_) = (await ask(client, "/api/taxonomy"))["options"]
    assert documented - set(option) <= {"icon", "color", "softColor"}


def test_rings_and_deep_trees_of_themes_end() -> None:
    themes: dict[str, dict[str, str]] = {"a": {"name": "a", "broader": "b"}, "b": {"name": "b", "broader": "a"}}
    themes |= {
        "c": {"name": "c", "broader": "a"},
        "d": {"name": "d", "broader": "d"},
        "e": {"name": "e", "broader": "x"},
    }
    themes |= {f"n{number}": {"name": "n", "broader": f"n{number - 1}"} for number in range(60)}
    assert sorted(option["name"] for option in flat(tree(themes))) == sorted(each["name"] for each in themes.values())
    assert 0 < number_of("a") < 2**53
