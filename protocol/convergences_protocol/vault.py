# SPDX-License-Identifier: AGPL-3.0-or-later
"""A town's backup kept by its agglomeration: the two words that are said about it, and what proves them.

A *deposit* is announced by the town: which file, by digest and length. The key of its log signs, so nobody can leave
anything in its place, and the agglomeration pulls the bytes from that very peer, so saying it again does nothing.

A *claim* asks what is kept for a recovery sheet, on the day on which nothing else is left of the town: no key, no
log, not even a clock. So it is the sheet's key that signs, over a challenge that the agglomeration has just given; a
claim without one asks for it. What is kept is ciphertext for that same key: a claim that was forged would bring nothing
to read. See docs/decisions/0098.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import cbor
from .errors import RemoteError, Unreadable
from .header import DIGEST_BYTES, TIME_MAX
from .keys import SigningKey
from .origin import Origin
from .signature import PUBLIC_BYTES, SIGNATURE_BYTES, verify

DEPOSIT = b"convergences/deposit/1\n"
CLAIM = b"convergences/claim/1\n"
"""What the words begin with, which is signed with them: nothing else that these keys sign begins so."""
WORD_BYTES_MAX = 1024
BACKUP_BYTES_MAX = 1 << 48
"""More than any disk of a town; it only has to be written down."""
CHALLENGE_BYTES_MAX = 64


@dataclass(frozen=True, slots=True)
class Deposit:
    """A file that a town asks to be kept."""

    origin: str
    """The log of the town, whose key signs."""
    digest: bytes
    size: int
    made_at: int
    """By the town's clock, for people."""

    def encode(self, key: SigningKey) -> bytes:
        """As it travels, signed."""
        content = [self.origin, self.digest, self.size, self.made_at]
        return DEPOSIT + cbor.encode([*content, key.sign(DEPOSIT + cbor.encode(content))])


@dataclass(frozen=True, slots=True)
class SignedDeposit:
    """A deposit as it came; whose key it must be is the charter's to say."""

    deposit: Deposit
    signature: bytes

    def signed_by(self, key: bytes) -> bool:
        """Whether the log's key has signed it."""
        each = self.deposit
        return verify(key, DEPOSIT + cbor.encode([each.origin, each.digest, each.size, each.made_at]), self.signature)


@dataclass(frozen=True, slots=True)
class Claim:
    """What is asked for a sheet; without a challenge, for a challenge."""

    recovery_key: bytes
    challenge: bytes
    signature: bytes

    @property
    def is_proved(self) -> bool:
        """Whether the sheet's key signed that challenge."""
        return verify(self.recovery_key, CLAIM + self.challenge, self.signature)

    def encode(self) -> bytes:
        """As it travels."""
        return CLAIM + cbor.encode([self.recovery_key, self.challenge, self.signature])


def claim(recovery: SigningKey, challenge: bytes = b"") -> Claim:
    """The word that the sheet's key says."""
    return Claim(recovery.public, challenge, recovery.sign(CLAIM + challenge) if challenge else b"")


def read_deposit(data: bytes) -> SignedDeposit:
    """The deposit in these bytes; RemoteError if they are none."""
    match _content(data, DEPOSIT):
        case [str(origin), bytes(digest), int(size), int(made_at), bytes(signature)] if (
            len(digest) == DIGEST_BYTES
            and 0 < size <= BACKUP_BYTES_MAX
            and 0 <= made_at <= TIME_MAX
            and len(signature) == SIGNATURE_BYTES
        ):
            _check_origin(origin)
            return SignedDeposit(Deposit(origin, digest, size, made_at), signature)
    raise RemoteError("a deposit that cannot be read")


def read_claim(data: bytes) -> Claim:
    """The claim in these bytes; RemoteError if they are none."""
    match _content(data, CLAIM):
        case [bytes(key), bytes(challenge), bytes(signature)] if (
            len(key) == PUBLIC_BYTES
            and len(challenge) <= CHALLENGE_BYTES_MAX
            and len(signature) == (SIGNATURE_BYTES if challenge else 0)
        ):
            return Claim(key, challenge, signature)
    raise RemoteError("a claim that cannot be read")


def _content(data: bytes, prefix: bytes) -> Any:
    if not data.startswith(prefix) or len(data) > WORD_BYTES_MAX:
        return None
    try:
        return cbor.decode(data[len(prefix) :])
    except Unreadable as error:
        raise RemoteError(f"a word about a backup that cannot be read: {error.reason}") from error


def _check_origin(text: str) -> None:
    try:
        Origin.parse(text)
    except ValueError as error:
        raise RemoteError(f"a deposit for no log: {error}") from error
