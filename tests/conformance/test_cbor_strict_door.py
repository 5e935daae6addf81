# SPDX-License-Identifier: AGPL-3.0-or-later
"""The CBOR working group's vectors at the strict door, and the door held against a second reading of the rules.

`reasons` below walks bytes head by head and names every rule that they break; it shares no code with the program. A
vector, or any bytes that hypothesis makes, must be accepted by the door exactly when no rule is broken.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2
import pytest
from convergences_protocol import cbor
from convergences_protocol.errors import Unreadable
from hypothesis import given, settings
from hypothesis import strategies as st

SHORTEST = {24: 24, 25: 1 << 8, 26: 1 << 16, 27: 1 << 32}


class MalformedError(Exception):
    """The bytes stop where more are announced, or a head makes no sense."""


def reasons(data: bytes) -> set[str]:
    """The rules that `data` breaks, by RFC 8949 section 4.2.1 and our own narrowing."""
    found: set[str] = set()
    try:
        end = _item(data, 0, 0, found)
    except MalformedError:
        return found | {"malformed"}
    return found | {"trailing"} if end != len(data) else found


def _head(data: bytes, at: int, found: set[str]) -> tuple[int, int, int]:
    """Major type, argument, and where the head ends."""
    if at >= len(data):
        raise MalformedError
    major, info = data[at] >> 5, data[at] & 31
    if info < 24:
        return major, info, at + 1
    if info > 27:
        found.add("indefinite")
        raise MalformedError
    size = 1 << info - 24
    if at + 1 + size > len(data):
        raise MalformedError
    argument = int.from_bytes(data[at + 1 : at + 1 + size], "big")
    if major != 7 and argument < SHORTEST[info]:
        found.add("long head")
    return major, argument, at + 1 + size


def _item(data: bytes, at: int, depth: int, found: set[str]) -> int:
    """Where the item that starts at `at` ends."""
    start = at
    major, argument, at = _head(data, at, found)
    if major == 1 and argument >= 1 << 63:
        found.add("big integer")
    elif major in (2, 3):
        if at + argument > len(data):
            raise MalformedError
        if major == 3:
            _text(data[at : at + argument], found)
        return at + argument
    elif major in (4, 5):
        if depth >= cbor.DEPTH_MAX:
            found.add("depth")
            raise MalformedError
        if argument > len(data):
            raise MalformedError
        return _items(data, at, argument, depth + 1, found) if major == 4 else _pairs(data, at, argument, depth, found)
    elif major == 6:
        found.add("tag")
        return _item(data, at, depth, found)
    elif major == 7 and data[start] not in (0xF4, 0xF5, 0xF6):
        found.add("float or simple value")
    return at


def _items(data: bytes, at: int, count: int, depth: int, found: set[str]) -> int:
    for _ in range(count):
        at = _item(data, at, depth, found)
    return at


def _pairs(data: bytes, at: int, count: int, depth: int, found: set[str]) -> int:
    before = b""
    for _ in range(count):
        if at < len(data) and data[at] >> 5 not in (0, 1, 3):
            found.add("key")
        end = _item(data, at, depth + 1, found)
        if data[at:end] <= before:
            found.add("order")
        before = data[at:end]
        at = _item(data, end, depth + 1, found)
    return at


def _text(encoded: bytes, found: set[str]) -> None:
    try:
        text = encoded.decode("utf-8")
    except UnicodeDecodeError:
        found.add("utf-8")
    else:
        if unicodedata.normalize("NFC", text) != text:
            found.add("nfc")


def agrees(data: bytes) -> None:
    """The door lets `data` in exactly when no rule is broken, and what it lets in encodes to the same bytes."""
    broken = reasons(data)
    try:
        value = cbor.decode(data)
    except Unreadable as error:
        assert broken, f"{data.hex()} refused ({error.reason}) though it breaks no rule"
    else:
        assert not broken, f"{data.hex()} accepted though it breaks {broken}"
        assert cbor.encode(value) == data


def load(path: Path) -> list[dict[str, Any]]:
    tests: list[dict[str, Any]] = cbor2.loads(path.read_bytes(), max_depth=3000)["tests"]
    return tests


@pytest.mark.parametrize(
    ("name", "count", "accepted"),
    [
        ("rfc8949-appendixA/mt0", 11, 11),
        ("rfc8949-appendixA/mt1", 5, 4),
        ("rfc8949-appendixA/mt2", 2, 2),
        ("rfc8949-appendixA/mt3", 7, 7),
        ("rfc8949-appendixA/mt4", 4, 4),
        ("rfc8949-appendixA/mt5", 5, 5),
        ("rfc8949-appendixA/mt6", 8, 0),
        ("rfc8949-appendixA/mt7-float", 22, 0),
        ("rfc8949-appendixA/mt7-simple", 6, 3),
        ("rfc8949-appendixA/streaming", 11, 0),
        ("rfc8949/good", 88, 11),
        ("rfc8949/bad", 47, 0),
        ("spike/spike", 1165, 247),
    ],
)
def test_the_working_groups_vectors(suite: Callable[[str], Path], name: str, count: int, accepted: int) -> None:
    """Each is accepted or refused for its own reason; the counts would show a rule grown stricter or laxer."""
    tests = load(suite("cbor-wg-vectors") / "tests" / f"{name}.cbor")
    verdicts: Counter[bool] = Counter()
    for test in tests:
        agrees(test["encoded"])
        verdicts[not reasons(test["encoded"])] += 1
    assert (len(tests), verdicts[True]) == (count, accepted)


def test_what_is_accepted_is_the_value_meant(suite: Callable[[str], Path]) -> None:
    for path in sorted((suite("cbor-wg-vectors") / "tests").rglob("*.cbor")):
        for test in load(path):
            if "decoded" in test and not reasons(test["encoded"]):
                assert cbor.decode(test["encoded"]) == test["decoded"], test["description"]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(cbor.INTEGER_MIN, cbor.INTEGER_MAX)
    | st.binary(max_size=40)
    | st.text(max_size=40)
    | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=30) | st.integers(-300, 300), inner, max_size=5)
    ),
    max_leaves=20,
)


@settings(max_examples=300)
@given(values)
def test_the_two_readings_agree_on_sound_cbor(value: object) -> None:
    agrees(cbor2.dumps(value))
    agrees(cbor2.dumps(value, canonical=True))


@settings(max_examples=500)
@given(st.binary(max_size=24))
def test_the_two_readings_agree_on_any_bytes(data: bytes) -> None:
    agrees(data)


@settings(max_examples=500)
@given(values, st.data())
def test_the_two_readings_agree_on_damaged_cbor(value: object, draw: st.DataObject) -> None:
    data = bytearray(cbor2.dumps(value))
    place = draw.draw(st.integers(0, len(data) - 1))
    data[place] = draw.draw(st.integers(0, 255))
    agrees(bytes(data))


@pytest.mark.parametrize("levels", [cbor.DEPTH_MAX - 1, cbor.DEPTH_MAX, cbor.DEPTH_MAX + 1])
def test_the_two_readings_agree_on_depth(levels: int) -> None:
    agrees(b"\x81" * levels + b"\x00")
    agrees(b"\xa1\x00" * levels + b"\x00")
