# SPDX-License-Identifier: AGPL-3.0-or-later
"""Cosignatures: C2SP tlog-cosignature, Ed25519 (type 0x04), with the time of signing inside.

A node cosigns only heads of logs that it stores, after applying the erasures up to them: so one line says that the
node saw the head, holds what it covers, and has forgotten what was to be forgotten. A log's cosignature on its own
head is its freshness, whoever relays it.
A cosigner's name is the origin of its own log. The signed message starts with `cosignature/v1`, which is no origin:
the same key can sign heads and cosignatures, and neither passes for the other.
"""

from dataclasses import dataclass

from . import note as notes
from .checkpoint import Checkpoint
from .errors import RemoteError
from .keys import SigningKey
from .signature import verify as verify_key

TIME_BYTES = 8
TIME_MAX = 2**63 - 1
LINE_BYTES_MAX = 512
_BLOB_BYTES = TIME_BYTES + 64


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A line beside a head: who, when (unix seconds), and the line itself, newline included."""

    cosigner_name: str
    time: int
    line: bytes


def cosign(checkpoint: Checkpoint, name: str, key: SigningKey, time: int) -> bytes:
    """The signature line by which `name` cosigns this head at `time`; never ask before the clock is plausible."""
    if not 0 <= time <= TIME_MAX:
        raise ValueError(f"not a time: {time}")
    blob = time.to_bytes(TIME_BYTES, "big") + key.sign(message(checkpoint, time))
    return notes.NoteSignature(name, notes.key_id(name, notes.COSIGNATURE, key.public), blob).encode()


def verify_cosignature(checkpoint: Checkpoint, line: bytes, name: str, key: bytes) -> int:
    """The time at which `key`, under `name`, cosigned this head; RemoteError if it did not.

    Whether that time lies in the future is for the caller, who has a clock, or has none.
    """
    cosignature = parse_cosignature(line)
    signature = notes.parse_line(line)
    if cosignature.cosigner_name != name or signature.key_id != notes.key_id(name, notes.COSIGNATURE, key):
        raise RemoteError(f"cosignature by {cosignature.cosigner_name} where one by {name} was expected")
    if not verify_key(key, message(checkpoint, cosignature.time), signature.signature[TIME_BYTES:]):
        raise RemoteError(f"wrong cosignature by {name} on {checkpoint.origin} at size {checkpoint.size}")
    return cosignature.time


def parse_cosignature(line: bytes) -> Cosignature:
    """Who and when, unverified; RemoteError if the line cannot be an Ed25519 cosignature."""
    if len(line) > LINE_BYTES_MAX:
        raise RemoteError(f"cosignature line of {len(line)} bytes")
    signature = notes.parse_line(line)
    time = int.from_bytes(signature.signature[:TIME_BYTES], "big")
    if len(signature.signature) != _BLOB_BYTES or time > TIME_MAX:
        raise RemoteError(f"line by {signature.name} that is not a cosignature")
    return Cosignature(signature.name, time, line)


def message(checkpoint: Checkpoint, time: int) -> bytes:
    """What a cosigner signs."""
    return f"cosignature/v1\ntime {time}\n".encode() + checkpoint.text()
