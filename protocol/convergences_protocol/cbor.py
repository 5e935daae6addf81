# SPDX-License-Identifier: AGPL-3.0-or-later
"""Deterministic CBOR, and the strict door through which every record is read.

`encode` writes the one encoding that RFC 8949 section 4.2.1 allows: shortest lengths, definite lengths, map keys in
bytewise order of their encodings. `decode` accepts exactly what `encode` can write, and nothing else, so that for any
bytes it accepts `encode(decode(data)) == data`.

What a value may be is narrower than CBOR, so that two readers in two languages cannot see two things: false, true and
null; integers within 64 bits (-2**63 .. 2**64 - 1, as dCBOR); byte strings; text in Unicode form NFC; arrays; maps
whose keys are text or integers, each once. No floats (coordinates are integers of 1e-7 degree), no tags (dates are
text), no other simple values, at most `DEPTH_MAX` levels.

cbor2 reads and writes the bytes; alone it proves none of this. It ignores trailing bytes, takes long forms of lengths,
and its `canonical` option sorts keys by length first (RFC 7049), not bytewise. Worst, it obeys tags: a few bytes of
shared references (28, 29) or string references (25, 256) unfold into gigabytes. So every tag is refused as it is met.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any
from unicodedata import is_normalized

import cbor2

from .errors import LocalError, Unreadable

DEPTH_MAX = 16
"""In how many arrays and maps a value may stand. Records need 5, messages between peers 4; a thousand would only
exhaust a reader's stack."""

INTEGER_MIN, INTEGER_MAX = -(2**63), 2**64 - 1

KEY_CHARS_USUAL = 32
"""The longest name of a field (kind.py)."""
KEYS_USUAL, ORDERS_KEPT_MAX = 48, 512
"""A record has fewer fields. At most some 2 MB are remembered, if somebody makes up as many orders as that."""


def encode(value: object) -> bytes:
    """The deterministic encoding of `value`. Raises `LocalError` for a value that no record may hold."""
    try:
        return cbor2.dumps(_ordered(value, DEPTH_MAX))
    except (UnicodeEncodeError, cbor2.CBOREncodeError) as error:
        raise LocalError(f"value cannot be encoded: {error}") from error


def decode(data: bytes) -> object:
    """The value that `data` encodes deterministically. Raises `Unreadable` for any other bytes.

    Memory is bounded by the caller's bound on `len(data)`: at worst sixty times as much, a list of empty lists.
    """
    try:
        value = cbor2.loads(
            data,
            semantic_decoders=_NO_TAGS,
            max_depth=DEPTH_MAX,
            allow_indefinite=False,
            allow_duplicate_keys=False,
        )
    except (cbor2.CBORError, ValueError, TypeError) as error:
        raise Unreadable(f"not cbor that a record may hold: {error.__cause__ or error}") from error
    if _size(value) != len(data):
        raise Unreadable("not the deterministic encoding of its value")
    return value


def _ordered(value: object, levels: int) -> object:
    """The same value with its maps in the order that they are written in, each part checked on the way."""
    if isinstance(value, dict):
        items = {_checked_key(key): _ordered(item, _deeper(levels)) for key, item in value.items()}
        return dict(sorted(items.items(), key=_encoded_key))
    if isinstance(value, list | tuple):
        return [_ordered(item, _deeper(levels)) for item in value]
    try:
        _size(value)
    except Unreadable as error:
        raise LocalError(f"value cannot be encoded: {error.reason}") from error
    return value


def _deeper(levels: int) -> int:
    if levels <= 0:
        raise LocalError(f"value nested deeper than {DEPTH_MAX} levels")
    return levels - 1


def _checked_key(key: object) -> object:
    try:
        _check_key(key)
    except Unreadable as error:
        raise LocalError(f"value cannot be encoded: {error.reason}") from error
    return key


def _encoded_key(item: tuple[object, object]) -> bytes:
    return cbor2.dumps(item[0])


def _size(value: object) -> int:
    """How many bytes the deterministic encoding of a decoded value takes. Raises `Unreadable` unless every part is
    of our narrow kinds, with map keys in bytewise order.

    No encoding of that value is shorter, and none other is as short: whatever is written in another way is longer by
    a byte at least, as is what has something behind it. So bytes of that length are that encoding, and need not be
    made again to be compared (0104). Floats and the rest, of which that does not hold, are refused here.
    """
    kind = type(value)
    if kind is str:
        return _text_size(value)  # type: ignore[arg-type]
    if kind is bytes:
        return _with_head(len(value))  # type: ignore[arg-type]
    if kind is int:
        return _integer_size(value)  # type: ignore[arg-type]
    if kind is list:
        return _list_size(value)  # type: ignore[arg-type]
    if kind is dict:
        return _map_size(value)  # type: ignore[arg-type]
    if kind is not bool and value is not None:
        raise Unreadable(f"{kind.__name__} is not a value that a record may hold")
    return 1


def _head_size(argument: int) -> int:
    """Of the first bytes of an item, which hold a number or a length (RFC 8949 section 3)."""
    if argument < 24:
        return 1
    return 2 if argument < 1 << 8 else 3 if argument < 1 << 16 else 5 if argument < 1 << 32 else 9


def _with_head(length: int) -> int:
    return length + (1 if length < 24 else 2 if length < 1 << 8 else 3 if length < 1 << 16 else _head_size(length))


def _text_size(text: str) -> int:
    if text.isascii():
        return _with_head(len(text))
    if not is_normalized("NFC", text):
        raise Unreadable("text is not in unicode form nfc")
    return _with_head(len(text.encode()))


def _integer_size(value: int) -> int:
    if not INTEGER_MIN <= value <= INTEGER_MAX:
        raise Unreadable("integer beyond 64 bits")
    return _head_size(value if value >= 0 else -1 - value)


def _list_size(items: list[object]) -> int:
    total = _head_size(len(items))
    for item in items:
        # Most items of long lists are byte strings, and any bytes will do.
        total += _with_head(len(item)) if type(item) is bytes else _size(item)
    return total


def _map_size(value: dict[object, object]) -> int:
    keys = tuple(value)
    total = _usual_orders.get(keys) or _keys_size(keys)
    for item in value.values():
        if type(item) is not str:
            total += _size(item)
        elif item.isascii() and (length := len(item)) < 1 << 8:  # nearly every one of them
            total += length + (1 if length < 24 else 2)
        else:
            total += _text_size(item)
    return total


_usual_orders: dict[tuple[object, ...], int] = {}
"""Keys in the order that they are written in, all of them text, with what they and their map's head take: the same
fields come again and again. Text equals nothing but itself (as 1 equals true), so what is found here was looked at."""


def _keys_size(keys: tuple[object, ...]) -> int:
    """What these keys take in a map, with its head; refused in another order. Remembered if other maps may well have
    the same."""
    total = _head_size(len(keys))
    before = b""
    is_usual = len(keys) <= KEYS_USUAL
    for key in keys:
        is_short = type(key) is str and len(key) <= KEY_CHARS_USUAL
        encoded = _usual_key(key) if is_short else _checked_bytes(key)
        if encoded <= before:
            raise Unreadable("map keys out of bytewise order")
        before = encoded
        total += len(encoded)
        is_usual = is_usual and is_short
    if is_usual:
        if len(_usual_orders) >= ORDERS_KEPT_MAX:
            _usual_orders.clear()
        _usual_orders[keys] = total
    return total


def _checked_bytes(key: object) -> bytes:
    """A map's key as it is encoded, if it may be one."""
    _check_key(key)
    return cbor2.dumps(key)


_usual_key = lru_cache(maxsize=1_024)(_checked_bytes)
"""Maps repeat their keys: the names of fields are a few hundred. Longer keys are not remembered, for memory's sake."""


def _check_key(key: object) -> None:
    if type(key) is not str and type(key) is not int:
        raise Unreadable(f"map key is {type(key).__name__}, only text and integers are")
    _size(key)


def _refuse_tag(_value: object, _immutable: bool) -> object:
    raise ValueError("a tag")


class _EveryTag(Mapping[int, Callable[[Any, bool], Any]]):
    """A handler for every tag that there is or will be, which is to refuse it."""

    def __getitem__(self, tag: int) -> Callable[[Any, bool], Any]:
        return _refuse_tag

    def __contains__(self, tag: object) -> bool:
        return True

    def __iter__(self) -> Iterator[int]:
        return iter(())

    def __len__(self) -> int:
        return 0


_NO_TAGS = _EveryTag()
