# SPDX-License-Identifier: AGPL-3.0-or-later
"""Wycheproof's 151 Ed25519 signatures, each accepted or refused as its authors say."""

import json
from collections.abc import Callable
from pathlib import Path

from convergences_protocol.signature import verify


def test_all_151_come_out_as_expected(suite: Callable[[str], Path]) -> None:
    groups = json.loads((suite("wycheproof") / "ed25519_test.json").read_text("utf-8"))["testGroups"]
    wrong, seen = [], 0
    for group in groups:
        public = bytes.fromhex(group["publicKey"]["pk"])
        for test in group["tests"]:
            seen += 1
            valid = verify(public, bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]))
            if valid != (test["result"] == "valid"):
                wrong.append((test["tcId"], test["comment"]))
    assert wrong == []
    assert seen == 151
