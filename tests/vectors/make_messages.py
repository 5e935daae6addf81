# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes the golden vectors of what nodes say: `python -m tests.vectors.make_messages` (`--check` only compares).

Of each message of replication at least one frame and its fields, and frames that are no message. What a message claims
(heads, proofs, digests) is not judged by its reader: most bytes here stand for such things and are none. Then the words
about a town's backup, and about its machine, which are signed.
`replication/README.md` says how another implementation would use them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import cbor2
from convergences_protocol import health, vault
from convergences_protocol.keys import SigningKey
from convergences_protocol.replication.frames import encode
from convergences_protocol.replication.messages import (
    VERSION,
    Batch,
    Bodies,
    Bye,
    Cannot,
    Doubt,
    Follow,
    Forks,
    HeadNote,
    Heads,
    Hello,
    Message,
    More,
    Proof,
    Stop,
    Want,
    WantBodies,
    WantProof,
)

from tests.vectors import writing
from tests.vectors.writing import Vector

KEY = SigningKey.from_seed(bytes(range(32)))
SHEET = SigningKey.from_seed(bytes(range(64, 96)))
ORIGIN = "convergences/FR-93066/0001020304050607"
OTHER = "convergences/FR-200057867/08090a0b0c0d0e0f"
ROOT, NEW_ROOT = bytes([0xA1] * 32), bytes([0xA2] * 32)
STEPS = (bytes([1] * 32), bytes([2] * 32))
NOTE, LINE = b"a head's note", b"a cosignature's line\n"
SIZE_MAX = 2**63 - 1

VALID: dict[str, Message] = {
    "hello of a node that follows nothing": Hello(VERSION, ()),
    "hello, of one log nothing is held and of one a fresh head": Hello(
        VERSION, (Follow(ORIGIN, 0, b"", 0), Follow(OTHER, 1000, ROOT, 1_780_000_000))
    ),
    "hello of another version": Hello(2, ()),
    "heads, with and without cosignatures": Heads((HeadNote(NOTE, (LINE, LINE)), HeadNote(NOTE))),
    "no heads": Heads(()),
    "want": Want(7, ORIGIN, 0, 1000, ROOT, 8),
    "want of the largest numbers": Want(SIZE_MAX, "x" * 64, SIZE_MAX - 1, SIZE_MAX, ROOT, 16),
    "more": More(7, 1),
    "stop": Stop(7),
    "cannot": Cannot(7),
    "batch with a body, an erased one and none": Batch(
        7, 256, (b"header", b"another", b"a third"), (b"body", None, False), STEPS
    ),
    "batch that ends at the head, of a leaf that is no header": Batch(7, 999, (b"",), (False,), ()),
    "want of a proof": WantProof(ORIGIN, 500, 1000, ROOT),
    "proof": Proof(ORIGIN, 500, 1000, NEW_ROOT, STEPS),
    "no proof": Proof(ORIGIN, 500, 1000, b"", ()),
    "want of bodies": WantBodies((ROOT, NEW_ROOT)),
    "bodies": Bodies(2, (b"body",)),
    "no bodies": Bodies(2, ()),
    "forks": Forks((b"a fork proof",)),
    "doubt": Doubt(NOTE),
    "bye": Bye("speaks version 2, we speak 1"),
    "bye of 200 characters": Bye("é" * 200),
}


def invalid() -> dict[str, bytes]:
    """Frames that are no message, each for one reason."""
    stop, more = [5, 7], [4, 7, 1]
    return {
        "empty": b"",
        "not cbor": b"\xff",
        "no array": cbor2.dumps({0: 5}),
        "array of nothing": cbor2.dumps([]),
        "number is text": cbor2.dumps(["5", 7]),
        "number is true": cbor2.dumps([True, 7]),
        "message 0": cbor2.dumps([0, 7]),
        "message 15": cbor2.dumps([15, 7]),
        "a field too few": cbor2.dumps([5]),
        "a field too many": cbor2.dumps([*stop, 0]),
        "something behind": cbor2.dumps(stop) + b"\x00",
        "cut": cbor2.dumps(more)[:-1],
        "long head": b"\x82\x05\x18\x07",
        "indefinite array": b"\x9f\x05\x07\xff",
        "float": cbor2.dumps([5, 7.0]),
        "tag": b"\xc1" + cbor2.dumps(stop),
        "negative number": cbor2.dumps([5, -1]),
        "number of 64 bits": cbor2.dumps([5, 2**63]),
        "text not in form NFC": cbor2.dumps([14, "e\u0301"]),
        "follow without freshness": cbor2.dumps([1, 1, [[ORIGIN, 0, b""]]]),
        "root of 31 bytes": cbor2.dumps([1, 1, [[ORIGIN, 1, ROOT[1:], 0]]]),
        "log without a name": cbor2.dumps([1, 1, [["", 0, b"", 0]]]),
        "log name of 65 characters": cbor2.dumps([1, 1, [["x" * 65, 0, b"", 0]]]),
        "log name outside ASCII": cbor2.dumps([1, 1, [["é", 0, b"", 0]]]),
        "head without its list of cosignatures": cbor2.dumps([2, [[NOTE]]]),
        "five cosignatures": cbor2.dumps([2, [[NOTE, [LINE] * 5]]]),
        "cosignature of 513 bytes": cbor2.dumps([2, [[NOTE, [bytes(513)]]]]),
        "note of 4,097 bytes": cbor2.dumps([13, bytes(4097)]),
        "want of nothing": cbor2.dumps([3, 7, ORIGIN, 5, 5, ROOT, 1]),
        "want without a root": cbor2.dumps([3, 7, ORIGIN, 0, 5, b"", 1]),
        "credit of 0": cbor2.dumps([4, 7, 0]),
        "credit of 17": cbor2.dumps([4, 7, 17]),
        "batch of nothing": cbor2.dumps([7, 7, 0, [], [], []]),
        "batch with a slot too few": cbor2.dumps([7, 7, 0, [b"a", b"b"], [False], []]),
        "batch with a slot that is true": cbor2.dumps([7, 7, 0, [b"a"], [True], []]),
        "batch with a slot that is text": cbor2.dumps([7, 7, 0, [b"a"], ["body"], []]),
        "proof with 65 steps": cbor2.dumps([9, ORIGIN, 1, 2, ROOT, [ROOT] * 65]),
        "want of a proof from size 0": cbor2.dumps([8, ORIGIN, 0, 5, ROOT]),
        "want of a proof backwards": cbor2.dumps([8, ORIGIN, 6, 5, ROOT]),
        "digest of 33 bytes": cbor2.dumps([10, [ROOT + b"\x00"]]),
        "nine fork proofs": cbor2.dumps([12, [b""] * 9]),
        "bye without a reason": cbor2.dumps([14, None]),
        "bye of 201 characters": cbor2.dumps([14, "x" * 201]),
    }


def shown(value: object) -> Any:
    """A field as JSON has it: bytes in hexadecimal, what has fields by their names."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [shown(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: shown(getattr(value, field.name)) for field in fields(value)}
    return value


def messages() -> Iterable[Vector]:
    for name, message in VALID.items():
        kind, frame = type(message).__name__, encode(message).hex()
        yield {"name": name, "valid": True, "frame": frame, "message": kind, "fields": shown(message)}
    for name, data in invalid().items():
        yield {"name": name, "valid": False, "frame": data.hex()}


def deposits() -> Iterable[Vector]:
    deposit = vault.Deposit(ORIGIN, ROOT, 123_456_789, 1_780_000_000)
    word = deposit.encode(KEY)
    for name, data, reading in (
        ("deposit", word, "signed"),
        ("signed by another key", deposit.encode(SHEET), "unsigned"),
        ("a byte of the signature changed", word[:-1] + bytes([word[-1] ^ 1]), "unsigned"),
        ("of no bytes", vault.Deposit(ORIGIN, ROOT, 0, 1).encode(KEY), "none"),
        ("for no log", vault.Deposit("a log", ROOT, 1, 1).encode(KEY), "none"),
        ("of a digest of 31 bytes", vault.Deposit(ORIGIN, ROOT[1:], 1, 1).encode(KEY), "none"),
        ("something behind", word + b"\x00", "none"),
        ("as a claim", vault.CLAIM + word.removeprefix(vault.DEPOSIT), "none"),
        ("beyond 1,024 bytes", word + bytes(1024), "none"),
    ):
        fields = {} if reading == "none" else shown(deposit)
        yield {"name": name, "reading": reading, "word": data.hex(), "fields": fields}


def claims() -> Iterable[Vector]:
    challenge = bytes(range(40))
    asks, word = vault.claim(SHEET), vault.claim(SHEET, challenge)
    for name, data, reading in (
        ("asks for a challenge", asks.encode(), "unsigned"),
        ("claim", word.encode(), "signed"),
        ("signed over another challenge", replace(word, challenge=challenge[::-1]).encode(), "unsigned"),
        ("challenge without a signature", replace(word, signature=b"").encode(), "none"),
        ("signature without a challenge", replace(word, challenge=b"").encode(), "none"),
        ("challenge of 65 bytes", vault.claim(SHEET, bytes(65)).encode(), "none"),
        ("cut", word.encode()[:-1], "none"),
    ):
        yield {"name": name, "reading": reading, "word": data.hex(), "recovery_key": SHEET.public.hex()}


def healths() -> Iterable[Vector]:
    said = health.Health(ORIGIN, 1_780_000_000, [("card.read_only", health.BAD), ("temperature", health.CARE)])
    full = [(f"{number:x}".rjust(40, "a"), health.CARE) for number in range(health.SIGNS_MAX)]
    word = said.encode(KEY)
    for name, data, reading in (
        ("two signs", word, "signed"),
        ("all is well", replace(said, signs=[]).encode(KEY), "signed"),
        ("a sign that nobody knows yet", replace(said, signs=[("moon.full", health.BAD)]).encode(KEY), "signed"),
        ("16 signs of 40 characters", replace(said, signs=full).encode(KEY), "signed"),
        ("signed by another key", said.encode(SHEET), "unsigned"),
        ("a byte of the signature changed", word[:-1] + bytes([word[-1] ^ 1]), "unsigned"),
        ("17 signs", replace(said, signs=[("card", health.CARE)] * 17).encode(KEY), "none"),
        ("a code of 41 characters", replace(said, signs=[("a" * 41, health.CARE)]).encode(KEY), "none"),
        ("a code with a space", replace(said, signs=[("the card", health.CARE)]).encode(KEY), "none"),
        ("an empty code", replace(said, signs=[("", health.CARE)]).encode(KEY), "none"),
        ("a level of 0", replace(said, signs=[("card", 0)]).encode(KEY), "none"),
        ("a level of 3", replace(said, signs=[("card", 3)]).encode(KEY), "none"),
        ("a level of true", replace(said, signs=[("card", True)]).encode(KEY), "none"),
        ("for no log", replace(said, origin="a log").encode(KEY), "none"),
        ("before 1970", replace(said, said_at=-1).encode(KEY), "none"),
        ("something behind", word + b"\x00", "none"),
        ("as a deposit", vault.DEPOSIT + word.removeprefix(health.HEALTH), "none"),
        ("beyond 1,024 bytes", word + bytes(1024), "none"),
    ):
        yield {"name": name, "reading": reading, "word": data.hex(), "fields": _health(data, reading)}


def _health(data: bytes, reading: str) -> dict[str, Any]:
    said = None if reading == "none" else health.read_health(data).health
    return {"origin": said.origin, "said_at": said.said_at, "signs": list(said.signs)} if said else {}


def files() -> dict[str, list[Vector]]:
    """Every file of vectors, by name."""
    makers = {"messages.json": messages, "deposits.json": deposits, "claims.json": claims, "healths.json": healths}
    return {name: list(make()) for name, make in makers.items()}


if __name__ == "__main__":
    sys.exit(writing.main("replication", files()))
