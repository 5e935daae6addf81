# SPDX-License-Identifier: AGPL-3.0-or-later
"""Receipts, kept in a drawer, and fork proofs, shown to everyone: both stand by themselves."""

from dataclasses import replace

import pytest
from convergences_protocol import checkpoint, cosignature, fork, merkle, note, receipt
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.element import ElementId
from convergences_protocol.errors import LocalError, RemoteError
from convergences_protocol.record import author_record, author_withdrawal
from hypothesis import given
from hypothesis import strategies as st

from .logs import Tree, fork_of, key_of, origin_of

KEY, AUTHOR, WITNESS = key_of("saint-denis"), key_of("author"), key_of("plaine commune")
NAME = origin_of("FR-200057867")
ELEMENT = ElementId.new("FR-93066", 1_700_000_000_000, bytes(10))
RECORD = author_record(
    AUTHOR, ELEMENT, "actor", {"name": "Fête du quartier", "type": "association"}, salt=b"s" * 16, previous=None, time=9
)
GONE = author_withdrawal(AUTHOR, ELEMENT, "actor", previous=b"p" * 32, time=10)
TREE = Tree([b"no record at all", RECORD.header, *(f"entry {number}".encode() for number in range(9)), GONE.header])
COSIGNED = TREE.note(KEY) + b"".join(
    [
        cosignature.cosign(TREE.head(), TREE.origin, KEY, 2000),
        cosignature.cosign(TREE.head(), NAME, WITNESS, 2100),
        cosignature.cosign(TREE.head(), NAME, WITNESS, 2050),
    ]
)


def receipt_of(index: int, body: bytes | None = None, signed: bytes = COSIGNED) -> bytes:
    proof = merkle.inclusion_proof(TREE, index, len(TREE.leaves))
    return receipt.make_receipt(TREE.entries[index], index, proof, signed, body)


def test_a_receipt_proves_that_the_record_was_there_who_wrote_it_and_who_saw_it() -> None:
    kept = receipt.read_receipt(receipt_of(1, RECORD.body))
    assert kept.origin == TREE.origin
    proven = receipt.verify_receipt(kept, KEY.public, {NAME: WITNESS.public, TREE.origin: KEY.public})
    assert (proven.head, proven.index, proven.header, proven.body) == (TREE.head(), 1, RECORD.header, RECORD.body)
    assert proven.author_signed
    assert proven.cosigned == {NAME: 2100, TREE.origin: 2000}


def test_a_receipt_without_its_body_still_proves_that_the_record_existed() -> None:
    proven = receipt.verify_receipt(receipt.read_receipt(receipt_of(1)), KEY.public)
    assert (proven.header, proven.body, proven.cosigned) == (RECORD.header, None, {})


def test_a_withdrawal_and_an_unreadable_entry_have_receipts_too() -> None:
    last = len(TREE.entries) - 1
    assert receipt.verify_receipt(receipt.read_receipt(receipt_of(last)), KEY.public).header == GONE.header
    proven = receipt.verify_receipt(receipt.read_receipt(receipt_of(0)), KEY.public)
    assert (proven.header, proven.author_signed) == (b"no record at all", False)


def test_a_receipt_is_the_c2sp_format() -> None:
    lines = receipt_of(1).decode().split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[1] == f"extra {note.encode_base64(RECORD.header)}"
    assert lines[2] == "index 1"
    empty = lines.index("")
    assert len(lines[3:empty]) == 4
    assert "\n".join(lines[empty + 1 :]).encode() == COSIGNED


def test_a_receipt_of_the_only_record_has_no_steps() -> None:
    one = Tree([RECORD.header])
    made = receipt.make_receipt(RECORD.header, 0, [], one.note(KEY))
    assert receipt.verify_receipt(receipt.read_receipt(made), KEY.public).index == 0


def test_a_receipt_with_another_body_is_refused() -> None:
    with pytest.raises(RemoteError, match="another body"):
        receipt.verify_receipt(receipt.read_receipt(receipt_of(1, b"another")), KEY.public)
    with pytest.raises(RemoteError, match="another body"):
        receipt.verify_receipt(receipt.read_receipt(receipt_of(len(TREE.entries) - 1, b"another")), KEY.public)
    with pytest.raises(LocalError):
        receipt_of(0, b"a body of what is no record")


def test_a_receipt_under_another_key_or_by_a_false_witness_is_refused() -> None:
    kept = receipt.read_receipt(receipt_of(1))
    with pytest.raises(RemoteError, match="without a signature"):
        receipt.verify_receipt(kept, WITNESS.public)
    line = cosignature.cosign(TREE.head(3), NAME, WITNESS, 2200)
    other = replace(kept, note=kept.note + line)
    with pytest.raises(RemoteError, match="wrong cosignature"):
        receipt.verify_receipt(other, KEY.public, {NAME: WITNESS.public})


@given(st.integers(0, len(receipt_of(1, RECORD.body)) - 1), st.integers(0, 7))
def test_a_receipt_with_a_bit_changed_does_not_hold(at: int, bit: int) -> None:
    changed = bytearray(receipt_of(1, RECORD.body))
    changed[at] ^= 1 << bit
    cosigners = {NAME: WITNESS.public, TREE.origin: KEY.public}
    try:
        proven = receipt.verify_receipt(receipt.read_receipt(bytes(changed)), KEY.public, cosigners)
    except RemoteError:
        return
    # What may change is a cosigner's name or key id: the line is then a stranger's, and passed over.
    assert proven.cosigned.items() <= {NAME: 2100, TREE.origin: 2000}.items() or proven.cosigned[NAME] == 2050
    assert (proven.header, proven.index, proven.body) == (RECORD.header, 1, RECORD.body)


@given(st.binary(max_size=300))
def test_any_bytes_are_no_receipt(data: bytes) -> None:
    for candidate in (data, b"c2sp.org/tlog-proof@v1\n" + data, b"c2sp.org/tlog-proof@v1\nextra AAAA\n" + data):
        with pytest.raises(RemoteError):
            receipt.verify_receipt(receipt.read_receipt(candidate), KEY.public)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tlog-proof@v1", "tlog-proof@v2"),
        ("index 1", "index 01"),
        ("index 1", "index -1"),
        ("index 1\n", ""),
        ("extra ", ""),
        ("\n\n", "\n"),
    ],
)
def test_a_receipt_with_another_frame_is_refused(old: str, new: str) -> None:
    with pytest.raises(RemoteError):
        receipt.verify_receipt(receipt.read_receipt(receipt_of(1).decode().replace(old, new).encode()), KEY.public)


# --- forks ---

ENTRIES = [f"entry {number}".encode() for number in range(20)]
ONE = Tree(ENTRIES)
OTHER = Tree([*ENTRIES[:7], b"something else", *ENTRIES[8:]])


@pytest.mark.parametrize(("a", "b"), [(8, 8), (8, 20), (15, 16), (20, 20), (9, 13)])
def test_two_histories_are_proved_to_be_two(a: int, b: int) -> None:
    for first, second in ((ONE, OTHER), (OTHER, ONE)):
        made = fork_of(first.note(KEY, a), second.note(KEY, b), second)
        assert fork.decode(made.encode()) == made
        assert made.origin == ONE.origin
        assert fork.verify(made, ONE.origin, KEY.public) == fork.Fork(first.head(a), second.head(b))
        assert len(made.encode()) < 1024


def test_one_history_cannot_be_made_to_look_like_two() -> None:
    honest = fork_of(ONE.note(KEY, 8), ONE.note(KEY, 20), ONE)
    shared = fork_of(ONE.note(KEY, 7), OTHER.note(KEY, 20), OTHER)
    for same in (honest, shared):
        with pytest.raises(RemoteError, match="one history"):
            fork.verify(same, ONE.origin, KEY.public)
    for forged in (
        fork_of(ONE.note(KEY, 8), OTHER.note(KEY, 20), ONE),
        replace(honest, root=OTHER.head(8).root),
        replace(honest, proof=tuple(merkle.consistency_proof(OTHER, 8, 20))),
        replace(honest, first=honest.second, second=honest.first, root=bytes(32)),
        replace(honest, second=OTHER.note(KEY, 20)),
        replace(honest, first=checkpoint.sign(Checkpoint(ONE.origin, 0, merkle.EMPTY_ROOT), KEY), proof=()),
    ):
        with pytest.raises(RemoteError):
            fork.verify(forged, ONE.origin, KEY.public)


def test_a_fork_is_of_one_log_by_its_own_key() -> None:
    made = fork_of(ONE.note(KEY, 8), OTHER.note(KEY, 20), OTHER)
    with pytest.raises(RemoteError):
        fork.verify(made, NAME, KEY.public)
    with pytest.raises(RemoteError):
        fork.verify(made, ONE.origin, WITNESS.public)
    elsewhere = Tree(OTHER.entries, NAME)
    with pytest.raises(RemoteError):
        fork.verify(fork_of(ONE.note(KEY, 8), elsewhere.note(KEY, 20), elsewhere), ONE.origin, KEY.public)


@given(st.data())
def test_a_fork_proof_with_a_bit_changed_is_refused(data: st.DataObject) -> None:
    whole = fork_of(ONE.note(KEY, 8), OTHER.note(KEY, 20), OTHER).encode()
    changed = bytearray(whole)
    changed[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(RemoteError):
        fork.verify(fork.decode(bytes(changed)), ONE.origin, KEY.public)


@given(st.binary(max_size=200))
def test_any_bytes_are_no_fork_proof(data: bytes) -> None:
    with pytest.raises(RemoteError):
        fork.decode(data)
