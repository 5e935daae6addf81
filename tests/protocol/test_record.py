# SPDX-License-Identifier: AGPL-3.0-or-later
"""Records: what an author may sign, what a reader makes of it, and of anything else."""

from hashlib import sha256
from typing import Any

import pytest
from convergences_protocol import cbor, cose, framing, header
from convergences_protocol.element import ElementId
from convergences_protocol.errors import LocalError, Refused, Unreadable
from convergences_protocol.keys import SigningKey
from convergences_protocol.record import (
    BODY_BYTES_MAX,
    EXTERNAL_AAD,
    HEADER_BYTES_MAX,
    author_control,
    author_record,
    author_withdrawal,
    read_body,
    read_header,
    signature_valid,
)
from convergences_protocol.signature import verify
from hypothesis import given
from hypothesis import strategies as st

KEY = SigningKey.from_seed(bytes(32))
ELEMENT = ElementId.new("FR-93066", 1_780_000_000_000, bytes(10))
FIELDS: dict[str, object] = {
    "name": "Amicale des locataires",
    "type": "association",
    "location": [489_300_000, 23_450_000],
}
SALT = bytes(16)
TIME = 1_780_000_000

digests = st.binary(min_size=32, max_size=32)
times = st.integers(0, 253_402_300_799)
seeds = st.binary(min_size=32, max_size=32)


def record(**changes: Any) -> Any:
    given: dict[str, Any] = {
        "key": KEY,
        "element": ELEMENT,
        "kind": "actor",
        "fields": FIELDS,
        "salt": SALT,
        "previous": None,
        "time": TIME,
    }
    return author_record(**(given | changes))


@given(seeds, digests | st.none(), times, st.binary(min_size=16, max_size=16))
def test_what_an_author_says_is_what_a_reader_reads(
    seed: bytes, previous: bytes | None, time: int, salt: bytes
) -> None:
    key = SigningKey.from_seed(seed)
    made = record(key=key, previous=previous, time=time, salt=salt)
    read = read_header(made.header)
    assert signature_valid(made.header)
    assert (read.author, read.element, read.kind) == (key.public, ELEMENT, "actor")
    assert (read.previous, read.time) == (previous, time)
    assert (read.body_digest, read.body_bytes) == (sha256(made.body).digest(), len(made.body))
    assert read.digest == sha256(made.header).digest()
    assert read_body(read, made.body) == FIELDS


@given(digests, times)
def test_a_withdrawal_has_no_body(previous: bytes, time: int) -> None:
    made = author_withdrawal(KEY, ELEMENT, "actor", previous=previous, time=time)
    read = read_header(made.header)
    assert made.body is None
    assert (read.element, read.body_digest, read.previous) == (ELEMENT, None, previous)
    with pytest.raises(LocalError, match="no body"):
        read_body(read, b"")


contents = st.dictionaries(st.integers(0, 20), st.binary(max_size=64) | st.integers(0, 2**63) | st.none(), max_size=8)


@given(contents, times)
def test_a_control_record_carries_its_content(content: dict[int, object], time: int) -> None:
    read = read_header(author_control(KEY, "enrol", content, time))
    assert (read.kind, read.content, read.element) == ("enrol", content, None)


@given(st.binary(min_size=1, max_size=3900))
def test_the_fast_form_of_what_is_signed_is_the_general_one(filling: bytes) -> None:
    """Whatever the payload's length, the slices of `framing.py` are RFC 9052's Sig_structure."""
    try:
        raw = author_control(KEY, "a", {"x": filling}, 0)
    except LocalError:
        assert len(filling) > 3800
        return
    payload = framing.payload_of(raw)
    assert payload is not None
    signed = cose.signed_bytes(cose.protected_header(KEY.public), EXTERNAL_AAD, payload)
    assert framing.to_be_signed(raw) == signed
    assert verify(KEY.public, signed, raw[-64:])


@given(st.data())
def test_no_byte_of_a_header_can_change(data: st.DataObject) -> None:
    """Changed anywhere, a header is either not one or not signed."""
    raw = bytearray(record(previous=bytes(32)).header)
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    assert not signature_valid(bytes(raw))


@given(st.binary(max_size=300) | st.binary(max_size=200).map(lambda tail: record().header[:43] + tail))
def test_any_bytes_are_a_header_or_unreadable(raw: bytes) -> None:
    try:
        assert read_header(raw).raw == raw
    except Unreadable as error:
        assert error.reason
    assert signature_valid(raw) in (True, False)


@given(st.data())
def test_a_body_that_changed_is_not_the_one_named(data: st.DataObject) -> None:
    made = record()
    body = bytearray(made.body)
    place = data.draw(st.integers(0, len(body) - 1))
    body[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Unreadable, match="not the one"):
        read_body(read_header(made.header), bytes(body))


def test_the_salt_hides_the_body_behind_its_digest() -> None:
    """The same fields under two salts have two digests, and the salt never comes out with the fields."""
    first, second = record(salt=bytes(16)), record(salt=b"x" * 16)
    assert read_header(first.header).body_digest != read_header(second.header).body_digest
    assert "salt" not in read_body(read_header(first.header), first.body)


def test_a_statement_takes_about_225_bytes() -> None:
    assert 215 <= len(record(previous=bytes(32)).header) <= 235


def test_all_the_faults_of_an_input_come_at_once() -> None:
    with pytest.raises(Refused) as caught:
        record(fields={"type": "guild", "themes": ["x", "y"], "founded": "soon", "nonsense": 1})
    assert {(fault.path, fault.code) for fault in caught.value.faults} == {
        ("name", "missing"),
        ("type", "unknown_term"),
        ("themes.0", "bad_element"),
        ("themes.1", "bad_element"),
        ("founded", "bad_date"),
        ("nonsense", "unknown_field"),
    }


def test_a_body_above_64_kib_is_refused_as_a_whole() -> None:
    with pytest.raises(Refused) as caught:
        record(kind="content", fields={"name": "a", "type": "article", "text": "ä" * 40_000})
    assert [fault.code for fault in caught.value.faults] == ["body_too_long"]
    assert caught.value.faults[0].params["bytes_max"] == BODY_BYTES_MAX


@pytest.mark.parametrize(
    "changes",
    [
        {"salt": bytes(15)},
        {"previous": bytes(31)},
        {"time": -1},
        {"time": 253_402_300_800},
        {"kind": "offer"},
        {"element": ElementId("93066", bytes(16))},
    ],
    ids=str,
)
def test_a_callers_mistake_is_local(changes: dict[str, Any]) -> None:
    with pytest.raises(LocalError):
        record(**changes)


def test_a_header_that_could_not_be_read_back_is_not_written() -> None:
    with pytest.raises(LocalError, match="4096"):
        author_control(KEY, "erasure", {"x": bytes(HEADER_BYTES_MAX)}, 0)
    with pytest.raises(LocalError, match="kind"):
        author_control(KEY, "Erasure", {}, 0)
    with pytest.raises(LocalError, match="cannot be encoded"):
        author_control(KEY, "erasure", {"x": 1.5}, 0)


def test_a_newer_versions_field_is_passed_over_and_a_newer_kind_waits() -> None:
    body = cbor.encode({"name": "Amicale", "salt": SALT, "type": "association", "mood": ["good"]})
    raw = header.write_header(KEY, "actor", TIME, element=ELEMENT, body=body)
    assert read_body(read_header(raw), body) == {"name": "Amicale", "type": "association"}
    raw = header.write_header(KEY, "offer", TIME, element=ELEMENT, body=body)
    with pytest.raises(Unreadable, match="unknown kind"):
        read_body(read_header(raw), body)
