# SPDX-License-Identifier: AGPL-3.0-or-later
"""The tree, held against the plainest way to write RFC 6962 down."""

from hashlib import sha256

import pytest
from convergences_protocol import merkle
from hypothesis import given, settings
from hypothesis import strategies as st

SIZES = 70  # past 64, so that each shape of right edge is met, and several levels of it


def leaf(number: int) -> bytes:
    return merkle.leaf_hash(number.to_bytes(4, "big"))


LEAVES = [leaf(number) for number in range(SIZES)]


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, as it stands there."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return merkle.node_hash(naive_root(leaves[:k]), naive_root(leaves[k:]))


def naive_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962 section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if index < k:
        return [*naive_path(index, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(index - k, leaves[k:]), naive_root(leaves[:k])]


def naive_proof(old: int, leaves: list[bytes], whole: bool = True) -> list[bytes]:
    """SUBPROOF of RFC 6962 section 2.1.2."""
    if old == len(leaves):
        return [] if whole else [naive_root(leaves)]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if old <= k:
        return [*naive_proof(old, leaves[:k], whole), naive_root(leaves[k:])]
    return [*naive_proof(old - k, leaves[k:], False), naive_root(leaves[:k])]


class LeavesReader:
    """A HashReader over leaves in memory, which refuses what no tree has."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.leaves = leaves

    def hash(self, level: int, index: int) -> bytes:
        start, stop = index << level, (index + 1) << level
        assert stop <= len(self.leaves), "only complete subtrees are asked for"
        return naive_root(self.leaves[start:stop])


READER = LeavesReader(LEAVES)
ROOTS = [naive_root(LEAVES[:size]) for size in range(SIZES + 1)]


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert merkle.Frontier().root() == merkle.EMPTY_ROOT == merkle.root(READER, 0)


def test_a_frontier_and_a_reader_have_the_root_of_the_plain_tree_at_every_size() -> None:
    frontier = merkle.Frontier()
    for size in range(SIZES + 1):
        assert frontier.size == size
        assert frontier.root() == ROOTS[size] == merkle.root(READER, size)
        assert frontier.to_bytes() == merkle.frontier(READER, size).to_bytes()
        if size < SIZES:
            frontier.append(LEAVES[size])


@given(st.lists(st.integers(0, 40), max_size=12))
def test_a_frontier_does_not_care_in_which_portions_leaves_come(portions: list[int]) -> None:
    leaves = [leaf(number) for number in range(sum(portions))]
    frontier, at = merkle.Frontier(), 0
    for portion in portions:
        frontier.extend(leaves[at : at + portion])
        at += portion
        restored = merkle.Frontier.from_bytes(frontier.to_bytes())
        assert (restored.size, restored.root()) == (frontier.size, frontier.root())
        assert restored.nodes == frontier.nodes
    assert frontier.root() == naive_root(leaves)


def test_a_copy_goes_its_own_way() -> None:
    frontier = merkle.Frontier()
    frontier.extend(LEAVES[:5])
    copy = frontier.copy()
    copy.extend(LEAVES[5:9])
    assert (frontier.root(), copy.root()) == (ROOTS[5], ROOTS[9])


@pytest.mark.parametrize(
    "data", [b"", bytes(7), bytes(8) + bytes(32), (3).to_bytes(8, "big") + bytes(32), b"\xff" * 8, bytes(8) + b"x"]
)
def test_bytes_that_are_no_frontier_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="frontier"):
        merkle.Frontier.from_bytes(data)


def test_every_inclusion_proof_is_the_plain_one_and_holds() -> None:
    for size in range(1, SIZES + 1):
        for index in range(size):
            proof = merkle.inclusion_proof(READER, index, size)
            assert proof == naive_path(index, LEAVES[:size])
            assert merkle.verify_inclusion(LEAVES[index], index, size, proof, ROOTS[size])


def test_every_consistency_proof_is_the_plain_one_and_holds() -> None:
    for new in range(1, SIZES + 1):
        for old in range(1, new + 1):
            proof = merkle.consistency_proof(READER, old, new)
            assert proof == naive_proof(old, LEAVES[:new])
            assert merkle.verify_consistency(old, new, ROOTS[old], ROOTS[new], proof)


def test_an_inclusion_proof_holds_for_nothing_else() -> None:
    for size in range(1, 34):
        for index in range(size):
            proof = merkle.inclusion_proof(READER, index, size)
            others = [at for at in range(size) if at != index]
            assert not any(merkle.verify_inclusion(LEAVES[index], at, size, proof, ROOTS[size]) for at in others)
            assert not merkle.verify_inclusion(leaf(999), index, size, proof, ROOTS[size])
            assert not merkle.verify_inclusion(LEAVES[index], index, size, proof, leaf(999))


def test_a_consistency_proof_holds_for_no_other_history() -> None:
    for new in range(2, 34):
        for old in range(1, new):
            proof = merkle.consistency_proof(READER, old, new)
            assert not merkle.verify_consistency(old, new, leaf(999), ROOTS[new], proof)
            assert not merkle.verify_consistency(old, new, ROOTS[old], leaf(999), proof)
            assert not merkle.verify_consistency(new, old, ROOTS[new], ROOTS[old], proof)
            assert not merkle.verify_consistency(0, new, merkle.EMPTY_ROOT, ROOTS[new], proof)


@given(st.data())
def test_a_proof_with_one_bit_or_one_hash_changed_is_refused(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, SIZES))
    old = data.draw(st.integers(1, new - 1))
    index = data.draw(st.integers(0, new - 1))
    for proof, holds in (
        (merkle.inclusion_proof(READER, index, new), _inclusion(index, new)),
        (merkle.consistency_proof(READER, old, new), _consistency(old, new)),
    ):
        assert holds(proof)
        at = data.draw(st.integers(0, len(proof) - 1))
        bit = data.draw(st.integers(0, 255))
        flipped = bytearray(proof[at])
        flipped[bit // 8] ^= 1 << bit % 8
        assert not holds([*proof[:at], bytes(flipped), *proof[at + 1 :]])
        assert not holds(proof[:at] + proof[at + 1 :])
        assert not holds([*proof[:at], leaf(999), *proof[at:]])
        assert not holds([*proof, leaf(999)])


def _inclusion(index: int, size: int):  # type: ignore[no-untyped-def]
    return lambda proof: merkle.verify_inclusion(LEAVES[index], index, size, proof, ROOTS[size])


def _consistency(old: int, new: int):  # type: ignore[no-untyped-def]
    return lambda proof: merkle.verify_consistency(old, new, ROOTS[old], ROOTS[new], proof)


@settings(max_examples=300)
@given(
    st.integers(-3, 2**70),
    st.integers(-3, 2**70),
    st.binary(max_size=40),
    st.lists(st.one_of(st.binary(max_size=40), st.binary(min_size=32, max_size=32)), max_size=140),
)
def test_verification_says_no_to_anything_and_never_raises(a: int, b: int, root: bytes, proof: list[bytes]) -> None:
    assert merkle.verify_inclusion(leaf(0), a, b, proof, leaf(1)) is False
    if not (a == b and not proof):
        assert merkle.verify_consistency(a, b, root, leaf(1), proof) is False


def test_subtrees_of_a_tree_verify_and_others_do_not() -> None:
    """Proofs of subtrees exist in this code to verify others'; the subtrees that we can name are checked here."""
    size = 13
    for start in range(size):
        for end in range(start + 1, size + 1):
            legal = merkle.is_subtree(start, end)
            assert legal is (start % (1 << (end - start - 1).bit_length()) == 0)
            part = LEAVES[start:end]
            for index in range(start, end):
                held = merkle.verify_subtree_inclusion(
                    LEAVES[index], index, start, end, naive_path(index - start, part), naive_root(part)
                )
                assert held is legal


def test_proofs_cannot_be_asked_of_trees_that_do_not_have_them() -> None:
    for index, size in ((0, 0), (5, 5), (-1, 5)):
        with pytest.raises(ValueError, match="no leaf"):
            merkle.inclusion_proof(READER, index, size)
    for old, new in ((0, 5), (6, 5), (-1, 5)):
        with pytest.raises(ValueError, match="no consistency"):
            merkle.consistency_proof(READER, old, new)
