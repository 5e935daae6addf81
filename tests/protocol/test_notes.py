# SPDX-License-Identifier: AGPL-3.0-or-later
"""Origins, notes, heads and cosignatures: what is signed is what is read, and nothing else passes."""

import pytest
from convergences_protocol import checkpoint, cosignature, note
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.errors import RemoteError
from convergences_protocol.origin import Origin, territory_of
from hypothesis import given
from hypothesis import strategies as st

from .logs import Tree, key_of, origin_of

KEY = key_of("saint-denis")
TREE = Tree([b"one", b"two", b"three"])
HEAD = TREE.head()
NOTE = TREE.note(KEY)


def test_an_origin_is_its_text() -> None:
    origin = Origin("FR-200057867", bytes(range(8)))
    assert str(origin) == "convergences/FR-200057867/0001020304050607"
    assert Origin.parse(str(origin)) == origin
    assert territory_of(str(origin)) == "FR-200057867"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "convergences/FR-93066/0001020304050607/",
        "convergences/FR-93066/000102030405060",
        "convergences/FR-93066/000102030405060G",
        "convergences/FR-93066/000102030405060A",
        "convergences/93066/0001020304050607",
        "convergences/FR-930666/0001020304050607",
        "Convergences/FR-93066/0001020304050607",
        "convergences/FR-93066/0001020304050607\n",
        "convergences/FR-９3066/0001020304050607",
    ],
)
def test_other_texts_are_no_origins(text: str) -> None:
    with pytest.raises(ValueError, match="origin"):
        Origin.parse(text)


def test_an_epoch_is_eight_bytes() -> None:
    with pytest.raises(ValueError, match="origin"):
        Origin("FR-93066", bytes(7))


def test_a_head_that_was_signed_is_read_and_verified() -> None:
    assert checkpoint.verify(NOTE, HEAD.origin, KEY.public) == HEAD
    assert checkpoint.parse(NOTE) == HEAD
    assert len(NOTE) < 256


def test_a_head_of_another_log_or_key_is_refused() -> None:
    with pytest.raises(RemoteError, match="head of"):
        checkpoint.verify(NOTE, origin_of("FR-93001"), KEY.public)
    with pytest.raises(RemoteError, match="without a signature"):
        checkpoint.verify(NOTE, HEAD.origin, key_of("another").public)


def test_a_wrong_line_of_a_known_key_spoils_the_note() -> None:
    """Even when a right one stands beside it."""
    right = note.parse(NOTE).signatures[0]
    wrong = note.NoteSignature(right.name, right.key_id, bytes(64)).encode()
    with pytest.raises(RemoteError, match="wrong signature"):
        checkpoint.verify(NOTE + wrong, HEAD.origin, KEY.public)


def test_lines_of_unknown_keys_are_passed_over() -> None:
    stranger = note.NoteSignature(HEAD.origin, b"\x01\x02\x03\x04", bytes(64)).encode()
    assert checkpoint.verify(NOTE + stranger, HEAD.origin, KEY.public) == HEAD


@given(st.integers(0, len(NOTE) - 1), st.integers(0, 7))
def test_no_bit_of_a_signed_head_can_be_changed(at: int, bit: int) -> None:
    changed = bytearray(NOTE)
    changed[at] ^= 1 << bit
    with pytest.raises(RemoteError):
        checkpoint.verify(bytes(changed), HEAD.origin, KEY.public)


@given(st.binary(max_size=300))
def test_bytes_are_a_note_or_a_remote_error(data: bytes) -> None:
    try:
        assert note.parse(data).encode() == data
    except RemoteError:
        pass


@pytest.mark.parametrize(
    "data",
    [
        b"text\n",
        b"text\n\n",
        b"text\n\n\xe2\x80\x94 name AAAAAAA=",
        b"text\n\n\xe2\x80\x94 name AAAA\n",
        b"text\n\n\xe2\x80\x94 na+me AAAAAAA=\n",
        "text\n\n— na\u00a0me AAAAAAA=\n".encode(),
        b"text\n\n-- name AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 name AAAAAAB=\n",
        b"text\n\n\xe2\x80\x94 name  AAAAAAA=\n",
        b"te\rxt\n\n\xe2\x80\x94 name AAAAAAA=\n",
        b"\xff\n\n\xe2\x80\x94 name AAAAAAA=\n",
        b"text\n\n\xe2\x80\x94 name AAAAAAA=\n\n",
        b"text\n\n" + b"\xe2\x80\x94 name AAAAAAA=\n" * 65,
        b"x" * 65537,
    ],
)
def test_what_is_no_note_is_refused(data: bytes) -> None:
    with pytest.raises(RemoteError):
        note.parse(data)


def test_a_text_with_empty_lines_is_split_at_the_last_one() -> None:
    """The poem of c2sp.org/signed-note has one; signing and reading agree on where the text ends."""
    text = "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n".encode()
    signed = note.sign_note(text, "poet", KEY)
    assert note.parse(signed.encode()) == signed
    note.verify_signature(signed, "poet", KEY.public)


def test_extension_lines_are_kept_and_signed() -> None:
    head = Checkpoint(HEAD.origin, 3, HEAD.root, ("phase of the moon",))
    signed = checkpoint.sign(head, KEY)
    assert checkpoint.verify(signed, HEAD.origin, KEY.public) == head
    with pytest.raises(RemoteError):
        checkpoint.verify(signed.replace(b"moon", b"noon"), HEAD.origin, KEY.public)


def test_a_cosignature_says_who_and_when() -> None:
    name = origin_of("FR-200057867")
    line = cosignature.cosign(HEAD, name, KEY, 1_700_000_000)
    assert cosignature.parse_cosignature(line) == cosignature.Cosignature(name, 1_700_000_000, line)
    assert cosignature.verify_cosignature(HEAD, line, name, KEY.public) == 1_700_000_000


def test_a_cosignature_holds_for_one_head_one_time_one_name_and_one_key() -> None:
    name = origin_of("FR-200057867")
    line = cosignature.cosign(HEAD, name, KEY, 1000)
    signature = note.parse_line(line)
    later = note.NoteSignature(name, signature.key_id, (1001).to_bytes(8, "big") + signature.signature[8:]).encode()
    refused = [
        (TREE.head(2), line, name, KEY.public),
        (HEAD, later, name, KEY.public),
        (HEAD, line, HEAD.origin, KEY.public),
        (HEAD, line, name, key_of("another").public),
        (HEAD, NOTE.splitlines(keepends=True)[-1], HEAD.origin, KEY.public),
    ]
    for arguments in refused:
        with pytest.raises(RemoteError):
            cosignature.verify_cosignature(*arguments)


def test_a_head_s_signature_never_passes_for_a_cosignature_nor_the_reverse() -> None:
    """A log cosigns its own heads under its own name, with its own key; type and prefix part them."""
    line = cosignature.cosign(HEAD, HEAD.origin, KEY, 1000)
    only_cosigned = note.parse(NOTE).text + b"\n" + line
    with pytest.raises(RemoteError, match="without a signature"):
        checkpoint.verify(only_cosigned, HEAD.origin, KEY.public)


def test_a_cosignature_s_time_fits_63_bits() -> None:
    assert cosignature.parse_cosignature(cosignature.cosign(HEAD, "w", KEY, 2**63 - 1)).time == 2**63 - 1
    with pytest.raises(ValueError, match="time"):
        cosignature.cosign(HEAD, "w", KEY, 2**63)
    with pytest.raises(RemoteError):
        cosignature.parse_cosignature(note.NoteSignature("w", bytes(4), b"\xff" * 72).encode())
