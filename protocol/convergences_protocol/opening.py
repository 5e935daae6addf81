# SPDX-License-Identifier: AGPL-3.0-or-later
"""The first record of every log: whose it is, by which key, and which other key may end it.

The recovery key stays offline, printed on a sheet; its only power is to sign `end … successor` (recovery.py). An
opening that names a `previous` head says that it continues that log, an epoch of the same territory. It proves
nothing by itself: the charter pins both keys, and says which log counts.
"""

from dataclasses import dataclass

from . import record
from .checkpoint import Checkpoint
from .control import Members, head_content
from .errors import LocalError, Unreadable
from .keys import SigningKey
from .origin import EPOCH_BYTES, LogIdentity, Origin, territory_of

KIND = "log"
NAME_CHARS_MAX = 120


@dataclass(frozen=True, slots=True)
class Opening:
    """What a log says of itself."""

    origin: str
    key: bytes
    recovery_key: bytes
    name: str
    previous: Checkpoint | None = None
    """The last head of the epoch that this one continues."""

    def __post_init__(self) -> None:
        if self.previous and territory_of(self.previous.origin) != self.territory:
            raise ValueError(f"{self.origin} cannot continue {self.previous.origin}: another territory")

    @property
    def territory(self) -> str:
        return territory_of(self.origin)

    @property
    def identity(self) -> LogIdentity:
        """What others pin."""
        return LogIdentity(self.origin, self.key, self.recovery_key)


def author_opening(opening: Opening, key: SigningKey, time: int) -> bytes:
    """The log's first header, signed by the log's own key."""
    if key.public != opening.key:
        raise LocalError(f"the opening of {opening.origin} is signed by the key that it names")
    origin = Origin.parse(opening.origin)
    content: dict[str, object] = {
        "territory": origin.territory,
        "epoch": origin.epoch,
        "key": opening.key,
        "recovery": opening.recovery_key,
        "name": opening.name,
    }
    if opening.previous:
        content["previous"] = head_content(opening.previous)
    return record.author_control(key, KIND, content, time)


def read_opening(header: record.Header) -> Opening:
    """The opening in a header whose signature has been checked. Raises `Unreadable`."""
    members = Members.of(header, KIND)
    previous = members.head("previous") if "previous" in members else None
    try:
        origin = Origin(members.text("territory"), members.octets("epoch", EPOCH_BYTES))
        name = members.text("name", NAME_CHARS_MAX)
        opening = Opening(str(origin), members.key("key"), members.key("recovery"), name, previous)
    except ValueError as error:
        raise Unreadable(str(error)) from error
    if header.author != opening.key:
        raise Unreadable("the opening of a log is not signed by the key that it names")
    return opening
