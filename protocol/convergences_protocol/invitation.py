# SPDX-License-Identifier: AGPL-3.0-or-later
"""How a town joins: an invitation that the agglomeration signs, and an answer that the town's key signs.

An invitation is a line of text that begins with `conv1`, to be sent by mail or read from a screen. Whoever holds it may
enrol one log for one territory, once, until it expires by the agglomeration's clock. The agglomeration remembers
nothing: the answer carries the invitation back, and the nonce's digest stands in the enrolment (admission.py).
The town, in turn, pins from it the agglomeration's log and both of its keys.
"""

from dataclasses import dataclass
from hashlib import sha256

from . import armour, cbor
from .control import Members
from .errors import Fault, LocalError, Refused, RemoteError, Unreadable
from .header import HEADER_BYTES_MAX, TIME_MAX, read_header, signature_valid
from .keys import SigningKey
from .opening import NAME_CHARS_MAX, Opening, read_opening
from .origin import LogIdentity
from .signature import SIGNATURE_BYTES, verify

PREFIX = "conv1"
NONCE_BYTES = 16
ADDRESSES_MAX = 16
ADDRESS_CHARS_MAX = 200
INVITATION_BYTES_MAX = 4096
ANSWER_BYTES_MAX = INVITATION_BYTES_MAX + HEADER_BYTES_MAX + ADDRESSES_MAX * (ADDRESS_CHARS_MAX + 3) + 256
_INVITATION_AAD = b"convergences/invitation/1\n"
_ANSWER_AAD = b"convergences/answer/1\n"
_SENTENCES = {
    "unreadable": "the invitation cannot be read: {reason}",
    "foreign": "the invitation comes from {origin}, which is not this agglomeration's log",
    "used": "the invitation was used already, for {origin}",
    "other_territory": "the invitation is for {invited}, and the log for {territory}",
    "expired": "the invitation expired at {expires}, and it is {now}",
    "territory_taken": "{territory} has a log already: {origin}",
    "log_known": "the charter names {origin} already",
}


@dataclass(frozen=True, slots=True)
class Invitation:
    """For which territory, by whom, until when (unix seconds), and where to knock."""

    territory: str
    agglomeration: LogIdentity
    name: str
    """Of the agglomeration, for the person who is about to join it."""
    addresses: tuple[str, ...]
    expires: int
    nonce: bytes

    @property
    def nonce_digest(self) -> bytes:
        """What the enrolment carries: the nonce itself would let another answer in its place."""
        return sha256(self.nonce).digest()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a town sends back: the invitation, its log's first record, and where it can be reached, if anywhere."""

    invitation: Invitation
    opening_header: bytes
    opening: Opening
    addresses: tuple[str, ...]


def write_invitation(invitation: Invitation, key: SigningKey) -> str:
    """The invitation as text, signed with the agglomeration's key."""
    if key.public != invitation.agglomeration.key or len(invitation.nonce) != NONCE_BYTES:
        raise LocalError("an invitation is signed by the agglomeration's key, and has a nonce of 16 random bytes")
    log = invitation.agglomeration
    payload = cbor.encode(
        {
            "territory": invitation.territory,
            "origin": log.origin,
            "key": log.key,
            "recovery": log.recovery_key,
            "name": invitation.name,
            "addresses": list(invitation.addresses),
            "expires": invitation.expires,
            "nonce": invitation.nonce,
        }
    )
    return armour.wrap(PREFIX, _seal(payload, _INVITATION_AAD, key))


def read_invitation(text: str) -> Invitation:
    """The invitation in a text as a person has pasted it, its signature checked; Refused with what is wrong.

    Whether it has expired is not looked at: that goes by the agglomeration's clock.
    """
    try:
        return _open_invitation(armour.unwrap(PREFIX, text, INVITATION_BYTES_MAX))
    except ValueError as error:
        raise refused("unreadable", reason=str(error)) from error


def write_answer(text: str, opening_header: bytes, key: SigningKey, addresses: tuple[str, ...] = ()) -> bytes:
    """The answer to the invitation in `text`, by the key of the log that `opening_header` opens. ValueError for no
    invitation: read it first."""
    invitation = armour.unwrap(PREFIX, text, INVITATION_BYTES_MAX)
    payload = cbor.encode({"invitation": invitation, "opening": opening_header, "addresses": list(addresses)})
    return _seal(payload, _ANSWER_AAD, key)


def read_answer(data: bytes) -> Answer:
    """The answer in these bytes, with its three signatures checked: invitation, opening, answer. RemoteError if not.

    That the invitation is one's own, and still good, is for `admission.admit_answer` to say.
    """
    try:
        if len(data) > ANSWER_BYTES_MAX:
            raise Unreadable(f"answer of {len(data)} bytes")
        members = _members(data)
        invitation = _open_invitation(members.blob("invitation", INVITATION_BYTES_MAX))
        header = members.blob("opening", HEADER_BYTES_MAX)
        opening = read_opening(read_header(header))
        if not signature_valid(header) or not _sealed(data, _ANSWER_AAD, opening.key):
            raise Unreadable("not signed by the key of the log that it opens")
        return Answer(invitation, header, opening, members.texts("addresses", ADDRESSES_MAX, ADDRESS_CHARS_MAX))
    except ValueError as error:
        raise RemoteError(f"answer to an invitation that cannot be read: {error}") from error


def refused(code: str, hint: str | None = None, **params: object) -> Refused:
    """What an operator is told of an invitation that does not do."""
    fault = Fault("invitation", f"invitation_{code}", params)
    return Refused([fault], _SENTENCES[code].format(**params), hint=hint)


def _open_invitation(signed: bytes) -> Invitation:
    """ValueError for whatever is wrong."""
    if len(signed) > INVITATION_BYTES_MAX:
        raise Unreadable(f"invitation of {len(signed)} bytes")
    members = _members(signed)
    log = LogIdentity(members.origin("origin"), members.key("key"), members.key("recovery"))
    if not _sealed(signed, _INVITATION_AAD, log.key):
        raise Unreadable("wrong signature")
    return Invitation(
        members.territory("territory"),
        log,
        members.text("name", NAME_CHARS_MAX),
        members.texts("addresses", ADDRESSES_MAX, ADDRESS_CHARS_MAX),
        members.integer("expires", TIME_MAX),
        members.octets("nonce", NONCE_BYTES),
    )


def _seal(payload: bytes, aad: bytes, key: SigningKey) -> bytes:
    """The signature stands in front: what follows is the payload, whatever its length."""
    return key.sign(aad + payload) + payload


def _sealed(data: bytes, aad: bytes, key: bytes) -> bool:
    return verify(key, aad + data[SIGNATURE_BYTES:], data[:SIGNATURE_BYTES])


def _members(data: bytes) -> Members:
    return Members(cbor.decode(data[SIGNATURE_BYTES:]))
