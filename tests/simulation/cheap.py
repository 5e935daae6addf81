# SPDX-License-Identifier: AGPL-3.0-or-later
"""A double for Ed25519 at the cost of a hash, so that thousands of clusters fit in CI's time.

The double keeps what the protocol relies on, as long as nobody in here forges it on purpose: a signature is one key's
over one message, anyone can check it, one changed bit is noticed. It is put in place of `signature.verify` where that
name was imported; a share of the seeds runs without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from hashlib import blake2b, sha256
from unittest.mock import patch

from convergences_protocol import checkpoint, cosignature, framing, header, note
from convergences_protocol.keys import SigningKey
from convergences_protocol.replication import check, frames, machine


class CheapKey(SigningKey):
    """Signs by hashing: `verify` below is the only one who believes it."""

    __slots__ = ()

    def __init__(self, seed: bytes) -> None:
        self.seed = seed
        self.public = sha256(b"public" + seed).digest()

    def sign(self, message: bytes) -> bytes:
        return blake2b(message, key=self.public, digest_size=64).digest()


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a `CheapKey` made this signature."""
    return blake2b(message, key=public, digest_size=64).digest() == signature


decode = lru_cache(maxsize=20_000)(frames.decode)
read_header = lru_cache(maxsize=50_000)(header.read_header)
parse_head = lru_cache(maxsize=20_000)(checkpoint.parse)
verify_head = lru_cache(maxsize=20_000)(checkpoint.verify)


@lru_cache(maxsize=50_000)
def signature_valid(raw: bytes) -> bool:
    """As framing.py's, remembered: the same header reaches twenty nodes, in every seed."""
    return framing.signature_valid(raw)


@contextmanager
def signatures(*, real: bool) -> Iterator[type[SigningKey]]:
    """The class of keys to use inside, with what verifies them in place."""
    decode.cache_clear()
    parse_head.cache_clear()  # a real signature and a double must never vouch for each other
    verify_head.cache_clear()
    if real:
        yield SigningKey
        return
    with (
        patch.object(note, "verify", verify),
        patch.object(cosignature, "verify_key", verify),
        patch.object(framing, "verify", verify),
        patch.object(check, "read_header", read_header),
        patch.object(machine, "decode", decode),
        patch.object(checkpoint, "parse", parse_head),
        patch.object(checkpoint, "verify", verify_head),
    ):
        yield CheapKey
