# SPDX-License-Identifier: AGPL-3.0-or-later
"""The door of replication: what is written is read back, and whatever else arrives is a `RemoteError`, nothing else."""

from __future__ import annotations

import cbor2
import pytest
from convergences_protocol.errors import RemoteError
from convergences_protocol.merkle import SIZE_MAX
from convergences_protocol.replication import frames, limits
from convergences_protocol.replication import messages as said
from hypothesis import given, settings
from hypothesis import strategies as st

HASH = st.binary(min_size=32, max_size=32)
ROOT = st.just(b"") | HASH
SIZE = st.integers(0, SIZE_MAX)
ORIGIN = st.text("abcdefghijklmnopqrstuvwxyz/0123456789-", min_size=1, max_size=limits.ORIGIN_CHARS_MAX)
CREDIT = st.integers(1, limits.CREDIT_MAX)
HASHES = st.lists(HASH, max_size=8).map(tuple)
SLOT = st.none() | st.just(False) | st.binary(max_size=200)


@st.composite
def batches(draw: st.DrawFn) -> said.Batch:
    headers = draw(st.lists(st.binary(max_size=200), min_size=1, max_size=6))
    bodies = draw(st.lists(SLOT, min_size=len(headers), max_size=len(headers)))
    return said.Batch(draw(SIZE), draw(st.integers(0, 1 << 40)), tuple(headers), tuple(bodies), draw(HASHES))


@st.composite
def wants(draw: st.DrawFn) -> said.Want:
    start = draw(st.integers(0, SIZE_MAX - 1))
    size = draw(st.integers(start + 1, SIZE_MAX))
    return said.Want(draw(SIZE), draw(ORIGIN), start, size, draw(HASH), draw(CREDIT))


@st.composite
def proofs_wanted(draw: st.DrawFn) -> said.WantProof:
    old = draw(st.integers(1, SIZE_MAX))
    return said.WantProof(draw(ORIGIN), old, draw(st.integers(old, SIZE_MAX)), draw(HASH))


HEAD = st.builds(said.HeadNote, st.binary(max_size=300), st.lists(st.binary(max_size=200), max_size=4).map(tuple))
FOLLOW = st.builds(said.Follow, ORIGIN, SIZE, ROOT, SIZE)
MESSAGES = st.one_of(
    st.builds(said.Hello, SIZE, st.lists(FOLLOW, max_size=5).map(tuple)),
    st.builds(said.Heads, st.lists(HEAD, max_size=5).map(tuple)),
    wants(),
    st.builds(said.More, SIZE, CREDIT),
    st.builds(said.Stop, SIZE),
    st.builds(said.Cannot, SIZE),
    batches(),
    proofs_wanted(),
    st.builds(said.Proof, ORIGIN, SIZE, SIZE, ROOT, HASHES),
    st.builds(said.WantBodies, HASHES),
    st.builds(said.Bodies, SIZE, st.lists(st.binary(max_size=200), max_size=5).map(tuple)),
    st.builds(said.Forks, st.lists(st.binary(max_size=200), max_size=5).map(tuple)),
    st.builds(said.Doubt, st.binary(max_size=300)),
    st.builds(said.Bye, st.text(st.characters(codec="ascii"), max_size=limits.REASON_CHARS_MAX)),
)


@given(MESSAGES)
def test_what_is_said_is_heard(message: said.Message) -> None:
    """Every message comes back equal from its frame."""
    assert frames.decode(frames.encode(message)) == message


@given(MESSAGES, st.data())
def test_a_frame_cut_anywhere_is_refused(message: said.Message, data: st.DataObject) -> None:
    """No beginning of a frame is a message."""
    frame = frames.encode(message)
    with pytest.raises(RemoteError):
        frames.decode(frame[: data.draw(st.integers(0, len(frame) - 1))])


@settings(max_examples=500)
@given(MESSAGES, st.data())
def test_a_changed_frame_is_refused_or_is_exactly_one_message(message: said.Message, data: st.DataObject) -> None:
    """A byte changed, put in or taken out: `RemoteError`, or a message whose frame is exactly these bytes."""
    frame = bytearray(frames.encode(message))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(frame) - 1)) if frame else 0
        what = data.draw(st.sampled_from(("change", "insert", "delete")))
        if what == "change" and frame:
            frame[at] = data.draw(st.integers(0, 255))
        elif what == "insert":
            frame.insert(at, data.draw(st.integers(0, 255)))
        elif frame:
            del frame[at]
    _decodes_exactly(bytes(frame))


@settings(max_examples=500)
@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_are_exactly_one_message(frame: bytes) -> None:
    """Nothing that a peer can send raises anything but `RemoteError`."""
    _decodes_exactly(frame)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.binary(max_size=40) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=500)
@given(st.integers(0, 20), st.lists(VALUES, max_size=6))
def test_any_fields_are_refused_or_are_exactly_one_message(number: int, fields: list[object]) -> None:
    """Well-formed CBOR of the wrong shape, under every number."""
    _decodes_exactly(cbor2.dumps([number, *fields]))


def _decodes_exactly(frame: bytes) -> None:
    try:
        message = frames.decode(frame)
    except RemoteError:
        return
    assert frames.encode(message) == frame


ONE = "convergences/FR-93066/0011223344556677"


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(bytes(limits.FRAME_BYTES_MAX + 1), id="a frame too long"),
        pytest.param(b"\x81" * 100_000, id="a hundred thousand lists, one in the other"),
        pytest.param(b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff", id="a list of 2**64 members"),
        pytest.param(b"\x82\x07\x5b\x00\x00\x00\x01\x00\x00\x00\x00", id="a byte string of 4 GiB"),
        pytest.param(b"\xd8\x23\x61a", id="a regular expression"),
        pytest.param(cbor2.dumps([99]), id="an unknown message"),
        pytest.param(cbor2.dumps([7, 1, 0, [b""] * 1001, [None] * 1001, []]), id="a record too many"),
        pytest.param(cbor2.dumps([7, 1, 0, [], [], []]), id="a batch of nothing"),
        pytest.param(cbor2.dumps([7, 1, 0, [b""], [None, None], []]), id="a slot too many"),
        pytest.param(cbor2.dumps([7, 1, 0, [bytes(65_536)], [None], []]), id="a leaf too long"),
        pytest.param(cbor2.dumps([7, 1, 0, [b""], [bytes(65_537)], []]), id="a body too long"),
        pytest.param(cbor2.dumps([7, 1, 0, [b""] * 9, [bytes(65_536)] * 9, []]), id="a batch too long"),
        pytest.param(cbor2.dumps([7, 1, 0, [b""], [True], []]), id="a slot that is true"),
        pytest.param(cbor2.dumps([7, 1, 0, [b""], [None], [bytes(32)] * 65]), id="a proof too long"),
        pytest.param(cbor2.dumps([7, 1, 0, [b""], [None], [bytes(31)]]), id="a hash too short"),
        pytest.param(cbor2.dumps([2, [[bytes(4097), []]]]), id="a head too long"),
        pytest.param(cbor2.dumps([2, [[b"", []]] * 257]), id="a head too many"),
        pytest.param(cbor2.dumps([2, [[b"", [b""] * 5]]]), id="a cosignature too many"),
        pytest.param(cbor2.dumps([3, 1, ONE, 5, 5, bytes(32), 4]), id="a want of nothing"),
        pytest.param(cbor2.dumps([3, 1, ONE, 0, 5, bytes(32), 17]), id="a credit too large"),
        pytest.param(cbor2.dumps([3, 1, ONE, 0, 5, bytes(32), 0]), id="no credit"),
        pytest.param(cbor2.dumps([3, 1, "x" * 65, 0, 5, bytes(32), 1]), id="an origin too long"),
        pytest.param(cbor2.dumps([3, 1, ONE, -1, 5, bytes(32), 1]), id="a start below nothing"),
        pytest.param(cbor2.dumps([3, True, ONE, 0, 5, bytes(32), 1]), id="a truth for a number"),
        pytest.param(cbor2.dumps([10, [bytes(32)] * 1025]), id="a digest too many"),
        pytest.param(cbor2.dumps([14, "x" * 201]), id="a reason too long"),
    ],
)
def test_nothing_passes_its_bound(frame: bytes) -> None:
    """One example beyond each bound of limits.py."""
    with pytest.raises(RemoteError):
        frames.decode(frame)


def test_a_full_batch_fits_a_frame() -> None:
    """1,000 records that fill 512 KiB, with the longest proof, are one frame with room to spare."""
    headers, bodies = (bytes(224),) * 1000, (bytes(300),) * 1000
    frame = frames.encode(said.Batch(1 << 60, 1 << 40, headers, bodies, (bytes(32),) * 64))
    assert len(frame) <= limits.FRAME_BYTES_MAX
    assert len(frames.decode(frame).headers) == 1000  # type: ignore[union-attr]


def test_framing_costs_less_than_a_hundredth() -> None:
    """A batch of ordinary records is hardly longer than its headers and bodies (the goal for the wire is 1.10)."""
    headers, bodies = (bytes(225),) * 600, (bytes(600),) * 600
    batch = said.Batch(7, 100_000, headers, bodies, (bytes(32),) * 17)
    assert len(frames.encode(batch)) <= 1.01 * batch.size_bytes
