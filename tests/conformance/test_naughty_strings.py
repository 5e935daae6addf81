# SPDX-License-Identifier: AGPL-3.0-or-later
"""The big list of naughty strings as names: each is signed and read back unchanged, or refused with a fault."""

import json
from collections.abc import Callable
from pathlib import Path

from convergences_protocol.element import ElementId
from convergences_protocol.errors import Refused
from convergences_protocol.keys import SigningKey
from convergences_protocol.record import author_record, read_body, read_header

KEY = SigningKey.from_seed(bytes(32))
ELEMENT = ElementId.new("FR-93066", 0, bytes(10))
EXPECTED_FAULTS = {"empty", "unseen_characters", "not_nfc", "too_long"}


def test_each_comes_back_or_is_refused(suite: Callable[[str], Path]) -> None:
    strings = json.loads((suite("blns") / "blns.json").read_text("utf-8"))
    signed = 0
    for text in strings:
        fields = {"name": text, "type": "association", "description": text}
        try:
            made = author_record(KEY, ELEMENT, "actor", fields, salt=bytes(16), previous=None, time=0)
        except Refused as refused:
            assert {fault.code for fault in refused.faults} <= EXPECTED_FAULTS, text
            continue
        assert made.body is not None
        assert read_body(read_header(made.header), made.body) == fields
        signed += 1
    assert signed > 450
