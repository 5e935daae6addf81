# SPDX-License-Identifier: AGPL-3.0-or-later
"""The API's promises: what is described is what answers, answers can be kept and asked about, pages do not slip."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from convergences_node.archive.model import NewRecord
from convergences_node.web.app import make_app
from convergences_node.web.openapi import describe
from convergences_node.web.problems import PROBLEMS
from convergences_node.web.routes import ROUTES
from convergences_node.web.town_door import PeerSeen, TownStatus
from convergences_protocol.codes import is_territory
from convergences_protocol.kinds import KINDS
from convergences_protocol.receipt import read_receipt, verify_receipt
from convergences_protocol.replication import frames, messages
from convergences_protocol.replication.limits import DIGESTS_ASKED
from openapi_spec_validator import OpenAPIV31SpecValidator

from .small_town import KEY, START, WITNESS, WITNESS_ORIGIN, SmallTown, asking, small_town

NAUGHTY = Path(__file__).parents[3] / "shared" / "data" / "conformance" / "blns" / "blns.json"


async def ask(client: TestClient, path: str, **params: Any) -> Any:
    """A JSON answer."""
    answer = await client.get(path, params=params)
    assert answer.status == 200, await answer.text()
    return await answer.json()


# -------------------------------------------------------------------------------------------------- what is described
def test_the_description_is_valid_openapi_3_1() -> None:
    document = json.loads(json.dumps(describe(ROUTES)))
    OpenAPIV31SpecValidator(document).validate()


def test_every_route_is_described_and_nothing_else(town: SmallTown) -> None:
    described = {(path, method) for path, item in describe(ROUTES)["paths"].items() for method in item}  # type: ignore[attr-defined]
    served = {
        (resource.canonical, route.method.lower())
        for resource in make_app(town).router.resources()
        for route in resource
        if route.method != "HEAD"
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


# ------------------------------------------------------------------------------------------------------------ answers
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


# ------------------------------------------------------------------------------------------------ keeping and asking
CONDITIONAL = [
    "/",
    "/api/v1/search?q=velo",
    "/api/v1/facets",
    "/api/v1/logs",
    "/api/v1/openapi.json",
    "/problems/not-found",
]


@pytest.mark.parametrize("path", CONDITIONAL)
async def test_an_answer_that_is_held_is_not_sent_again(client: TestClient, path: str) -> None:
    first = await client.get(path)
    tag = first.headers["ETag"]
    assert tag.startswith('"')
    again = await client.get(path, headers={"If-None-Match": f'"other", W/{tag}'})
    assert (again.status, await again.read(), again.headers["ETag"]) == (304, b"", tag)
    other = await client.get(path, headers={"If-None-Match": '"other"'})
    assert (other.status, await other.read()) == (200, await first.read())


async def test_a_change_changes_the_tag(client: TestClient, town: SmallTown) -> None:
    before = (await client.get("/api/v1/search?q=velo")).headers["ETag"]
    await town.archive.append([NewRecord("actor", {"name": "Vélo-école", "type": "association"})])
    await town.index.catch_up()
    assert (await client.get("/api/v1/search?q=velo", headers={"If-None-Match": before})).status == 200


async def test_a_compressed_answer_is_another_representation(client: TestClient) -> None:
    plain = await client.get("/", headers={"Accept-Encoding": "identity"})
    packed = await client.get("/", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert await packed.read() == await plain.read()
    assert "Accept-Encoding" in plain.headers["Vary"]


async def test_head_answers_as_get_without_the_bytes(client: TestClient) -> None:
    for path in ["/", "/api/v1/search", "/healthz"]:
        head, get = await client.head(path), await client.get(path)
        assert head.status == get.status
        assert head.headers.get("ETag") == get.headers.get("ETag")
        assert await head.read() == b""


@pytest.mark.parametrize("sort", ["newest", "name", "date"])
async def test_pages_neither_repeat_nor_skip_while_the_town_writes(
    client: TestClient, town: SmallTown, sort: str
) -> None:
    """A school is added and another is withdrawn between two pages."""
    wanted = {f"École {number:02}" for number in range(45)}
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await ask(
            client, "/api/v1/search", kind="place", **{"facet.type": "school"}, sort=sort, limit="7", **cursor
        )
        seen += [item["name"] for item in answer["items"]]
        if answer["cursor"] is None:
            break
        cursor = {"cursor": answer["cursor"]}
        await town.archive.append([NewRecord("place", {"name": f"Nouvelle {len(seen)}", "type": "school"})])
        await town.index.catch_up()
    assert len(seen) == len(set(seen))
    assert wanted <= set(seen)


async def test_a_page_of_results_leads_to_the_next_by_its_link(client: TestClient) -> None:
    """The same, as a person does it: follow the link of the page until there is none."""
    import html
    import re

    path, titles = "/?kind=place&facet.type=school", []
    for _ in range(5):
        text = await (await client.get(path)).text()
        titles += re.findall(r"École \d\d", text)
        following = re.search(r'rel="next" href="([^"]+)"', text)
        if following is None:
            break
        path = html.unescape(following[1])
    assert sorted(titles) == [f"École {number:02}" for number in range(45)]


async def test_a_cursor_belongs_to_one_question(client: TestClient) -> None:
    cursor = (await ask(client, "/api/v1/search", kind="place", limit="5"))["cursor"]
    for params in ({"kind": "actor", "cursor": cursor}, {"cursor": "n’importe quoi"}):
        answer = await client.get("/api/v1/search", params=params)
        assert (answer.status, (await answer.json())["code"]) == (400, "cursor-refused")


# ------------------------------------------------------------------------------------------------------------ refusals
@pytest.mark.parametrize(
    ("language", "title"), [("fr", "La question a été refusée"), ("en", "The question was refused")]
)
async def test_a_refusal_is_a_problem_document_in_the_reader_s_language(
    client: TestClient, language: str, title: str
) -> None:
    """RFC 9457; every fault is listed, not only the first."""
    answer = await client.get("/api/v1/search?from=hier&limit=1000&box=1,2", headers={"Accept-Language": language})
    assert answer.status == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Content-Language"] == language
    problem = await answer.json()
    assert problem["title"] == title
    assert problem["type"] == "/problems/query-refused"
    assert {each["path"] for each in problem["faults"]} == {"from", "limit", "box"}
    assert (await client.get(problem["type"])).status == 200


@pytest.mark.parametrize("key", sorted(PROBLEMS))
@pytest.mark.parametrize("language", ["fr", "en"])
async def test_every_problem_is_explained(client: TestClient, key: str, language: str) -> None:
    answer = await client.get(f"/problems/{key}?lang={language}")
    assert answer.status == 200
    assert f'<html lang="{language}">' in await answer.text()


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/v1/nothing", "not-found"),
        ("/api/v1/elements/FR-93066:0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b", "element-unknown"),
        ("/api/v1/elements/FR-93066:0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b/receipt", "element-unknown"),
        ("/api/v1/elements/..%2F..%2Fetc", "element-unknown"),
        ("/api/v1/elements/%00", "element-unknown"),
        ("/log/FR-93066/ffffffffffffffff/checkpoint", "log-unknown"),
        ("/log/x/y/checkpoint", "log-unknown"),
        ("/log/FR-93066/0000000000000001/tile/0/999", "tile-absent"),
        ("/static/../app.py", "not-found"),
        ("/static/style.css", "not-found"),
    ],
)
async def test_what_is_not_there_is_said(client: TestClient, path: str, code: str) -> None:
    answer = await client.get(path, headers={"Accept": "application/json"})
    assert answer.status == 404
    if answer.headers["Content-Type"] == "application/problem+json":
        assert (await answer.json())["code"] == code


async def test_reading_is_all_that_can_be_done(client: TestClient, town: SmallTown) -> None:
    values = {"id": town.elements["changed"], "key": "internal", "territory": "FR-93066", "epoch": "0" * 16}
    values |= {
        "bundle": "000",
        "digest": "0" * 64,
        "level": "0",
        "tile": "000",
        "number": "1",
        "container": "actors",
        "kind": "actor",
        "code": "93066",
    }
    for route in ROUTES:
        path = re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], "x"), route.path)
        methods = {each.method for each in ROUTES if each.path == route.path}
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            if method not in methods:
                answer = await client.request(method, path)
                assert answer.status == 405, (method, path)
                assert route.method in answer.headers["Allow"]


async def test_a_question_too_long_or_doubled_is_refused(client: TestClient) -> None:
    for query, code in [
        ("q=" + "x" * 3000, "query-too-long"),
        ("q=" + "x" * 300, "query-refused"),
        ("q=a&q=b", "query-refused"),
        ("colour=red", "query-refused"),
        ("q=a%00b", "query-refused"),
        ("limit=99999999999999999999", "query-refused"),
        ("circle=48.9,2.3,0", "query-refused"),
        ("related=" + "FR-93066:" + "0" * 36, "query-refused"),
    ]:
        answer = await client.get(f"/api/v1/search?{query}")
        assert (answer.status, (await answer.json())["code"]) == (400, code), query
        page = await client.get(f"/?{query}")
        assert page.status == 400
        assert "<h1>" in await page.text()


@pytest.mark.skipif(not NAUGHTY.exists(), reason=f"no naughty strings at {NAUGHTY}")
async def test_naughty_questions_are_answered_or_refused_never_a_fault_of_ours(client: TestClient) -> None:
    """The Big List of Naughty Strings as a question, as a filter, and as an element."""
    for text in json.loads(NAUGHTY.read_text("utf-8")):
        for path, params in (
            ("/api/v1/search", {"q": text}),
            ("/", {"q": text}),
            ("/api/v1/search", {"kind": text, "territory": text, "from": text, "cursor": text}),
            ("/api/v1/facets", {"facet.type": text}),
        ):
            try:
                answer = await client.get(path, params=params)
            except UnicodeEncodeError:
                continue  # a lone surrogate cannot be written in an address at all
            assert answer.status in (200, 400), (path, params)
            if path == "/":
                assert "<script" not in (await answer.text()).lower()


async def test_broken_utf_8_in_an_address_is_survived(client: TestClient) -> None:
    from yarl import URL

    for raw in ("q=%ff%fe", "q=%C3%28", "q=%", "q=%zz", "%00=1", "q=" + "%F0%9F" * 20):
        answer = await client.get(URL(f"/api/v1/search?{raw}", encoded=True))
        assert answer.status in (200, 400), raw


# -------------------------------------------------------------------------------------------------------------- bounds
async def test_every_answer_is_protected(client: TestClient) -> None:
    for path in ("/", "/api/v1/search", "/nulle-part", "/healthz", "/api/v1/search?x=1", "/e/FR-1"):
        headers = (await client.get(path)).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; ")
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "aiohttp" not in headers["Server"].lower()
    assert (await client.get("/api/v1/search")).headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Origin" not in (await client.get("/")).headers


async def test_a_client_in_a_hurry_is_told_when_to_come_back(tmp_path: Path) -> None:
    now = [0.0]
    async with (
        small_town(tmp_path, records=False, requests_per_second=1.0, requests_burst=3) as town,
        asking(town, clock=lambda: now[0]) as client,
    ):
        assert [(await client.get("/healthz")).status for _ in range(4)] == [200, 200, 200, 429]
        refused = await client.get("/healthz")
        assert refused.headers["Retry-After"] == "1"
        assert (await refused.json())["code"] == "too-many-requests"
        now[0] = 1.0
        assert (await client.get("/healthz")).status == 200


async def test_an_answer_that_takes_too_long_is_given_up(
    client: TestClient, town: SmallTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    async def never(query: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(town.index, "search_json", never)
    for route in ROUTES:
        if route.path == "/api/v1/search":
            object.__setattr__(route, "seconds_max", 0.05)
    try:
        answer = await client.get("/api/v1/search")
    finally:
        for route in ROUTES:
            if route.path == "/api/v1/search":
                object.__setattr__(route, "seconds_max", 10.0)
    assert (answer.status, (await answer.json())["code"]) == (503, "too-slow")


async def test_a_mistake_of_ours_shows_nothing_of_our_inside(
    client: TestClient, town: SmallTown, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(query: object) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(town.index, "search_json", broken)
    answer = await client.get("/api/v1/search")
    assert (answer.status, (await answer.json())["code"]) == (500, "internal")
    assert "secret inside" not in await answer.text()
    assert "secret inside" in caplog.text


async def test_a_node_that_starts_says_so_rather_than_answer_in_part(client: TestClient, town: SmallTown) -> None:
    town.state = TownStatus(False, "rebuilding", True, START)
    for path in ("/", "/api/v1/search", f"/api/v1/elements/{town.elements['changed']}"):
        answer = await client.get(path)
        assert answer.status == 503
        assert answer.headers["Retry-After"]
    assert (await client.get("/healthz")).status == 503
    log = (await ask(client, "/api/v1/logs"))["logs"][0]
    assert (await client.get(f"{log['address']}/checkpoint")).status == 200


# -------------------------------------------------------------------------------------------------------------- health
async def test_health_and_metrics_say_how_the_node_is(client: TestClient, town: SmallTown) -> None:
    await town.cosign()
    town.state = TownStatus(True, "doubt", False, START, "backup-older", (("bytes_received", 12.0),))
    health = await ask(client, "/healthz")
    assert (health["status"], health["doubt"], health["clock_plausible"]) == ("doubt", "backup-older", False)
    await client.get("/api/v1/search")
    answer = await client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    text = await answer.text()
    assert text.endswith("# EOF\n")
    assert text.count("# EOF") == 1
    assert "convergences_doubt 1.0" in text
    assert "convergences_bytes_received 12.0" in text
    assert 'convergences_http_answers_total{route="search_list",status="2xx"} 1.0' in text
    assert 'convergences_log_entries{origin="convergences/FR-93066/0000000000000001"}' in text


async def test_the_metrics_are_openmetrics(client: TestClient, town: SmallTown) -> None:
    """Even if the town counts something that is said already."""
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    town.state = TownStatus(True, "well", True, START, None, (("peers_connected", 3.0), ("batches_refused", 0.0)))
    text = await (await client.get("/metrics")).text()
    names = {family.name for family in text_string_to_metric_families(text)}  # type: ignore[no-untyped-call]
    assert {"convergences_ready", "convergences_log_entries", "convergences_batches_refused"} <= names
    families = [line for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(families) == len(set(families))


# ------------------------------------------------------------------------------------------------------ documentation
def test_the_api_page_is_what_the_routes_make_it() -> None:
    import runpy

    root = Path(__file__).parents[2]
    for path, text in runpy.run_path(str(root / "docs" / "make_api.py"))["files"]().items():
        assert path.read_text("utf-8") == text, f"{path.name}: run docs/make_api.py"
        assert all(f"`{route.method} {route.path}`" in text for route in ROUTES)
