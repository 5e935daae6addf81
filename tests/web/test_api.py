# SPDX-License-Identifier: AGPL-3.0-or-later
"""The API's promises: what is described is what answers, and each answer says what it should."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient
from convergences_node.archive.model import NewRecord
from convergences_node.web.app import make_app
from convergences_node.web.openapi import describe
from convergences_node.web.routes import ROUTES
from convergences_node.web.town_door import PeerSeen
from convergences_protocol.codes import is_territory
from convergences_protocol.kinds import KINDS
from convergences_protocol.receipt import read_receipt, verify_receipt
from convergences_protocol.replication import frames, messages
from convergences_protocol.replication.limits import DIGESTS_ASKED
from openapi_spec_validator import OpenAPIV31SpecValidator

from .asking import ask
from .small_town import KEY, START, WITNESS, WITNESS_ORIGIN, SmallTown


def test_the_description_is_valid_openapi_3_1() -> None:
    document = json.loads(json.dumps(describe(ROUTES)))
    OpenAPIV31SpecValidator(document).validate()


def test_every_route_is_described_and_nothing_else(town: SmallTown) -> None:
    described = {(path, method) for path, item in describe(ROUTES)["paths"].items() for method in item}  # type: ignore[attr-defined]
    served = {
        (resource.canonical, route.method.lower())
        for resource in make_app(town).router.resources()
        for route in resource
        if route.method not in ("HEAD", "OPTIONS")  # a browser's questions about an answer, and none of their own
    }
    assert described == served
    assert described == {(route.path, route.method.lower()) for route in ROUTES}


def test_every_operation_has_a_name_of_its_own_and_words() -> None:
    names = [route.name for route in ROUTES]
    assert len(set(names)) == len(names)
    assert all(route.help for route in ROUTES)


def test_every_facet_that_a_kind_declares_can_be_asked() -> None:
    asked = {parameter.name for route in ROUTES if route.path == "/api/v1/search" for parameter in route.query}
    declared = {field.name for kind in KINDS.values() for field in kind.fields if field.facet}
    assert {f"facet.{name}" for name in declared - {"themes"}} <= asked


@pytest.mark.parametrize(
    "code",
    ["FR-93066", "FR-2A004", "FR-200057867", "FR-93", "FR-2A", "FR-971", "FR-R11", "FR-9", "FR-", "DE-93066", "FR-R1"],
)
def test_the_described_territories_are_those_of_the_protocol(code: str) -> None:
    import re

    from convergences_node.web.parameters import TERRITORY_PATTERN

    assert bool(re.fullmatch(TERRITORY_PATTERN, code)) is is_territory(code)


async def test_search_finds_with_facets_and_says_how_fresh(client: TestClient) -> None:
    answer = await ask(client, "/api/v1/search", q="vélo", kind="actor")
    assert [item["name"] for item in answer["items"]] == ["Atelier vélo du Canal"]
    assert answer["coverage"][0]["territory"] == "FR-93066"
    facets = await ask(client, "/api/v1/facets", q="velos")
    assert {each["value"]: each["count"] for each in facets["counts"]["kind"]}["actor"] == 1


async def test_an_element_has_its_relations_history_and_date(client: TestClient, town: SmallTown) -> None:
    club = town.elements["Atelier vélo du Canal"]
    now = await ask(client, f"/api/v1/elements/{club}")
    assert now["fields"]["name"] == "Atelier vélo du Canal"
    then = await ask(client, f"/api/v1/elements/{club}/relations", at="2022", depth=2)
    assert {each["predicate"] for each in then["relations"]} == {"organises", "partner_of"}
    later = await ask(client, f"/api/v1/elements/{club}/relations", at="2026")
    assert {each["predicate"] for each in later["relations"]} == {"organises"}
    history = await ask(client, f"/api/v1/elements/{town.elements['changed']}/history")
    assert [each["fields"]["name"] for each in history["revisions"]] == ["Ancien nom", "Nouveau nom"]


async def test_a_withdrawn_element_is_gone_and_its_history_stays(client: TestClient, town: SmallTown) -> None:
    gone = town.elements["withdrawn"]
    assert (await client.get(f"/api/v1/elements/{gone}")).status == 410
    history = await ask(client, f"/api/v1/elements/{gone}/history")
    assert [each["state"] for each in history["revisions"]] == ["earlier", "withdrawal"]
    assert (await client.get(f"/e/{gone}")).status == 410


async def test_the_receipt_proves_offline_that_the_record_is_in_the_log(client: TestClient, town: SmallTown) -> None:
    """And names the witness who has seen it."""
    await town.cosign()
    await town.archive.append([NewRecord("theme", {"name": "Plus tard"})])
    answer = await client.get(f"/api/v1/elements/{town.elements['changed']}/receipt")
    assert answer.status == 200
    assert "attachment" in answer.headers["Content-Disposition"]
    proven = verify_receipt(read_receipt(await answer.read()), KEY.public, {WITNESS_ORIGIN: WITNESS.public})
    assert proven.body is not None
    assert b"Nouveau nom" in proven.body
    assert proven.cosigned == {WITNESS_ORIGIN: town.now()}


async def test_what_is_kept_and_who_vouches_for_it(client: TestClient, town: SmallTown) -> None:
    await town.cosign()
    town.seen.append(PeerSeen(b"p" * 32, "FR-93001", ["/ip4/192.0.2.1"], True, START, 0))
    (log,) = (await ask(client, "/api/v1/logs"))["logs"]
    assert log["own"] is True
    assert log["cosigned_at"] == town.now()
    cosigners = {each["cosigner"] for each in (await ask(client, "/api/v1/cosignatures"))["cosignatures"]}
    assert cosigners == {log["origin"], WITNESS_ORIGIN}
    assert (await ask(client, "/api/v1/forks"))["forks"] == []
    (peer,) = (await ask(client, "/api/v1/peers"))["peers"]
    assert peer == {"key": "70" * 32, "territory": "FR-93001", "connected": True, "heard_at": START, "faults": 0}
    territories = (await ask(client, "/api/v1/territories"))["territories"]
    assert [each["name"] for each in territories] == ["Saint-Denis"]


async def test_a_town_joins_with_the_answer_to_its_invitation(client: TestClient) -> None:
    welcome = await client.post("/api/v1/join", data=b"signed answer")
    assert (welcome.status, await welcome.read()) == (200, b"welcome")
    refused = await client.post("/api/v1/join", data=b"something else")
    assert (refused.status, (await refused.json())["code"]) == (403, "join-refused")
    later = await client.post("/api/v1/join", data=b"signed answer, and a full card")
    assert (later.status, later.headers["Retry-After"]) == (503, "60"), "it was not judged: the town asks again"
    large = await client.post("/api/v1/join", data=b"x" * 200_000)
    assert (large.status, (await large.json())["code"]) == (413, "body-too-large")


async def test_another_node_is_answered_what_files_cannot_say(client: TestClient, town: SmallTown) -> None:
    """Bodies by their digests; heads, doubts and fork proofs are passed on; all else is refused with a sentence."""
    (log,) = (await ask(client, "/api/v1/logs"))["logs"]
    (head,) = await town.archive.read(lambda reader: [reader.head(log["origin"])])
    (entry,) = await town.archive.read(lambda reader: reader.entries(log["origin"], 1, 2))
    body = entry.body
    assert head is not None and body is not None
    digests = (sha256(body).digest(), bytes(32))
    asked = await client.post("/api/v1/replicate", data=frames.encode(messages.WantBodies(digests)))
    assert frames.decode(await asked.read()) == messages.Bodies(2, (body,))
    many = messages.WantBodies((bytes(32),) * (DIGESTS_ASKED + 9))
    asked = await client.post("/api/v1/replicate", data=frames.encode(many))
    assert frames.decode(await asked.read()) == messages.Bodies(DIGESTS_ASKED, ()), "the rest is for another question"
    doubt = frames.encode(messages.Doubt(head[1]))
    told = await client.post("/api/v1/replicate", data=doubt)
    assert (told.status, await told.read(), town.heard) == (204, b"", [doubt])
    for data in (b"no message", frames.encode(messages.Stop(1))):
        refused = await client.post("/api/v1/replicate", data=data)
        assert (refused.status, (await refused.json())["code"]) == (400, "message-refused")
    assert (await client.post("/api/v1/replicate", data=b"x" * 200_000)).status == 413


def test_the_api_page_is_what_the_routes_make_it() -> None:
    import runpy

    root = Path(__file__).parents[2]
    for path, text in runpy.run_path(str(root / "docs" / "make_api.py"))["files"]().items():
        assert path.read_text("utf-8") == text, f"{path.name}: run docs/make_api.py"
        assert all(f"`{route.method} {route.path}`" in text for route in ROUTES)
