# SPDX-License-Identifier: AGPL-3.0-or-later
"""dCBOR's vectors at the strict door: all 37 invalid refused, of the 40 valid all but the floats accepted.

Our door is narrower than dCBOR by three rules: no floats, no tags, and map keys that are text or integers. Of these,
only the first meets a valid vector. Big integers end where dCBOR's do (-2**63 .. 2**64 - 1), and NFC is its rule too.
"""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from convergences_protocol import cbor
from convergences_protocol.errors import Unreadable

FLOAT_HEADS = (0xF9, 0xFA, 0xFB)


def load(path: Path) -> list[dict[str, Any]]:
    vectors: list[dict[str, Any]] = json.loads(path.read_text("utf-8"))
    return vectors


def accepted(data: bytes) -> bool:
    try:
        value = cbor.decode(data)
    except Unreadable:
        return False
    assert cbor.encode(value) == data
    return True


def test_the_37_invalid_are_refused(suite: Callable[[str], Path]) -> None:
    vectors = load(suite("dcbor") / "invalid.json")
    let_in = [vector["diagnostic"] for vector in vectors if accepted(bytes.fromhex(vector["hex"]))]
    assert let_in == []
    assert len(vectors) == 37


def test_the_valid_are_accepted_save_the_floats(suite: Callable[[str], Path]) -> None:
    vectors = load(suite("dcbor") / "valid.json")
    verdicts: Counter[str] = Counter()
    for vector in vectors:
        data = bytes.fromhex(vector["hex"])
        is_float = data[0] in FLOAT_HEADS
        assert accepted(data) != is_float, vector["diagnostic"]
        verdicts["float" if is_float else "accepted"] += 1
    assert verdicts == {"accepted": 24, "float": 16}


def test_an_accepted_value_is_the_one_meant(suite: Callable[[str], Path]) -> None:
    for vector in load(suite("dcbor") / "valid.json"):
        data = bytes.fromhex(vector["hex"])
        if "decoded" in vector and not vector.get("skipDecode") and data[0] not in FLOAT_HEADS:
            assert cbor.decode(data) == vector["decoded"]
