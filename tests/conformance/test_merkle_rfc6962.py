# SPDX-License-Identifier: AGPL-3.0-or-later
"""The 518 proofs of transparency-dev/merkle: 98 inclusion, 98 consistency, and 322 of subtrees."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from convergences_protocol import merkle

SUITE = Path(__file__).resolve().parents[3] / "shared" / "data" / "conformance" / "merkle-rfc6962"
COUNTS = {"inclusion": 98, "consistency": 98, "subtreeinclusion": 204, "subtreeconsistency": 118}

pytestmark = pytest.mark.skipif(not SUITE.is_dir(), reason="the conformance suites are not beside this repository")


def vectors(family: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_text("utf-8")) for path in sorted((SUITE / family).rglob("*.json"))]


def bytes_of(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def proof_of(vector: dict[str, Any]) -> list[bytes]:
    return [bytes_of(step) for step in vector["proof"] or []]


def verdict(family: str, vector: dict[str, Any]) -> bool:
    proof = proof_of(vector)
    if "leafIdx" in vector:
        leaf, index, root = bytes_of(vector["leafHash"]), vector["leafIdx"], bytes_of(vector["root"])
        if family == "inclusion":
            return merkle.verify_inclusion(leaf, index, vector["treeSize"], proof, root)
        return merkle.verify_subtree_inclusion(leaf, index, vector["start"], vector["end"], proof, root)
    roots = bytes_of(vector["root1"]), bytes_of(vector["root2"])
    if family == "consistency":
        return merkle.verify_consistency(vector["size1"], vector["size2"], *roots, proof)
    return merkle.verify_subtree_consistency(vector["start"], vector["end"], vector["size"], *roots, proof)


@pytest.mark.parametrize("family", COUNTS)
def test_every_vector_gets_the_verdict_its_authors_gave(family: str) -> None:
    """All files are read, and each is accepted or refused as it says itself."""
    found = vectors(family)
    assert len(found) == COUNTS[family]
    wrong = [vector for vector in found if verdict(family, vector) is bool(vector["wantErr"])]
    assert wrong == []


def test_both_verdicts_are_there() -> None:
    """A verifier that always says no, or always yes, would fail."""
    every = [vector["wantErr"] for family in COUNTS for vector in vectors(family)]
    assert len(every) == 518
    assert 0 < every.count(False) < 518
