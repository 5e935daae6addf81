# SPDX-License-Identifier: AGPL-3.0-or-later
"""`protocol/logs.cddl` says what the code does: an independent validator reads the vectors by it.

What CDDL cannot say is listed by name. Skipped where no validator is installed (`pip install cddl-verifier`).
"""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from convergences_protocol import cbor
from convergences_protocol.header import read_header

cddl_verifier = pytest.importorskip("cddl_verifier", reason="no CDDL validator here: pip install cddl-verifier")

ROOT = Path(__file__).resolve().parents[2]
SIGNATURE_BYTES = 64
BEYOND_CDDL = {
    "opening signed by another key",
    "opening that continues another territory",
    "enrol of another territory than its origin's",
    "end that is its own successor",
    "erasure of an empty range",
    "erasure of an element and of records",  # to the grammar, the second half is members of a later version
}


@pytest.fixture(scope="module")
def schema() -> str:
    return "".join((ROOT / "protocol" / name).read_text("utf-8") for name in ("records.cddl", "logs.cddl"))


def load(name: str) -> list[dict[str, Any]]:
    vectors: list[dict[str, Any]] = json.loads((ROOT / "tests" / "vectors" / "logs" / name).read_text("utf-8"))
    return vectors


def fits(schema: str, data: bytes, rule: str) -> bool:
    return bool(cddl_verifier.validate(schema, data, root_type=rule))


def test_control_records(schema: str) -> None:
    fitting = set()
    for vector in load("control-records.json"):
        header = read_header(bytes.fromhex(vector["header"]))
        fits_its_kind = fits(schema, cbor.encode(header.content), f"{header.kind}-content")
        assert fits_its_kind or not vector["valid"], vector["name"]
        if fits_its_kind and not vector["valid"]:
            fitting.add(vector["name"])
    assert fitting == BEYOND_CDDL


def test_fork_proofs(schema: str) -> None:
    """Which proofs hold is beyond a grammar; what is none at all is not."""
    for vector in load("forks.json"):
        malformed = vector["name"] in {"another version", "not an array"}
        assert fits(schema, bytes.fromhex(vector["proof"]), "fork-proof") is not malformed, vector["name"]


def test_invitations_and_answers(schema: str) -> None:
    for vector in load("invitations.json"):
        if vector["valid"]:
            letters = "".join(vector["invitation"].split()).upper().removeprefix("CONV1")
            signed = base64.b32decode(letters + "=" * (-len(letters) % 8))
            assert fits(schema, signed[SIGNATURE_BYTES:], "invitation")
            assert fits(schema, bytes.fromhex(vector["answer"])[SIGNATURE_BYTES:], "answer")


def test_successions(schema: str) -> None:
    found = [bytes.fromhex(vector["succession"]) for vector in load("charters.json") if vector["succession"]]
    assert found
    assert all(fits(schema, data, "succession") for data in found)
