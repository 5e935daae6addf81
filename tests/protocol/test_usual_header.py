# SPDX-License-Identifier: AGPL-3.0-or-later
"""The short way through the strict door: it sees what the door sees, of every header that it reads at all."""

from convergences_protocol import cbor, cose, header
from convergences_protocol.element import ElementId
from convergences_protocol.errors import Unreadable
from convergences_protocol.header import Header, read_header
from convergences_protocol.keys import SigningKey
from convergences_protocol.record import author_record
from convergences_protocol.usual_header import read_usual
from hypothesis import given, settings
from hypothesis import strategies as st

KEY = SigningKey.from_seed(bytes(32))
ELEMENT = ElementId.new("FR-93066", 1_780_000_000_000, bytes(10))
TIME = 1_780_000_000
DIGEST = bytes(range(32))

numbers = st.sampled_from([0, 1, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32, 2**63, 2**64])
codes = st.sampled_from(["FR-93066", "FR-93", "FR-R11", "FR-200057867", "FR-930667", "fr-93066", "FR-93066x", "é"])
names = st.sampled_from(["actor", "action", "a", "", "Actor", "x" * 32, "x" * 33, "two words", "x_1"])
uuids = st.sampled_from([ELEMENT.uuid, bytes(16), ELEMENT.uuid[:15]])
sometimes = st.booleans()


def framed(payload: bytes) -> bytes:
    """A header around any payload, signed by nobody."""
    return cose.sign1(cose.protected_header(KEY.public), payload, bytes(64))


def strictly(raw: bytes) -> Header | None:
    try:
        return header._read_strictly(raw)
    except Unreadable:
        return None


def shortly(raw: bytes) -> Header | None:
    try:
        return read_header(raw)
    except Unreadable:
        return None


def usual(previous: bytes | None = None) -> bytes:
    fields = {"name": "Amicale des locataires", "type": "association"}
    return author_record(KEY, ELEMENT, "actor", fields, salt=bytes(16), previous=previous, time=TIME).header


def test_the_short_way_is_taken_by_what_authors_usually_write() -> None:
    for previous in (None, DIGEST):
        assert read_usual(usual(previous)) is not None
        assert read_header(usual(previous)) == header._read_strictly(usual(previous))


@settings(max_examples=500)
@given(st.data())
def test_both_ways_see_the_same_in_a_header_with_changed_bytes(data: st.DataObject) -> None:
    raw = bytearray(usual(data.draw(st.sampled_from([None, DIGEST]))))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    changed = bytes(raw)
    assert shortly(changed) == strictly(changed)


@settings(max_examples=300)
@given(codes, uuids, names, numbers, numbers, sometimes, sometimes)
def test_both_ways_see_the_same_in_any_payload(
    code: str, uuid: bytes, name: str, time: int, length: int, with_previous: bool, with_body: bool
) -> None:
    payload: dict[int, object] = {1: [code, uuid], 2: name, 4: time}
    if with_previous:
        payload[3] = DIGEST
    if with_body:
        payload[5], payload[6] = DIGEST, length
    if max(time, length) >= 2**64:
        return  # nothing that CBOR could write as a number
    raw = framed(cbor.encode(payload))
    assert shortly(raw) == strictly(raw)


def test_a_number_that_has_a_shorter_form_is_not_read() -> None:
    payload = usual()[45:-66]
    time, length = payload.index(b"\x04\x1a"), payload.rindex(b"\x06\x18")
    assert read_usual(framed(payload)) is not None
    for changed in (
        payload[: time + 2] + bytes(4) + payload[time + 6 :],
        payload[: length + 1] + b"\x18\x05",
        payload[: length + 1] + b"\x19\x00\x30",
    ):
        assert read_usual(framed(changed)) is None
        assert shortly(framed(changed)) is None
