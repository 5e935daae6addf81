# SPDX-License-Identifier: AGPL-3.0-or-later
"""Our own vectors, read as another implementation would read them."""

import json
from pathlib import Path
from typing import Any

import pytest
from convergences_protocol import cbor
from convergences_protocol.edtf import span
from convergences_protocol.errors import Unreadable
from convergences_protocol.kinds import KINDS, Field, FieldType
from convergences_protocol.record import read_body, read_header, signature_valid
from convergences_protocol.signature import verify

from tests.vectors import make_records, writing

FOLDER = Path(__file__).resolve().parents[1] / "vectors" / "records"


def load(name: str) -> Any:
    return json.loads((FOLDER / name).read_text("utf-8"))


def named(name: str) -> list[Any]:
    return [pytest.param(vector, id=vector["name"]) for vector in load(name)]


def test_the_files_are_what_their_generator_writes() -> None:
    """A change of the format shows as a change of these files, never by accident."""
    assert writing.stale("records", make_records.files()) == [], "run python -m tests.vectors.make_records"


def test_the_page_counts_them_right() -> None:
    """`docs/protocol.md` says how many there are."""
    files = {"valid records": "valid", "unreadable headers": "unreadable-headers", "bad signatures": "bad-signatures"}
    page = (FOLDER.parents[2] / "docs" / "protocol.md").read_text("utf-8")
    more = {"unreadable bodies": "unreadable-bodies", "signatures on which libraries disagree": "signatures"}
    for words, name in {**files, **more}.items():
        assert f"{len(load(f'{name}.json'))} {words}" in page


def test_every_kind_has_a_valid_vector() -> None:
    assert {vector["kind"] for vector in load("valid.json") if vector["fields"]} == set(KINDS)


@pytest.mark.parametrize("vector", named("valid.json"))
def test_a_valid_record_is_read_as_it_was_meant(vector: dict[str, Any]) -> None:
    header = read_header(bytes.fromhex(vector["header"]))
    assert signature_valid(header.raw)
    assert header.digest.hex() == vector["digest"]
    assert header.author.hex() == vector["author"]
    assert (str(header.element) if header.element else None) == vector["element"]
    assert (header.previous.hex() if header.previous else None) == vector["previous"]
    assert (header.kind, header.time) == (vector["kind"], vector["time"])
    if vector["fields"] is not None:
        assert read_body(header, bytes.fromhex(vector["body"])) == vector["fields"]
    elif vector["body"] is not None:
        with pytest.raises(Unreadable, match="unknown kind"):
            read_body(header, bytes.fromhex(vector["body"]))


@pytest.mark.parametrize("vector", named("unreadable-headers.json"))
def test_an_unreadable_header_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(Unreadable) as caught:
        read_header(bytes.fromhex(vector["header"]))
    assert caught.value.reason


@pytest.mark.parametrize("vector", named("bad-signatures.json"))
def test_a_bad_signature_is_told_from_a_bad_shape(vector: dict[str, Any]) -> None:
    raw = bytes.fromhex(vector["header"])
    assert read_header(raw).raw == raw
    assert not signature_valid(raw)


@pytest.mark.parametrize("vector", named("signatures.json"))
def test_a_signature_is_valid_or_not_as_the_page_says(vector: dict[str, Any]) -> None:
    key, message, signature = (bytes.fromhex(vector[name]) for name in ("key", "message", "signature"))
    assert verify(key, message, signature) == vector["valid"]


@pytest.mark.parametrize("vector", named("unreadable-bodies.json"))
def test_an_unreadable_body_is_refused_under_a_sound_header(vector: dict[str, Any]) -> None:
    header = read_header(bytes.fromhex(vector["header"]))
    assert signature_valid(header.raw)
    with pytest.raises(Unreadable) as caught:
        read_body(header, bytes.fromhex(vector["body"]))
    assert caught.value.reason


@pytest.mark.parametrize("name", [field_type.value for field_type in FieldType])
def test_each_type_of_field_accepts_and_refuses(name: str) -> None:
    terms = ("concert", "fair") if name == "term" else ()
    field = Field("it", FieldType(name), terms=terms)
    table = load("values.json")[name]
    for value in table["good"]:
        assert list(field.faults_of(value)) == [], value
        assert cbor.decode(cbor.encode(value)) == value
    for code, values in table["bad"].items():
        for value in values:
            assert [fault.code for fault in field.faults_of(value)] == [code], value


@pytest.mark.parametrize("vector", load("dates.json"), ids=lambda vector: vector["text"])
def test_a_date_covers_its_seconds(vector: dict[str, Any]) -> None:
    assert span(vector["text"]) == (vector["first"], vector["last"])
