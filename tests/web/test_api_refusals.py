# SPDX-License-Identifier: AGPL-3.0-or-later
"""What cannot be answered is refused in words, and nonsense is never a fault of ours."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient
from convergences_node.web.problems import PROBLEMS
from convergences_node.web.routes import ROUTES

from .small_town import SmallTown

NAUGHTY = Path(__file__).parents[3] / "shared" / "data" / "conformance" / "blns" / "blns.json"


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
