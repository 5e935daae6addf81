# SPDX-License-Identifier: AGPL-3.0-or-later
"""Signed notes, checkpoints, cosignatures and tile paths as others write them.

The suite `tlog-formats` is a description with examples in prose; the known answers here are those of the C2SP texts
(c2sp.org/tlog-checkpoint, tlog-cosignature, tlog-tiles, tlog-proof), of golang.org/x/mod/sumdb (note, tlog) and of
transparency-dev/formats. Where an example has its key, the signature is verified too.
"""

import base64
from pathlib import Path

import pytest
from convergences_protocol import checkpoint, cosignature, merkle, note
from convergences_protocol.errors import RemoteError
from convergences_protocol.keys import SigningKey

SUITE = Path(__file__).resolve().parents[3] / "shared" / "data" / "conformance" / "tlog-formats"

# golang.org/x/mod/sumdb/note, the package's example.
PETER_NEUMANN_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_NEUMANN_NOTE = """If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
"""

# c2sp.org/tlog-cosignature, the example at its top.
COSIGNED = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""  # noqa: E501

# golang.org/x/mod/sumdb/tlog, TestFormatTree: the root is the hash of the leaf "hello world".
GO_TREE = b"go.sum database tree\n123456789012\nTszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBb0=\n"


def public_of(vkey: str) -> tuple[str, bytes, int, bytes]:
    """A verifier key: `name+key id in hex+base64(type || public key)`."""
    name, key_id, blob = vkey.split("+", 2)
    material = base64.b64decode(blob)
    return name, bytes.fromhex(key_id), material[0], material[1:]


@pytest.mark.parametrize(
    "vkey",
    [
        PETER_NEUMANN_VKEY,
        # transparency-dev/formats, TestCoSigV1NewVerifier
        "TEST+7997405c+AQcC+FTVKf0jlTdHDY3rbevmnKxxPjigCXlVtGe6RIr6",
        "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2",
    ],
)
def test_key_ids_are_those_that_others_computed(vkey: str) -> None:
    """Both for heads (type 1) and for cosignatures (type 4)."""
    name, key_id, kind, public = public_of(vkey)
    assert note.key_id(name, kind, public) == key_id


def test_a_note_signed_by_go_verifies() -> None:
    name, _, _, public = public_of(PETER_NEUMANN_VKEY)
    parsed = note.parse(PETER_NEUMANN_NOTE.encode())
    note.verify_signature(parsed, name, public)
    assert parsed.encode() == PETER_NEUMANN_NOTE.encode()


def test_a_note_signed_by_go_and_changed_does_not() -> None:
    name, _, _, public = public_of(PETER_NEUMANN_VKEY)
    changed = note.parse(PETER_NEUMANN_NOTE.replace("answer", "remedy").encode())
    with pytest.raises(RemoteError):
        note.verify_signature(changed, name, public)


def test_the_checkpoint_of_the_specification_is_read() -> None:
    head = checkpoint.parse(COSIGNED.encode())
    assert (head.origin, head.size) == ("example.com/behind-the-sofa", 20852163)
    assert head.text() == COSIGNED.encode().partition(b"\n\n")[0] + b"\n"


def test_the_cosignature_of_the_specification_has_its_time() -> None:
    line = COSIGNED.splitlines(keepends=True)[-1].encode()
    read = cosignature.parse_cosignature(line)
    assert (read.cosigner_name, read.time) == ("witness.example.com/w1", 1679315147)


def test_a_head_s_own_line_is_no_cosignature() -> None:
    with pytest.raises(RemoteError):
        cosignature.parse_cosignature(COSIGNED.splitlines(keepends=True)[-2].encode())


def test_the_cosignature_of_transparency_dev_has_its_time() -> None:
    """TestCoSigV1Timestamp."""
    blob = "ZGhGuQAAAABm/qTPeyKXD+R2rzyQsxPiP8mXum7qq/iF0u4vanlqJyocWODBt97w9uL+8qT7S5gxEHWWOworDcFiEBYJXORmnFBOBA=="
    assert cosignature.parse_cosignature(f"— w {blob}\n".encode()).time == 1727964367


def test_the_tree_of_go_is_written_the_same() -> None:
    head = checkpoint.Checkpoint("go.sum database tree", 123456789012, merkle.leaf_hash(b"hello world"))
    assert head.text() == GO_TREE
    assert checkpoint.parse_text(GO_TREE) == head


@pytest.mark.parametrize(
    "text",
    [
        GO_TREE.replace(b"123456789012", b"0xabcdef"),
        GO_TREE.replace(b"uwBb0=", b"uwBTOOBIG="),
        GO_TREE.replace(b"123456789012", b"0123"),
        GO_TREE.replace(b"123456789012", b"-1"),
        GO_TREE.replace(b"123456789012", b"+1"),
        GO_TREE.replace(b"123456789012", "１２".encode()),
        GO_TREE.replace(b"123456789012", b"9223372036854775808"),
        GO_TREE.replace(b"Bb0=", b"Bb1="),
        GO_TREE.replace(b"go.sum database tree", b""),
    ],
)
def test_what_is_no_checkpoint_is_refused(text: bytes) -> None:
    """The bad trees of golang.org/x/mod/sumdb/tlog, and the second spellings that a lenient parser lets in."""
    assert text != GO_TREE
    with pytest.raises(RemoteError):
        checkpoint.parse_text(text)


def test_sixteen_signatures_are_accepted() -> None:
    """c2sp.org/signed-note: verifiers must accept at least 16."""
    signed = checkpoint.sign(checkpoint.Checkpoint("log", 0, merkle.EMPTY_ROOT), SigningKey.from_seed(bytes(32)))
    lines = [note.NoteSignature(f"w{number}", bytes(4), bytes(5000)).encode() for number in range(7)]
    lines += [note.NoteSignature(f"v{number}", bytes(4), bytes(72)).encode() for number in range(8)]
    many = signed + b"".join(lines)
    assert checkpoint.verify(many, "log", SigningKey.from_seed(bytes(32)).public).size == 0
    assert len(note.parse(many).signatures) == 16


@pytest.mark.skipif(not SUITE.is_dir(), reason="the conformance suites are not beside this repository")
def test_the_description_that_we_follow_is_the_one_we_have() -> None:
    """The suite's prose says three lines, and signatures over the body: all that it asks is tested above."""
    text = (SUITE / "log" / "README.md").read_text("utf-8")
    assert "<Origin string>\n<Decimal log size>\n<Base64 log root hash>" in text
    assert "All signatures commit to the body only" in text
