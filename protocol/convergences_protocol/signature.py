# SPDX-License-Identifier: AGPL-3.0-or-later
"""When an Ed25519 signature is valid: as RFC 8032 says, with the cofactor, and under no key of small order.

Libraries disagree on edge cases: points of small order, a non-canonical S, R or key, an equation with or without the
cofactor. What one accepts another refuses, and then two towns see two histories. So each case is settled here: S below
the group order; the key and R decode as RFC 8032 section 5.1.3 has it, which leaves a point one encoding; the equation
with the cofactor (section 5.1.7; FIPS 186-5 section 7.7.2), which holds or not whether signatures are checked alone or
many together; and a key of small order has no signatures, for with one the same signature holds for any text.
docs/decisions/0119-when-a-signature-is-valid.md says what was weighed.
"""

from __future__ import annotations

from ed25519_zebra import ed_verify

PUBLIC_BYTES = 32
SIGNATURE_BYTES = 64

_P = 2**255 - 19
_SIGN = 1 << 255


def _encodings(*numbers: int) -> frozenset[bytes]:
    return frozenset(number.to_bytes(PUBLIC_BYTES, "little") for number in numbers)


NON_CANONICAL = _encodings(
    1 | _SIGN, (_P - 1) | _SIGN, *(y | sign for y in range(_P, 2**255) for sign in (0, _SIGN))
)  # fmt: skip
"""The 40 encodings that RFC 8032 section 5.1.3 does not decode: y not reduced, or the sign of an x that is 0."""

_ORDER_8_YS = (
    0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
    0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
)
SMALL_ORDER = _encodings(
    1, _P - 1, 0, 0 | _SIGN, *(y | sign for y in _ORDER_8_YS for sign in (0, _SIGN))
)  # fmt: skip
"""The eight points whose order divides the cofactor."""

_NO_KEYS = NON_CANONICAL | SMALL_ORDER


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is `public`'s over `message`. False, never an exception, for anything malformed.

    It keeps the interpreter's lock for its 30 to 50 microseconds: what checks many, does so in processes of their own.
    """
    if len(public) != PUBLIC_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    if public in _NO_KEYS or signature[:PUBLIC_BYTES] in NON_CANONICAL:
        return False
    return bool(ed_verify(signature, message, public))  # ZIP 215, which decodes those 40 as well and is else the same
