# SPDX-License-Identifier: AGPL-3.0-or-later
"""The CDDL says what the code does: an independent validator reads the vectors by it.

CDDL cannot say everything; the invalid vectors that it lets through must all be of the kinds that `records.cddl` names
in its first lines. Skipped where no validator is installed (`pip install cddl-verifier`).
"""

import json
from pathlib import Path
from typing import Any

import pytest

cddl_verifier = pytest.importorskip("cddl_verifier", reason="no CDDL validator here: pip install cddl-verifier")

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests" / "vectors" / "records"

BEYOND_CDDL = {
    "unreadable-headers.json": {
        *("tag-long", "array-indefinite", "protected-disorder", "payload-long-head", "payload-indefinite"),
        *("keys-disorder", "keys-long", "content-disorder", "content-length-first", "content-deep"),
        *("content-nfd", "content-nfd-key", "too-large", "element-uuid-4", "element-variant"),
    },
    "unreadable-bodies.json": {
        *("disorder", "indefinite", "nfd", "blank-name", "control-character", "two-lines", "name-long", "bad-date"),
        *("dates-disorder", "relation-to-itself"),
    },
}


@pytest.fixture(scope="module")
def schema() -> str:
    return "".join((ROOT / "protocol" / name).read_text("utf-8") for name in ("records.cddl", "kinds.cddl"))


def load(name: str) -> list[dict[str, Any]]:
    vectors: list[dict[str, Any]] = json.loads((VECTORS / name).read_text("utf-8"))
    return vectors


def fits(schema: str, data: str, rule: str) -> bool:
    return bool(cddl_verifier.validate(schema, bytes.fromhex(data), root_type=rule))


def test_every_valid_record_fits(schema: str) -> None:
    for vector in load("valid.json"):
        assert fits(schema, vector["header"], "cose-record"), vector["name"]
        if vector["fields"] is not None:
            assert fits(schema, vector["body"], f"{vector['kind']}-body"), vector["name"]


def test_an_unreadable_header_does_not_fit_but_for_what_cddl_cannot_say(schema: str) -> None:
    name = "unreadable-headers.json"
    assert {vector["name"] for vector in load(name) if fits(schema, vector["header"], "cose-record")} == BEYOND_CDDL[
        name
    ]


def test_an_unreadable_body_does_not_fit_but_for_what_cddl_cannot_say(schema: str) -> None:
    name, fitting = "unreadable-bodies.json", set()
    for vector in load(name):
        kinds = {"bad-recurrence": "action", "relation-to-itself": "relation"}
        if fits(schema, vector["body"], f"{kinds.get(vector['name'], 'actor')}-body"):
            fitting.add(vector["name"])
    # These two are sound bodies under a header that names another.
    assert fitting - {"other-body", "trailing"} == BEYOND_CDDL[name]
