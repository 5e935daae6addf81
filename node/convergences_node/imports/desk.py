# SPDX-License-Identifier: AGPL-3.0-or-later
"""What an import needs of the node it writes into. `verb.py` has the one of a town, the tests one in memory."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

import msgspec
from convergences_protocol.element import ElementId

from convergences_node.archive.model import NewRecord

_PACKER = msgspec.msgpack.Encoder(order="deterministic")

Key = tuple[str, str]
"""(source, source_id)."""


@dataclass(frozen=True, slots=True)
class Known:
    """What an earlier import made of a row, and what has become of it since."""

    element: ElementId
    content: bytes
    """Digest of what was imported then."""
    current: bytes | None
    """Digest of the current header; None if the element has no record any more."""
    gone: str | None = None
    """`erased` or `withdrawn`: it is not to be made again."""


class Desk(Protocol):
    """One town's archive, as an import sees it."""

    async def known(self, keys: Sequence[Key]) -> Mapping[Key, Known]:
        """Those of the rows that were imported before."""
        ...

    async def edited(self, known: Sequence[Known]) -> Collection[ElementId]:
        """Those whose current record does not say what was imported: somebody has changed them since."""
        ...

    async def themes(self) -> Mapping[str, ElementId]:
        """Themes by their folded names (`themes.folded`): the town's own before the agglomeration's."""
        ...

    async def append(self, records: Sequence[NewRecord]) -> None:
        """Author the records, all or none. Raises `Conflict` if one of them was edited meanwhile."""
        ...

    def new_id(self) -> ElementId:
        """An id for a new element of this town."""
        ...


def content_digest(kind: str, fields: Mapping[str, Any]) -> bytes:
    """Digest of what a row says. The day on which it was fetched is not part of what it says."""
    said = [(name, fields[name]) for name in sorted(fields) if name != "fetched"]
    return sha256(_PACKER.encode((kind, said))).digest()


GONE = sha256(b"convergences: gone from its source").digest()
"""Stands where the content's digest would: the element ended because its row was no longer in the source, and no
person had a hand in it. When the row comes back, so does the element."""
