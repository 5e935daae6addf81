# SPDX-License-Identifier: AGPL-3.0-or-later
"""What two nodes say to each other about a file: one question, one answer, each of them whole in one frame.

Question: version 1, SHA-256, offset (8 bytes), most bytes wanted (4 bytes), big-endian. Answer: one byte of what it is,
the file's whole size (8 bytes), then the bytes from that offset on. Each stands alone, so that any peer can give the
next piece, and a link that breaks loses one piece. See docs/protocol-blobs.md.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from convergences_protocol.errors import RemoteError

from convergences_node.network.transport import PeerKey

VERSION = 1
PIECE_BYTES_MAX = 256 * 1024
"""One piece: four seconds of the slowest line that we serve (0.5 Mbit/s), and as much memory at each end."""

HERE, ABSENT, BUSY = 0, 1, 2

_QUESTION = struct.Struct(">B32sQI")
_ANSWER = struct.Struct(">BQ")
QUESTION_BYTES = _QUESTION.size
ANSWER_BYTES_MAX = _ANSWER.size + PIECE_BYTES_MAX


@dataclass(frozen=True, slots=True)
class Question:
    """Which bytes of which file."""

    digest: bytes
    offset: int
    bytes_max: int = PIECE_BYTES_MAX

    def encode(self) -> bytes:
        return _QUESTION.pack(VERSION, self.digest, self.offset, self.bytes_max)


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of a file, and how long the whole of it is said to be."""

    total: int
    data: bytes

    def encode(self) -> bytes:
        return _ANSWER.pack(HERE, self.total) + self.data


class NotHeld(Exception):  # noqa: N818 - an answer, not a failure
    """The peer has no such file, or none for us."""


def read_question(data: bytes) -> Question:
    """A peer's question. RemoteError for what is none."""
    if len(data) != QUESTION_BYTES:
        raise RemoteError(f"a question about a file of {len(data)} bytes")
    version, digest, offset, bytes_max = _QUESTION.unpack(data)
    if version != VERSION:
        raise RemoteError(f"a question about a file in version {version}")
    return Question(digest, offset, min(bytes_max, PIECE_BYTES_MAX))


def absent() -> bytes:
    """The answer that there is no such file for you."""
    return _ANSWER.pack(ABSENT, 0)


def read_answer(data: bytes, asked: Question) -> Piece:
    """A peer's answer. `NotHeld`, or RemoteError for what answers another question."""
    if len(data) < _ANSWER.size:
        raise RemoteError(f"an answer about a file of {len(data)} bytes")
    state, total = _ANSWER.unpack_from(data)
    if state == ABSENT:
        raise NotHeld
    if state != HERE:
        raise RemoteError("too busy to give a file" if state == BUSY else f"an answer of the unknown sort {state}")
    return checked(Piece(total, data[_ANSWER.size :]), asked)


def checked(piece: Piece, asked: Question) -> Piece:
    """A piece that fits its question; RemoteError for any other, or none where there should be one."""
    rest = piece.total - asked.offset
    if len(piece.data) > min(asked.bytes_max, max(rest, 0)) or (rest > 0 and not piece.data):
        raise RemoteError(f"{len(piece.data)} bytes at {asked.offset} of a file of {piece.total}")
    return piece


class Holders(Protocol):
    """The peers that may have a file."""

    def likely(self) -> Sequence[PeerKey]:
        """Whom to ask, the quickest to reach first."""

    async def piece(self, key: PeerKey, asked: Question) -> Piece:
        """What a peer answers. `NotHeld`; RemoteError, OSError or TimeoutError when there is no answer to use."""
