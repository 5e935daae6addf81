# SPDX-License-Identifier: AGPL-3.0-or-later
"""C2SP signed-note: a text, an empty line, and lines of signatures over the text.

Parsing promises that the bytes have exactly one reading (`parse(data).encode() == data`), and nothing about who
signed; ask `verify_signature` for that. Whoever sent a note that cannot be read gets a `RemoteError`.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256

from .errors import LocalError, RemoteError
from .keys import SigningKey
from .signature import verify

ED25519 = 0x01  # signature over the text itself
COSIGNATURE = 0x04  # with a time, over the text behind a prefix: see cosignature.py

KEY_ID_BYTES = 4
SIGNATURES_MAX = 64  # the specification asks for 16 at least; a cluster of fifty nodes may all have cosigned
NOTE_BYTES_MAX = 65536
NAME_CHARS_MAX = 255
_DASH = "\N{EM DASH} "
_NOT_IN_NAME = re.compile(r"[\s+\x00-\x1f]")  # `\s` is what str.isspace() says of Unicode
_NOT_IN_TEXT = re.compile(rb"[\x00-\x09\x0b-\x1f]")


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One line: who is said to have signed, with which key (a short hint), and the signature's bytes."""

    name: str
    key_id: bytes
    signature: bytes

    def encode(self) -> bytes:
        """The line, with its newline."""
        return f"{_DASH}{self.name} {encode_base64(self.key_id + self.signature)}\n".encode()


@dataclass(frozen=True, slots=True)
class Note:
    """A text (its last newline included) and its signatures, in the order in which they stand."""

    text: bytes
    signatures: tuple[NoteSignature, ...]

    def encode(self) -> bytes:
        """The note's bytes."""
        return self.text + b"\n" + b"".join(signature.encode() for signature in self.signatures)


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """SHA-256(name || 0x0A || signature type || public key)[:4]."""
    return sha256(name.encode() + b"\n" + bytes((kind,)) + public).digest()[:KEY_ID_BYTES]


def sign_note(text: bytes, name: str, key: SigningKey) -> Note:
    """A note of `text` with one Ed25519 signature. LocalError for what no note may say or be signed by."""
    if not is_text(text) or not is_name(name):
        raise LocalError(f"no note of {text[:80]!r} can be signed by {name[:80]!r}")
    return Note(text, (NoteSignature(name, key_id(name, ED25519, key.public), key.sign(text)),))


def verify_signature(note: Note, name: str, public: bytes) -> None:
    """RemoteError unless `public`, under `name`, has signed the note (type 0x01).

    Lines by others are passed over; a line that claims to be this key's and is wrong spoils the whole note.
    """
    wanted = key_id(name, ED25519, public)
    lines = [line for line in note.signatures if line.name == name and line.key_id == wanted]
    if not lines:
        raise RemoteError(f"note without a signature by {name} with key {public.hex()[:16]}")
    if not all(verify(public, note.text, line.signature) for line in lines):
        raise RemoteError(f"note with a wrong signature by {name} with key {public.hex()[:16]}")


def parse(data: bytes) -> Note:
    """The note in these bytes, unverified; RemoteError if they are none."""
    if len(data) > NOTE_BYTES_MAX:
        raise RemoteError(f"note of {len(data)} bytes; at most {NOTE_BYTES_MAX} are read")
    end = data.rfind(b"\n\n") + 1
    if not end:
        raise RemoteError("note without an empty line before its signatures")
    if not is_text(data[:end]):
        raise RemoteError("note that is not UTF-8, with control characters, or with an unfinished line")
    lines = data[end + 1 :].split(b"\n")
    if lines.pop() or not 0 < len(lines) <= SIGNATURES_MAX:
        raise RemoteError("note without signature lines, with too many, or cut in the last one")
    return Note(data[:end], tuple(parse_line(line + b"\n") for line in lines))


def parse_line(line: bytes) -> NoteSignature:
    """One signature line with its newline; RemoteError if it is none."""
    if len(line) > NOTE_BYTES_MAX or not line.endswith(b"\n"):
        raise RemoteError("signature line cut or too long")
    try:
        dash, name, text = line[:-1].decode().split(" ")
        blob = decode_base64(text)
    except ValueError:
        raise RemoteError(f"signature line that cannot be read: {line[:80]!r}") from None
    if dash + " " != _DASH or len(blob) <= KEY_ID_BYTES or not is_name(name):
        raise RemoteError(f"signature line that cannot be read: {line[:80]!r}")
    return NoteSignature(name, blob[:KEY_ID_BYTES], blob[KEY_ID_BYTES:])


def is_name(name: str) -> bool:
    """May a key have this name? Not empty, no Unicode space, no plus, no control character."""
    return 0 < len(name) <= NAME_CHARS_MAX and _NOT_IN_NAME.search(name) is None


def is_text(text: bytes) -> bool:
    """May a note have this text? UTF-8, its last line finished, no control character but the newline."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return text.endswith(b"\n") and _NOT_IN_TEXT.search(text) is None


def encode_base64(data: bytes) -> str:
    """RFC 4648 section 4, with padding."""
    return base64.b64encode(data).decode()


def decode_base64(text: str) -> bytes:
    """The inverse, of the one spelling that `encode_base64` gives; ValueError for any other."""
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
    if encode_base64(data) != text:
        raise ValueError("base64 with stray bits at its end")
    return data
