# SPDX-License-Identifier: AGPL-3.0-or-later
"""Private Ed25519 keys (RFC 8032). When a signature is valid is `signature.py`'s."""

from __future__ import annotations

from nacl import bindings

from .signature import SIGNATURE_BYTES

SEED_BYTES = 32


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
