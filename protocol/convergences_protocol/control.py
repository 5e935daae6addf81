# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reading what a control record (or an invitation) says: a map with text keys, each looked up by name, type and bound.

Control records are a log's opening, the charter's two verbs, and erasures; each has its own module, which says what
the members mean. A member that this version does not know is passed over, so that a newer town stays readable.
Whatever is wrong raises `Unreadable`: the record is kept and relayed all the same.
"""

from .checkpoint import Checkpoint
from .codes import is_territory
from .errors import Unreadable
from .header import Header
from .merkle import HASH_BYTES, SIZE_MAX
from .origin import Origin
from .signature import PUBLIC_BYTES

TEXT_CHARS_MAX = 500


class Members:
    """The members of one control record's content."""

    def __init__(self, content: object) -> None:
        if type(content) is not dict:
            raise Unreadable("content of a control record is not a map")
        self._content = content

    @classmethod
    def of(cls, header: Header, kind: str) -> "Members":
        """The content of `header`, which must be a control record of that kind."""
        if header.kind != kind or header.content is None:
            raise Unreadable(f"{header.kind} record where a control record {kind} was expected")
        return cls(header.content)

    def __contains__(self, name: str) -> bool:
        return self._content.get(name) is not None

    def text(self, name: str, chars_max: int = TEXT_CHARS_MAX) -> str:
        """A text that is not empty."""
        value = self._content.get(name)
        if type(value) is not str or not 0 < len(value) <= chars_max:
            raise Unreadable(f"{name} is not a text of 1 to {chars_max} characters")
        return value

    def integer(self, name: str, high: int = SIZE_MAX) -> int:
        """An integer from 0 to `high`."""
        return _integer(name, self._content.get(name), high)

    def octets(self, name: str, length: int) -> bytes:
        """A byte string of exactly that length."""
        return _octets(name, self._content.get(name), length)

    def blob(self, name: str, bytes_max: int) -> bytes:
        """A byte string of 1 to `bytes_max` bytes."""
        value = self._content.get(name)
        if type(value) is not bytes or not 0 < len(value) <= bytes_max:
            raise Unreadable(f"{name} is not 1 to {bytes_max} bytes")
        return value

    def key(self, name: str) -> bytes:
        """An Ed25519 public key."""
        return self.octets(name, PUBLIC_BYTES)

    def origin(self, name: str) -> str:
        """The origin of a log, in text."""
        return _origin(name, self._content.get(name))

    def territory(self, name: str) -> str:
        """A territory's code."""
        value = self._content.get(name)
        if type(value) is not str or not is_territory(value):
            raise Unreadable(f"{name} is not a territory code")
        return value

    def texts(self, name: str, count_max: int, chars_max: int) -> tuple[str, ...]:
        """An array of up to `count_max` texts; it may be empty."""
        value = self._content.get(name)
        if type(value) is not list or len(value) > count_max:
            raise Unreadable(f"{name} is not a list of at most {count_max}")
        if not all(type(text) is str and 0 < len(text) <= chars_max for text in value):
            raise Unreadable(f"{name} are not texts of 1 to {chars_max} characters")
        return tuple(value)

    def array(self, name: str, count_max: int) -> list[object]:
        """An array of 1 to `count_max` members, whatever they are."""
        value = self._content.get(name)
        if type(value) is not list or not 0 < len(value) <= count_max:
            raise Unreadable(f"{name} is not a list of 1 to {count_max}")
        return value

    def head(self, name: str) -> Checkpoint:
        """`[origin, size, root]`: the head of a log."""
        value = self.array(name, 3)
        if len(value) != 3:
            raise Unreadable(f"{name} is not origin, size and root")
        origin, size, root = value
        return Checkpoint(_origin(name, origin), _integer(name, size, SIZE_MAX), _octets(name, root, HASH_BYTES))


def head_content(head: Checkpoint) -> list[str | int | bytes]:
    """How a head stands in a control record."""
    return [head.origin, head.size, head.root]


def _integer(name: str, value: object, high: int) -> int:
    if type(value) is not int or not 0 <= value <= high:
        raise Unreadable(f"{name} is not an integer from 0 to {high}")
    return value


def _octets(name: str, value: object, length: int) -> bytes:
    if type(value) is not bytes or len(value) != length:
        raise Unreadable(f"{name} is not {length} bytes")
    return value


def _origin(name: str, value: object) -> str:
    try:
        return str(Origin.parse(value if type(value) is str else ""))
    except ValueError as error:
        raise Unreadable(f"{name}: {error}") from None
