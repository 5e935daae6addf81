# SPDX-License-Identifier: AGPL-3.0-or-later
"""`protocol/messages.cddl` says what the code does: an independent validator reads the vectors, and the bounds, by it.

What CDDL cannot say is listed by name. Skipped where no validator is installed (`pip install cddl-verifier`).
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2
import pytest
from convergences_protocol.errors import RemoteError
from convergences_protocol.replication import frames, limits

cddl_verifier = pytest.importorskip("cddl_verifier", reason="no CDDL validator here: pip install cddl-verifier")

ROOT = Path(__file__).resolve().parents[3]
VECTORS = ROOT / "tests" / "vectors" / "replication"
BEYOND_CDDL = {
    *("indefinite array", "long head", "text not in form NFC", "log name outside ASCII"),
    *("want of nothing", "want of a proof from size 0", "want of a proof backwards"),
    *("batch with a slot too few", "bye of 201 characters"),
}
DIGEST = bytes(32)
ORIGIN = "convergences/FR-93066/0001020304050607"
BOUNDS: dict[str, tuple[int, Callable[[int], list[object]]]] = {
    "heads": (limits.HEADS_MAX, lambda count: [2, [[b"", []]] * count]),
    "cosignatures": (limits.COSIGNATURES_MAX, lambda count: [2, [[b"", [b""] * count]]]),
    "a cosignature": (limits.LINE_BYTES_MAX, lambda size: [2, [[b"", [bytes(size)]]]]),
    "a note": (limits.NOTE_BYTES_MAX, lambda size: [13, bytes(size)]),
    "a log's name": (limits.ORIGIN_CHARS_MAX, lambda size: [8, "x" * size, 1, 1, DIGEST]),
    "credit": (limits.CREDIT_MAX, lambda count: [4, 1, count]),
    "records of a batch": (limits.BATCH_RECORDS_MAX, lambda count: [7, 1, 0, [b""] * count, [False] * count, []]),
    "a leaf": (limits.LEAF_BYTES_MAX, lambda size: [7, 1, 0, [bytes(size)], [False], []]),
    "a body": (limits.BODY_BYTES_MAX, lambda size: [11, 1, [bytes(size)]]),
    "steps of a proof": (limits.PROOF_HASHES_MAX, lambda count: [9, ORIGIN, 1, 2, DIGEST, [DIGEST] * count]),
    "digests": (limits.DIGESTS_MAX, lambda count: [10, [DIGEST] * count]),
    "bodies": (limits.DIGESTS_MAX, lambda count: [11, 1, [b""] * count]),
    "fork proofs": (limits.PROOFS_MAX, lambda count: [12, [b""] * count]),
    "a fork proof": (limits.FORK_BYTES_MAX, lambda size: [12, [bytes(size)]]),
}
"""Of each bound, the limit and a message of that size."""


@pytest.fixture(scope="module")
def schema() -> str:
    names = ("records.cddl", "logs.cddl", "messages.cddl")
    return "".join((ROOT / "protocol" / name).read_text("utf-8") for name in names)


def load(name: str) -> list[dict[str, Any]]:
    vectors: list[dict[str, Any]] = json.loads((VECTORS / name).read_text("utf-8"))
    return vectors


def fits(schema: str, data: bytes, rule: str) -> bool:
    return bool(cddl_verifier.validate(schema, data, root_type=rule))


def is_read(frame: bytes) -> bool:
    try:
        frames.decode(frame)
    except RemoteError:
        return False
    return True


def test_messages(schema: str) -> None:
    """What is a message fits; what fits and is none, is none for a reason that a grammar cannot give."""
    fitting = set()
    for vector in load("messages.json"):
        fitted = fits(schema, bytes.fromhex(vector["frame"]), "message")
        assert fitted or not vector["valid"], vector["name"]
        if fitted and not vector["valid"]:
            fitting.add(vector["name"])
    assert fitting == BEYOND_CDDL


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds(schema: str, name: str) -> None:
    """The grammar and the code draw each line in the same place."""
    limit, message_of = BOUNDS[name]
    for size, expected in ((limit, True), (limit + 1, False)):
        frame = cbor2.dumps(message_of(size))
        assert (fits(schema, frame, "message"), is_read(frame)) == (expected, expected), size


def test_the_bound_of_follows(schema: str) -> None:
    """By its words: the validator would take seconds over as many."""
    assert f"[0*{limits.FOLLOWS_MAX} follow]" in schema


@pytest.mark.parametrize("name", ["deposit", "claim", "health"])
def test_words_at_the_door(schema: str, name: str) -> None:
    prefix = f"convergences/{name}/1\n".encode()
    for vector in load(f"{name}s.json"):
        if vector["reading"] != "none":
            assert fits(schema, bytes.fromhex(vector["word"]).removeprefix(prefix), name), vector["name"]
