# SPDX-License-Identifier: AGPL-3.0-or-later
"""The vectors of what nodes say, read as another implementation would: from the files alone."""

import json
from pathlib import Path
from typing import Any

import pytest
from convergences_protocol import health, vault
from convergences_protocol.errors import RemoteError
from convergences_protocol.keys import SigningKey
from convergences_protocol.replication.frames import decode, encode

from tests.vectors import make_messages, writing

FOLDER = Path(__file__).resolve().parents[2] / "vectors" / "replication"
KEY = SigningKey.from_seed(bytes(range(32))).public


def load(name: str) -> list[dict[str, Any]]:
    vectors: list[dict[str, Any]] = json.loads((FOLDER / name).read_text("utf-8"))
    return vectors


def test_the_files_are_what_their_generator_writes() -> None:
    """A change of the format shows as a change of these files, never by accident."""
    assert writing.stale("replication", make_messages.files()) == [], "run python -m tests.vectors.make_messages"


def test_every_file_is_described() -> None:
    described = (FOLDER / "README.md").read_text("utf-8")
    assert all(f"`{path.name}`" in described for path in FOLDER.glob("*.json"))


def test_messages() -> None:
    """A frame is read as its message and written back to the byte, or it is refused."""
    for vector in load("messages.json"):
        frame = bytes.fromhex(vector["frame"])
        if not vector["valid"]:
            with pytest.raises(RemoteError):
                decode(frame)
            continue
        message = decode(frame)
        assert (type(message).__name__, make_messages.shown(message)) == (vector["message"], vector["fields"]), vector[
            "name"
        ]
        assert encode(message) == frame, vector["name"]


def test_deposits() -> None:
    """The key of the town's log stands by what is to be kept."""
    for vector in load("deposits.json"):
        word = bytes.fromhex(vector["word"])
        if vector["reading"] == "none":
            with pytest.raises(RemoteError):
                vault.read_deposit(word)
            continue
        read = vault.read_deposit(word)
        said = (read.deposit.origin, read.deposit.digest.hex(), read.deposit.size, read.deposit.made_at)
        assert said == tuple(vector["fields"][name] for name in ("origin", "digest", "size", "made_at"))
        assert read.signed_by(KEY) == (vector["reading"] == "signed"), vector["name"]


def test_healths() -> None:
    """The key of the town's log stands by what it says of its machine."""
    for vector in load("healths.json"):
        word = bytes.fromhex(vector["word"])
        if vector["reading"] == "none":
            with pytest.raises(RemoteError):
                health.read_health(word)
            continue
        read = health.read_health(word)
        fields = vector["fields"]
        assert (read.health.origin, read.health.said_at) == (fields["origin"], fields["said_at"])
        assert [list(each) for each in read.health.signs] == fields["signs"]
        assert read.signed_by(KEY) == (vector["reading"] == "signed"), vector["name"]


def test_claims() -> None:
    """The sheet's key stands by the challenge that it was given."""
    for vector in load("claims.json"):
        word = bytes.fromhex(vector["word"])
        if vector["reading"] == "none":
            with pytest.raises(RemoteError):
                vault.read_claim(word)
            continue
        claim = vault.read_claim(word)
        assert claim.recovery_key.hex() == vector["recovery_key"]
        assert claim.is_proved == (vector["reading"] == "signed"), vector["name"]
