# SPDX-License-Identifier: AGPL-3.0-or-later
"""The charter's two verbs, `enrol` and `end`, as they stand in control records.

`enrol` lets a log speak for its territory. `end` says how far a log counted, and which one goes on from there: a new
epoch, a new key, the town it merged into, or none (it left). Nothing else is needed: all that happens to a town is
one of the two, or both.
"""

from dataclasses import dataclass

from .checkpoint import Checkpoint
from .control import TEXT_CHARS_MAX, Members, head_content
from .errors import Unreadable
from .origin import LogIdentity, territory_of
from .record import DIGEST_BYTES, TIME_MAX, Header

ENROL = "enrol"
END = "end"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A log that may speak for the territory in its origin, since when (unix seconds), invited by which nonce."""

    origin: str
    key: bytes
    recovery_key: bytes
    since: int
    nonce_digest: bytes | None = None

    @property
    def territory(self) -> str:
        return territory_of(self.origin)

    @property
    def identity(self) -> LogIdentity:
        """What others pin."""
        return LogIdentity(self.origin, self.key, self.recovery_key)

    def content(self) -> dict[str, object]:
        """The content of the control record."""
        content: dict[str, object] = {
            "territory": self.territory,
            "origin": self.origin,
            "key": self.key,
            "recovery": self.recovery_key,
            "since": self.since,
        }
        return content | ({"nonce": self.nonce_digest} if self.nonce_digest else {})


@dataclass(frozen=True, slots=True)
class End:
    """The charter's last word on a log: of all histories under its origin, the one with this root at this size."""

    last: Checkpoint
    successor: str | None
    why: str
    successor_key: bytes | None = None
    """Who the successor is, where no enrolment says so: in an end that the recovery key signed."""

    def content(self) -> dict[str, object]:
        """The content of the control record."""
        content: dict[str, object] = {"last": head_content(self.last), "why": self.why}
        if self.successor:
            content["successor"] = self.successor
        return content | ({"key": self.successor_key} if self.successor_key else {})


def read_enrolment(header: Header) -> Enrolment:
    """The enrolment in a control record. Raises `Unreadable`."""
    members = Members.of(header, ENROL)
    enrolment = Enrolment(
        members.origin("origin"),
        members.key("key"),
        members.key("recovery"),
        members.integer("since", TIME_MAX),
        members.octets("nonce", DIGEST_BYTES) if "nonce" in members else None,
    )
    if members.text("territory") != enrolment.territory:
        raise Unreadable(f"{enrolment.origin} is not a log of the territory that is enrolled")
    return enrolment


def read_end(header: Header) -> End:
    """The end in a control record. Raises `Unreadable`."""
    members = Members.of(header, END)
    end = End(
        members.head("last"),
        members.origin("successor") if "successor" in members else None,
        members.text("why", TEXT_CHARS_MAX),
        members.key("key") if "key" in members else None,
    )
    if end.successor == end.last.origin:
        raise Unreadable(f"{end.successor} cannot be its own successor")
    return end
