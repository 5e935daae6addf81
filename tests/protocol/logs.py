# SPDX-License-Identifier: AGPL-3.0-or-later
"""A log in memory for the tests of logs: keys by name, trees by list, heads when asked."""

from hashlib import sha256

from convergences_protocol import checkpoint, merkle, opening
from convergences_protocol.fork import ForkProof
from convergences_protocol.keys import SigningKey
from convergences_protocol.origin import LogIdentity


def key_of(name: str) -> SigningKey:
    """The same key for the same name."""
    return SigningKey.from_seed(sha256(name.encode()).digest())


def origin_of(territory: str, epoch: int = 0) -> str:
    return f"convergences/{territory}/{epoch:016x}"


def identity_of(territory: str, epoch: int = 0, keys: str | None = None) -> LogIdentity:
    """A log of `territory` whose two keys are named after `keys`, or after the territory."""
    name = keys or territory
    return LogIdentity(origin_of(territory, epoch), key_of(name).public, key_of(f"{name} recovery").public)


def opening_of(log: LogIdentity, previous: checkpoint.Checkpoint | None = None) -> opening.Opening:
    return opening.Opening(log.origin, log.key, log.recovery_key, "a town", previous)


class Tree:
    """The leaves of a log, and what they prove."""

    def __init__(self, entries: list[bytes], origin: str = origin_of("FR-93066")) -> None:
        self.origin = origin
        self.entries = entries
        self.leaves = merkle.leaf_hashes(entries)

    def hash(self, level: int, index: int) -> bytes:
        part = self.leaves[index << level : (index + 1) << level]
        assert len(part) == 1 << level
        return merkle.fold(part)

    def head(self, size: int | None = None) -> checkpoint.Checkpoint:
        size = len(self.leaves) if size is None else size
        return checkpoint.Checkpoint(self.origin, size, merkle.root(self, size))

    def note(self, key: SigningKey, size: int | None = None) -> bytes:
        return checkpoint.sign(self.head(size), key)


def fork_of(smaller: bytes, larger: bytes, reader: merkle.HashReader) -> ForkProof:
    """The proof from two head notes of one log, and the tree under the larger of them."""
    head, other = checkpoint.parse(smaller), checkpoint.parse(larger)
    proof = merkle.consistency_proof(reader, head.size, other.size)
    return ForkProof(smaller, larger, merkle.root(reader, head.size), tuple(proof))
