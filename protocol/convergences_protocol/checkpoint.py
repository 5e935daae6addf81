# SPDX-License-Identifier: AGPL-3.0-or-later
"""A log's head, signed: C2SP tlog-checkpoint.

Origin, size and root of a tree, as a note signed by the log's key under the origin as its name. A log signs a head
only once nothing can make it forget what the head covers; two heads of one log that no consistency proof joins are a
fork, which anyone can show (fork.py).
"""

from dataclasses import dataclass

from . import note as notes
from .errors import RemoteError
from .keys import SigningKey
from .merkle import HASH_BYTES, SIZE_MAX

CHECKPOINT_BYTES_MAX = 16384
SIZE_DIGITS_MAX = 19  # digits of SIZE_MAX; longer numbers are not even parsed


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of the log `origin` at `size`. We write no extension lines, and keep those of others."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> bytes:
        """What is signed: three lines at least, each with its newline."""
        return "".join(
            f"{line}\n" for line in (self.origin, self.size, notes.encode_base64(self.root), *self.extensions)
        ).encode()


def sign(checkpoint: Checkpoint, key: SigningKey) -> bytes:
    """The signed head, as a note. The same head and key give the same bytes."""
    return notes.sign_note(checkpoint.text(), checkpoint.origin, key).encode()


def parse(note: bytes) -> Checkpoint:
    """What the note says, unverified; RemoteError if it is not a head."""
    return parse_text(notes.parse(note).text)


def verify(note: bytes, origin: str, key: bytes) -> Checkpoint:
    """The head in `note`, which `key` has signed for the log `origin`; RemoteError otherwise."""
    parsed = notes.parse(note)
    checkpoint = parse_text(parsed.text)
    if checkpoint.origin != origin:
        raise RemoteError(f"head of {checkpoint.origin} where one of {origin} was expected")
    notes.verify_signature(parsed, origin, key)
    return checkpoint


def parse_text(text: bytes) -> Checkpoint:
    """The head in a note's text; RemoteError if it is none."""
    if len(text) > CHECKPOINT_BYTES_MAX or not text.endswith(b"\n"):
        raise RemoteError(f"head of {len(text)} bytes, too long or cut")
    try:
        origin, size, root, *extensions = text[:-1].decode().split("\n")
        checkpoint = Checkpoint(origin, parse_size(size), notes.decode_base64(root), tuple(extensions))
    except ValueError:
        raise RemoteError(f"head that cannot be read: {text[:120]!r}") from None
    if len(checkpoint.root) != HASH_BYTES or not origin or not all(extensions):
        raise RemoteError(f"head that cannot be read: {text[:120]!r}")
    return checkpoint


def parse_size(text: str) -> int:
    """ASCII decimal without leading zeroes; `int` alone would take signs, spaces, and other scripts' digits."""
    if not (text.isascii() and text.isdigit()) or len(text) > SIZE_DIGITS_MAX or (text[0] == "0" and text != "0"):
        raise ValueError("not a size")
    if (size := int(text)) > SIZE_MAX:
        raise ValueError("not a size")
    return size
