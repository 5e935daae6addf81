# SPDX-License-Identifier: AGPL-3.0-or-later
"""Receipts: a C2SP tlog-proof that a record is in a log, to be kept in a drawer and checked years later, offline.

The extra line carries the header's bytes, so that nothing else is needed to compute the leaf; the record's body may
follow them in the same line, as long as it has not been erased. Without it the receipt still proves that the record
existed, not what it said. A header's length stands in the header, so the two need no separator; and a body is
believed only if the header has its digest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from . import checkpoint, cosignature, merkle
from . import note as notes
from .errors import LocalError, RemoteError, Unreadable
from .framing import header_end
from .header import BODY_BYTES_MAX, HEADER_BYTES_MAX, read_header, signature_valid

FIRST_LINE = "c2sp.org/tlog-proof@v1"
FILE_SUFFIX = ".tlog-proof"
"""What a receipt is called as a file."""
RECEIPT_BYTES_MAX = 2 * (HEADER_BYTES_MAX + BODY_BYTES_MAX) + notes.NOTE_BYTES_MAX
_STEPS_MAX = 64


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt as it was read; nothing in it has been checked yet."""

    header: bytes
    body: bytes | None
    index: int
    proof: tuple[bytes, ...]
    note: bytes
    """The log's head with the cosignatures, verbatim."""

    @property
    def origin(self) -> str:
        """The log that it claims to come from: whose key to look up before verifying."""
        return checkpoint.parse(self.note).origin


@dataclass(frozen=True, slots=True)
class Proven:
    """What a verified receipt shows."""

    head: checkpoint.Checkpoint
    index: int
    header: bytes
    body: bytes | None
    author_signed: bool
    """The header is a record's, and its author's key signed it. The log proves that it was logged either way."""
    cosigned: Mapping[str, int]
    """By known cosigner: when it saw the head (unix seconds)."""


def make_receipt(
    header: bytes, index: int, proof: Sequence[bytes], note_with_cosignatures: bytes, body: bytes | None = None
) -> bytes:
    """The receipt's bytes. `note_with_cosignatures` is the head's note with any cosignature lines after it."""
    if body is not None and header_end(header) != len(header):
        raise LocalError("a body can follow only a header that is one")
    lines = [FIRST_LINE, f"extra {notes.encode_base64(header + (body or b''))}", f"index {index}"]
    lines += [notes.encode_base64(step) for step in proof]
    return "\n".join([*lines, "", ""]).encode() + note_with_cosignatures


def read_receipt(data: bytes) -> Receipt:
    """The receipt in these bytes, unverified; RemoteError if they are none."""
    if len(data) > RECEIPT_BYTES_MAX:
        raise RemoteError(f"receipt of {len(data)} bytes; at most {RECEIPT_BYTES_MAX} are read")
    lines, empty, note = data.partition(b"\n\n")
    try:
        first, extra, index, *steps = lines.decode("ascii").split("\n")
        fields = extra.removeprefix("extra "), index.removeprefix("index ")
        if not empty or first != FIRST_LINE or fields[0] == extra or fields[1] == index or len(steps) > _STEPS_MAX:
            raise ValueError("not the lines of a receipt")
        logged = notes.decode_base64(fields[0])
        number = checkpoint.parse_size(fields[1])
        proof = tuple(notes.decode_base64(step) for step in steps)
    except ValueError as error:
        raise RemoteError(f"receipt that cannot be read: {error}") from None
    end = header_end(logged) or len(logged)
    return Receipt(logged[:end], logged[end:] or None, number, proof, note)


def verify_receipt(receipt: Receipt, key: bytes, cosigners: Mapping[str, bytes] | None = None) -> Proven:
    """What the receipt proves, given the log's key and the keys of cosigners by name; RemoteError if nothing.

    Lines by cosigners that are not known are passed over; a wrong one by a known cosigner spoils the receipt.
    """
    head = checkpoint.verify(receipt.note, receipt.origin, key)
    leaf = merkle.leaf_hash(receipt.header)
    if not merkle.verify_inclusion(leaf, receipt.index, head.size, receipt.proof, head.root):
        raise RemoteError(f"receipt whose record is not number {receipt.index} of {head.origin} at size {head.size}")
    if receipt.body is not None:
        _check_body(receipt.header, receipt.body)
    signed = signature_valid(receipt.header)
    cosigned = _cosigned(head, receipt.note, cosigners or {})
    return Proven(head, receipt.index, receipt.header, receipt.body, signed, cosigned)


def _check_body(header: bytes, body: bytes) -> None:
    try:
        expected = read_header(header).body_digest
    except Unreadable as error:
        raise RemoteError(f"receipt with a body, of a header that cannot be read: {error.reason}") from error
    if expected != sha256(body).digest():
        raise RemoteError("receipt with another body than the one that its header names")


def _cosigned(head: checkpoint.Checkpoint, note: bytes, cosigners: Mapping[str, bytes]) -> dict[str, int]:
    """The latest time at which each known cosigner saw the head."""
    times: dict[str, int] = {}
    for signature in notes.parse(note).signatures:
        key = cosigners.get(signature.name)
        if key and signature.key_id == notes.key_id(signature.name, notes.COSIGNATURE, key):
            time = cosignature.verify_cosignature(head, signature.encode(), signature.name, key)
            times[signature.name] = max(time, times.get(signature.name, time))
    return times
