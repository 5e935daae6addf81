# SPDX-License-Identifier: AGPL-3.0-or-later
"""Deterministic CBOR: one encoding for a value, and bytes from a stranger cost no more than their length."""

import random
import tracemalloc
from typing import Any
from unicodedata import normalize

import cbor2
import pytest
from convergences_protocol import cbor
from convergences_protocol.errors import LocalError, Unreadable
from hypothesis import given
from hypothesis import strategies as st

texts = st.text(max_size=40).map(lambda text: normalize("NFC", text))
leaves = st.none() | st.booleans() | st.integers(cbor.INTEGER_MIN, cbor.INTEGER_MAX) | st.binary(max_size=40) | texts
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=6) | st.dictionaries(texts | st.integers(-(2**40), 2**40), inner, max_size=6)
    ),
    max_leaves=30,
)


@given(values)
def test_what_is_written_is_read_back(value: object) -> None:
    assert cbor.decode(cbor.encode(value)) == value


@given(st.dictionaries(texts | st.integers(-(2**70), 2**70).filter(lambda key: -(2**63) <= key < 2**64), st.none()))
def test_a_map_is_written_in_one_order_whatever_order_it_was_made_in(value: dict[Any, None]) -> None:
    shuffled = list(value)
    random.Random(1).shuffle(shuffled)
    encoded = cbor.encode(value)
    assert cbor.encode(dict.fromkeys(shuffled)) == encoded
    keys = [cbor2.dumps(key) for key in cbor.decode(encoded)]  # type: ignore[attr-defined]
    assert keys == sorted(keys)


def test_an_order_of_keys_that_was_seen_says_nothing_of_another_one() -> None:
    seen: dict[object, object] = {"a": 1, "b": 2}
    assert cbor.decode(cbor2.dumps(seen)) == cbor.decode(cbor2.dumps(seen)) == seen
    for other in ({"b": 2, "a": 1}, {"a": 1, True: 2}, {"a": 1, "b": 2.0}, {"a": 1, "b": {"b": 2, "a": 1}}):
        with pytest.raises(Unreadable):
            cbor.decode(cbor2.dumps(other))
    assert cbor.decode(b"\xa1\x01\x00") == {1: 0}
    with pytest.raises(Unreadable):
        cbor.decode(b"\xa1\xf5\x00")  # a key that is true, which Python takes for 1


def test_keys_order_by_bytes_and_not_by_length() -> None:
    """RFC 8949 4.2.1, where cbor2's own `canonical` follows RFC 7049."""
    assert cbor.encode({-1: 0, 256: 0}).hex() == "a2" + "19010000" + "2000"
    assert cbor2.dumps({-1: 0, 256: 0}, canonical=True).hex() == "a2" + "2000" + "19010000"


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        float("nan"),
        2**64,
        -(2**63) - 1,
        "e\u0301",
        "\ud800",
        {"e\u0301": 0},
        {None: 0},
        {True: 0},
        {b"x": 0},
        pytest.param(object(), id="object"),
        bytearray(b"x"),
        {1, 2},
        cbor2.CBORTag(0, "2026"),
        cbor2.undefined,
    ],
    ids=repr,
)
def test_a_value_that_no_record_may_hold_is_our_own_mistake(value: object) -> None:
    with pytest.raises(LocalError):
        cbor.encode([value])


def test_depth_is_bounded_alike_on_both_sides() -> None:
    value: object = 0
    for _ in range(cbor.DEPTH_MAX):
        value = [value]
    assert cbor.decode(cbor.encode(value)) == value
    with pytest.raises(LocalError, match="16 levels"):
        cbor.encode([value])
    with pytest.raises(LocalError, match="16 levels"):
        cbor.encode({0: value})


@pytest.mark.parametrize("tag", [0, 1, 2, 3, 4, 5, 18, 24, 25, 28, 29, 30, 35, 36, 37, 43000, 55799, 2**63])
def test_every_tag_is_refused(tag: int) -> None:
    wide = b"\xdb" + tag.to_bytes(8, "big")
    for content in (b"\x00", b"\x41\x01", b"\x61\x61", b"\x80", b"\xa0", b"\x82\x00\x00"):
        with pytest.raises(Unreadable):
            cbor.decode(b"\x81" + wide + content)


def test_references_that_unfold_are_refused_before_they_do() -> None:
    """Tags 25 and 29 would turn these few kilobytes into gigabytes."""
    word = cbor2.dumps("x" * 60_000)
    strings = bytes.fromhex("d90100") + b"\x99\x40\x00" + word + bytes.fromhex("d81900") * 0x3FFF
    laughs = b"\xd8\x1c\x80"
    for level in range(15):
        laughs = b"\x82" + laughs + b"\xd8\x1c\x8a" + (b"\xd8\x1d" + bytes([level])) * 10
    tracemalloc.start()
    for bomb in (strings, laughs):
        with pytest.raises(Unreadable):
            cbor.decode(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize("head", ["9b", "bb", "5b", "7b"])
def test_an_announced_length_costs_nothing(head: str) -> None:
    tracemalloc.start()
    with pytest.raises(Unreadable):
        cbor.decode(bytes.fromhex(head) + b"\x00\x00\x00\x01\x00\x00\x00\x00")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_unreadable(data: bytes) -> None:
    try:
        value = cbor.decode(data)
    except Unreadable:
        return
    assert cbor.encode(value) == data


def _written(major: int, argument: int, wide: int, content: bytes = b"") -> bytes:
    """An item whose head takes `wide` more bytes, whether or not it needs them (RFC 8949 section 3)."""
    if wide == 0 and argument >= 24:
        wide = 1
    head = bytes([major << 5 | (argument if wide == 0 else 24 + wide.bit_length() - 1)])
    return head + (argument.to_bytes(wide) if wide else b"") + content


_WIDE = st.sampled_from([0, 1, 2, 4, 8])
_STRINGS = st.tuples(st.just(2), st.binary(max_size=60)) | st.tuples(st.just(3), st.text(max_size=60).map(str.encode))
_ITEMS = st.recursive(
    st.sampled_from([bytes.fromhex(simple) for simple in ("f4", "f5", "f6", "f7", "f814", "f820", "f90000")])
    | st.builds(lambda major, number: _written(major, number, 8), st.integers(0, 1), st.integers(0, 2**64 - 1))
    | st.builds(_written, st.integers(0, 1), st.integers(0, 255), _WIDE)
    | st.builds(lambda string, wide: _written(string[0], len(string[1]), wide, string[1]), _STRINGS, _WIDE),
    lambda inner: st.builds(
        lambda major, items, wide: _written(major, len(items) >> major - 4, wide, b"".join(items)),
        st.integers(4, 5), st.lists(inner, max_size=4).filter(lambda items: len(items) % 2 == 0), _WIDE,
    ),
    max_leaves=8,
)  # fmt: skip


@given(_ITEMS, st.binary(max_size=1))
def test_what_is_written_in_another_way_or_has_something_behind_it_is_refused(item: bytes, behind: bytes) -> None:
    """Every width of head, needed or not: bytes are known by their length, and are what would be written."""
    try:
        value = cbor.decode(item + behind)
    except Unreadable:
        return
    assert cbor.encode(value) == item + behind
