# SPDX-License-Identifier: AGPL-3.0-or-later
"""The tree under every log: RFC 6962 section 2, with the algorithms of RFC 9162 section 2.1.

A `Frontier` is all that a log's writer or a receiver needs to remember in order to append: one hash for each bit
set in the size. Proofs are made from a `HashReader`, which answers for complete subtrees only, so that any storage
of tiles will do. Proofs are verified from nothing but their own bytes.

Verification answers False to whatever is not a proof: hashes of a wrong length, sizes out of order, a proof that
is too long by a megabyte. It never raises, and never works longer than the 64 levels of a tree.
The proofs of subtrees (draft-ietf-plants-merkle-tree-certs, section 4) contain the ordinary ones as the case
`start = 0`, so each algorithm stands here once.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Protocol, Self

HASH_BYTES = 32
SIZE_MAX = 2**63 - 1  # C2SP keeps sizes within a signed 64-bit integer; SQLite does too.
EMPTY_ROOT = sha256(b"").digest()
STEPS_MAX = 128
"""Hashes in a proof: two a level at the very most."""


def leaf_hash(entry: bytes) -> bytes:
    """RFC 6962 section 2.1: the 0x00 in front keeps a leaf from passing for a node."""
    return sha256(b"\x00" + entry).digest()


def leaf_hashes(entries: Iterable[bytes]) -> list[bytes]:
    """`leaf_hash` of many entries; the loop that a whole backlog goes through."""
    digest = sha256
    return [digest(b"\x00" + entry).digest() for entry in entries]


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 6962 section 2.1: the hash of an inner node."""
    return sha256(b"\x01" + left + right).digest()


def pair_up(hashes: Sequence[bytes]) -> list[bytes]:
    """The level above an even number of neighbours."""
    digest = sha256
    pairs = iter(hashes)
    return [digest(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root over a power of two of neighbours."""
    while len(hashes) > 1:
        hashes = pair_up(hashes)
    return hashes[0]


class Frontier:
    """The right edge of a tree: its size, and the hash of each complete subtree that makes it up.

    Not shared between threads; `copy` is cheap (at most 63 hashes), so try on a copy and keep it if it held.
    """

    __slots__ = ("_pending", "size")

    def __init__(self, size: int = 0, nodes: Sequence[bytes] = ()) -> None:
        """`nodes` are the complete subtrees from the largest (left) to the smallest (right)."""
        if not 0 <= size <= SIZE_MAX or len(nodes) != size.bit_count():
            raise ValueError(f"a frontier of size {size} cannot have {len(nodes)} nodes")
        if any(len(node) != HASH_BYTES for node in nodes):
            raise ValueError("a frontier's nodes are SHA-256 hashes")
        self.size = size
        # _pending[level] waits for its right neighbour when that bit of size is set; else what it holds means nothing.
        self._pending: list[bytes] = [b""] * size.bit_length()
        levels = [level for level in reversed(range(size.bit_length())) if size >> level & 1]
        for level, node in zip(levels, nodes, strict=True):
            self._pending[level] = node

    @property
    def nodes(self) -> list[bytes]:
        """The complete subtrees, from the largest (left) to the smallest (right)."""
        return [self._pending[level] for level in reversed(range(self.size.bit_length())) if self.size >> level & 1]

    def append(self, leaf: bytes) -> None:
        """Add one leaf, given by its hash."""
        self.extend((leaf,))

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Add leaves, given by their hashes, level by level: one pass of hashing over each."""
        row = list(leaves)
        size, level = self.size, 0
        self.size += len(row)
        self._pending.extend([b""] * (self.size.bit_length() - len(self._pending)))
        while row:
            if size >> level & 1:
                row.insert(0, self._pending[level])
            if len(row) & 1:
                self._pending[level] = row.pop()
            row = pair_up(row)
            level += 1

    def root(self) -> bytes:
        """The tree's root hash; EMPTY_ROOT of no leaves."""
        return join(self.nodes)

    def copy(self) -> Self:
        """Another frontier with the same content."""
        twin = type(self)()
        twin.size, twin._pending = self.size, self._pending.copy()
        return twin

    def to_bytes(self) -> bytes:
        """The size in 8 bytes, then the nodes from the largest to the smallest."""
        return self.size.to_bytes(8, "big") + b"".join(self.nodes)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """What `to_bytes` gave; ValueError for anything else."""
        rest = data[8:]
        if len(data) < 8 or len(rest) % HASH_BYTES:
            raise ValueError(f"{len(data)} bytes are not a frontier")
        return cls(int.from_bytes(data[:8], "big"), split_hashes(rest))


def split_hashes(data: bytes) -> list[bytes]:
    """Concatenated hashes, one by one; `data` is a multiple of 32 bytes long."""
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def join(nodes: Sequence[bytes]) -> bytes:
    """The root over complete subtrees given from the largest to the smallest."""
    if not nodes:
        return EMPTY_ROOT
    result = nodes[-1]
    for node in reversed(nodes[:-1]):
        result = node_hash(node, result)
    return result


class HashReader(Protocol):
    """Where proofs come from: the hashes of complete subtrees."""

    def hash(self, level: int, index: int) -> bytes:
        """The hash over the leaves `[index << level, (index + 1) << level)`; all of them are in the tree."""
        ...


def range_hash(reader: HashReader, start: int, end: int) -> bytes:
    """The hash over the leaves `[start, end)`, a subtree: `start` is a multiple of a power of two >= `end - start`."""
    nodes = []
    for level in reversed(range((end - start).bit_length())):
        if (end - start) >> level & 1:
            nodes.append(reader.hash(level, start >> level))
            start += 1 << level
    return join(nodes)


def root(reader: HashReader, size: int) -> bytes:
    """The root of the tree of the first `size` leaves."""
    return range_hash(reader, 0, size)


def frontier(reader: HashReader, size: int) -> Frontier:
    """The frontier of the tree of the first `size` leaves."""
    levels = [level for level in reversed(range(size.bit_length())) if size >> level & 1]
    return Frontier(size, [reader.hash(level, (size >> level) - 1) for level in levels])


def split_point(size: int) -> int:
    """The largest power of two smaller than `size` (the k of RFC 6962)."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_proof(reader: HashReader, index: int, size: int) -> list[bytes]:
    """PATH(index, D[size]) of RFC 6962 section 2.1.1, from the leaf's sibling up."""
    if not 0 <= index < size:
        raise ValueError(f"no leaf {index} in a tree of {size}")
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + split_point(end - start)
        if index < middle:
            proof.append(range_hash(reader, middle, end))
            end = middle
        else:
            proof.append(range_hash(reader, start, middle))
            start = middle
    return proof[::-1]


def consistency_proof(reader: HashReader, old: int, new: int) -> list[bytes]:
    """PROOF(old, D[new]) of RFC 6962 section 2.1.2; empty when the sizes are equal."""
    if not 0 < old <= new:
        raise ValueError(f"no consistency to prove from size {old} to size {new}")
    proof: list[bytes] = []
    start, end = 0, new
    while old < end:
        middle = start + split_point(end - start)
        if old <= middle:
            proof.append(range_hash(reader, middle, end))
            end = middle
        else:
            proof.append(range_hash(reader, start, middle))
            start = middle
    # The old root itself is left out of the proof when it is one complete subtree: the verifier has it.
    return [*([range_hash(reader, start, end)] if start else []), *proof[::-1]]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Does `proof` show that the leaf hash `leaf` is number `index` of the tree `size`, `root`? (RFC 9162 2.1.3.2)"""
    return verify_subtree_inclusion(leaf, index, 0, size, proof, root)


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Does `proof` show that the tree `new`, `new_root` extends `old`, `old_root`? (RFC 9162 2.1.4.2)

    False for a size of 0: every tree extends the empty one, so that no proof of it means anything.
    """
    return old > 0 and verify_subtree_consistency(0, old, new, old_root, new_root, proof)


def is_subtree(start: int, end: int) -> bool:
    """May `[start, end)` be a subtree? Its start is a multiple of a power of two that holds it."""
    return 0 <= start < end <= SIZE_MAX and start % (1 << (end - start - 1).bit_length()) == 0


def verify_subtree_inclusion(
    leaf: bytes, index: int, start: int, end: int, proof: Sequence[bytes], subtree_root: bytes
) -> bool:
    """Is the leaf hash `leaf` number `index` in the subtree `[start, end)`? (draft-ietf-plants, section 4.3)"""
    if not is_subtree(start, end) or not start <= index < end or not _hashes(leaf, proof):
        return False
    at, last, result = index - start, end - start - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            result = node_hash(sibling, result)
            # A right edge without a sibling is carried up unchanged: those levels are not in the proof.
            zeros = _trailing_zeros(at)
            at, last = at >> zeros, last >> zeros
        else:
            result = node_hash(result, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and result == subtree_root


def verify_subtree_consistency(
    start: int, end: int, size: int, subtree_root: bytes, root: bytes, proof: Sequence[bytes]
) -> bool:
    """Is the subtree `[start, end)`, `subtree_root` part of the tree `size`, `root`? (draft-ietf-plants, 4.4)"""
    if 0 <= start == end <= size:  # The empty subtree is part of every tree, whatever that tree's root.
        return not proof and subtree_root == EMPTY_ROOT
    if not is_subtree(start, end) or not end <= size <= SIZE_MAX or not _hashes(EMPTY_ROOT, proof):
        return False
    first, last, top = start, end - 1, size - 1
    # Go up to the largest complete subtree at the right edge of [start, end) that the large tree has too.
    while first != last and (last == top or last & 1):
        first, last, top = first >> 1, last >> 1, top >> 1
    steps = iter(proof)
    seed = subtree_root if first == last else next(steps, b"")
    if not seed:
        return False
    small = large = seed
    for step in steps:
        if top == 0:
            return False
        if last & 1 or last == top:
            if first < last:
                small = node_hash(step, small)
            large = node_hash(step, large)
            zeros = _trailing_zeros(last)
            first, last, top = first >> zeros, last >> zeros, top >> zeros
        else:
            large = node_hash(large, step)
        first, last, top = first >> 1, last >> 1, top >> 1
    return top == 0 and small == subtree_root and large == root


def _hashes(leaf: bytes, proof: Sequence[bytes]) -> bool:
    """No other length, or bytes could slide between neighbours."""
    return len(leaf) == HASH_BYTES and len(proof) <= STEPS_MAX and all(len(step) == HASH_BYTES for step in proof)


def _trailing_zeros(number: int) -> int:
    """How often 2 divides `number`; 0 for 0, whose way up ends by itself."""
    return (number & -number).bit_length() - 1 if number else 0
