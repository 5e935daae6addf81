# SPDX-License-Identifier: AGPL-3.0-or-later
"""Keys: one answer, for anything at all."""

import pytest
from convergences_protocol.keys import SigningKey
from convergences_protocol.signature import NON_CANONICAL, SMALL_ORDER, verify
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from nacl import bindings


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
def test_a_signature_is_valid_and_the_same_for_another_library(seed: bytes, message: bytes) -> None:
    key, other = SigningKey.from_seed(seed), Ed25519PrivateKey.from_private_bytes(seed)
    signature = key.sign(message)
    assert verify(key.public, message, signature)
    assert signature == other.sign(message)
    assert key.public == other.public_key().public_bytes_raw()


@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=80))
def test_nonsense_is_false_and_never_an_error(public: bytes, message: bytes, signature: bytes) -> None:
    assert not verify(public, message, signature)


@given(st.integers(0, 511), st.binary(min_size=1, max_size=50))
def test_one_bit_is_enough(bit: int, message: bytes) -> None:
    key = SigningKey.from_seed(bytes(32))
    signature = bytearray(key.sign(message))
    signature[bit // 8] ^= 1 << bit % 8
    assert not verify(key.public, message, bytes(signature))


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_seed_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        SigningKey.from_seed(bytes(length))


def test_a_private_key_does_not_print_itself() -> None:
    key = SigningKey.from_seed(bytes(range(32)))
    assert key.seed.hex()[:16] not in repr(key)


def test_the_points_of_small_order_are_those_that_the_cofactor_makes_nothing_of() -> None:
    assert len(SMALL_ORDER) == 8
    for point in SMALL_ORDER:
        for _ in range(3):
            point = bindings.crypto_core_ed25519_add(point, point)
        assert point == (1).to_bytes(32, "little")


def test_what_does_not_decode_is_a_number_too_large_or_a_zero_with_a_sign() -> None:
    assert len(NON_CANONICAL) == 40
    numbers = {int.from_bytes(encoded, "little") for encoded in NON_CANONICAL}
    p, sign = 2**255 - 19, 2**255
    assert {number for number in numbers if number % sign < p} == {1 + sign, p - 1 + sign}
    assert {number % sign for number in numbers if number % sign >= p} == set(range(p, sign))
