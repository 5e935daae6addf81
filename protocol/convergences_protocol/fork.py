# SPDX-License-Identifier: AGPL-3.0-or-later
"""Proof that a log's key signed two histories, which anyone can check who knows the key.

Two signed heads of sizes a <= b; the root at a of the tree that the second head signs, with the consistency proof that
it is so; and that root is not the one that the first head signs. Kept, shown, passed on: what both histories share
stands, the rest is disputed until the charter's `end` says which branch counts.
"""

from dataclasses import dataclass

from . import cbor, checkpoint, merkle
from .errors import RemoteError, Unreadable
from .note import NOTE_BYTES_MAX

FORK_BYTES_MAX = 2 * NOTE_BYTES_MAX + 8192
_VERSION = 1


@dataclass(frozen=True, slots=True)
class ForkProof:
    """`first` and `second` are the notes as they were heard, the smaller size first."""

    first: bytes
    second: bytes
    root: bytes
    """Of the tree under `second`, at the size of `first`."""
    proof: tuple[bytes, ...]

    @property
    def origin(self) -> str:
        """Of which log this claims to be a fork, unverified; RemoteError if the note cannot be read."""
        return checkpoint.parse(self.first).origin

    def encode(self) -> bytes:
        """Deterministic CBOR: `[1, first, second, root, [proof…]]`."""
        return cbor.encode([_VERSION, self.first, self.second, self.root, list(self.proof)])


@dataclass(frozen=True, slots=True)
class Fork:
    """A fork that was verified: the two heads that no tree joins."""

    first: checkpoint.Checkpoint
    second: checkpoint.Checkpoint


def decode(data: bytes) -> ForkProof:
    """The proof in these bytes, unverified; RemoteError if they are none."""
    if len(data) > FORK_BYTES_MAX:
        raise RemoteError(f"fork proof of {len(data)} bytes")
    try:
        value = cbor.decode(data)
    except Unreadable as error:
        raise RemoteError(f"fork proof that cannot be read: {error}") from error
    if type(value) is not list or len(value) != 5 or value[0] != _VERSION or type(value[4]) is not list:
        raise RemoteError("fork proof that cannot be read")
    first, second, root, proof = value[1:]
    if len(proof) > merkle.STEPS_MAX or not all(type(part) is bytes for part in (first, second, root, *proof)):
        raise RemoteError("fork proof that cannot be read")
    return ForkProof(first, second, root, tuple(proof))


def verify(proof: ForkProof, origin: str, key: bytes) -> Fork:
    """The fork of the log `origin` that `key` signed; RemoteError if this proves none."""
    first = checkpoint.verify(proof.first, origin, key)
    second = checkpoint.verify(proof.second, origin, key)
    if not merkle.verify_consistency(first.size, second.size, proof.root, second.root, proof.proof):
        raise RemoteError(f"fork proof of {origin} whose consistency proof does not hold")
    if proof.root == first.root:
        raise RemoteError(f"fork proof of {origin} that shows one history")
    return Fork(first, second)
