# SPDX-License-Identifier: AGPL-3.0-or-later
"""Ed25519 keys, by libsodium's rules and no others.

Libraries disagree on edge cases: small-order points, a non-canonical S, R or key. What one accepts another refuses,
and then two towns see two histories. libsodium's answer is the protocol's: S below the group order, a canonical key
of large order, R not of small order, and the equation without cofactor (RFC 8032 section 5.1.7, the stricter reading).

`verify` releases the interpreter's lock while it works, so two threads check nearly twice as many.
"""

from __future__ import annotations

from nacl import bindings, exceptions

SEED_BYTES = 32
PUBLIC_BYTES = 32
SIGNATURE_BYTES = 64


class SigningKey:
    """A private key. It never prints itself, and its seed is what the node's secret seals on the disk."""

    __slots__ = ("_secret", "public", "seed")

    def __init__(self, seed: bytes) -> None:
        self.seed = seed
        self.public, self._secret = bindings.crypto_sign_seed_keypair(seed)

    @classmethod
    def from_seed(cls, seed: bytes) -> SigningKey:
        """The key of a 32-byte seed; chance is the caller's. Raises `ValueError` for a seed of another length."""
        if len(seed) != SEED_BYTES:
            raise ValueError(f"a seed is {SEED_BYTES} bytes, this one is {len(seed)}")
        return cls(seed)

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature of `message`; the same one every time (RFC 8032)."""
        return bindings.crypto_sign(message, self._secret)[:SIGNATURE_BYTES]

    def __repr__(self) -> str:
        return f"SigningKey(public={self.public.hex()[:16]}…)"


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is `public`'s over `message`. False, never an exception, for anything malformed.

    The lengths are checked here because the C function reads 32 bytes of key whatever it is given.
    """
    if len(public) != PUBLIC_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        bindings.crypto_sign_open(signature + message, public)
    except exceptions.BadSignatureError:
        return False
    return True
