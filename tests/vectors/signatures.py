# SPDX-License-Identifier: AGPL-3.0-or-later
"""Signatures on which libraries disagree: points of small order, and points that are encoded in two ways.

They are made with libsodium's arithmetic, which none of the nodes' checks use.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha512

from nacl import bindings

from tests.vectors.writing import Vector

MESSAGE = "Salle des fêtes, samedi à 14 h".encode()
P = 2**255 - 19
SIGN = 1 << 255
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
ORDER_8 = bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
IDENTITY = (1).to_bytes(32, "little")
SECOND_ENCODINGS = (1 | SIGN, (P - 1) | SIGN, P, P | SIGN, P + 1, (P + 1) | SIGN)
"""Points of small order as RFC 8032 section 5.1.3 does not decode them, and a laxer reader does."""
SECRET, NONCE = 0x5EC2E7 << 200, 0x0117E << 216
"""Scalars; how `keys.py` draws them from a seed is of no matter here."""


def torsion() -> list[bytes]:
    """The eight points of small order: multiples 0 to 7 of one of order 8."""
    points = [IDENTITY]
    for _ in range(7):
        points.append(bindings.crypto_core_ed25519_add(points[-1], ORDER_8))
    return points


def signatures() -> Iterator[Vector]:
    """Each with the key, the message, the signature, and whether it is valid."""
    secret, nonce, zero = map(_scalar, (SECRET, NONCE, 0))
    key = bindings.crypto_scalarmult_ed25519_base_noclamp(secret)
    point = bindings.crypto_scalarmult_ed25519_base_noclamp(nonce)
    for at, extra in enumerate(torsion()):
        mixed = bindings.crypto_core_ed25519_add(key, extra)
        yield _vector(f"key-{at}", f"the key has {at} of the point of order 8 in it", mixed, point, secret, nonce)
        mixed = bindings.crypto_core_ed25519_add(point, extra)
        yield _vector(f"r-{at}", f"R has {at} of the point of order 8 in it", key, mixed, secret, nonce)
        yield _vector(f"small-r-{at}", f"R is {at} of the point of order 8", key, extra, secret, zero)
        yield _vector(f"small-key-{at}", f"the key is {at} of the point of order 8", extra, point, zero, nonce, False)
    for at, number in enumerate(SECOND_ENCODINGS):
        encoded, why = number.to_bytes(32, "little"), "of small order, encoded as RFC 8032 does not decode it"
        yield _vector(f"key-encoded-{at}", f"a key {why}", encoded, point, zero, nonce, valid=False)
        yield _vector(f"r-encoded-{at}", f"an R {why}", key, encoded, secret, zero, valid=False)
    good = _vector("s-reduced", "S below the group order", key, point, secret, nonce)
    s_part = int.from_bytes(bytes.fromhex(good["signature"])[32:], "little")
    yield good
    more = point + (s_part + GROUP_ORDER).to_bytes(32, "little")
    yield good | {"name": "s-not-reduced", "note": "S above it", "signature": more.hex(), "valid": False}


def _vector(name: str, note: str, key: bytes, point: bytes, secret: bytes, nonce: bytes, valid: bool = True) -> Vector:
    challenge = bindings.crypto_core_ed25519_scalar_reduce(sha512(point + key + MESSAGE).digest())
    product = bindings.crypto_core_ed25519_scalar_mul(challenge, secret)
    s_part = bindings.crypto_core_ed25519_scalar_add(nonce, product)
    said = {"key": key.hex(), "message": MESSAGE.hex(), "signature": (point + s_part).hex()}
    return {"name": name, "note": note, **said, "valid": valid}


def _scalar(number: int) -> bytes:
    return (number % GROUP_ORDER).to_bytes(32, "little")
