# SPDX-License-Identifier: AGPL-3.0-or-later
"""What residents write: new elements, edits, withdrawals, and now and then a leaf that no reader understands.

Records are made once a process and used again by every seed, because a record depends on nothing that a seed decides.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from convergences_protocol.element import ElementId
from convergences_protocol.header import write_header
from convergences_protocol.keys import SigningKey
from convergences_protocol.record import author_record, author_withdrawal

from .archive import SimLog

if TYPE_CHECKING:
    from .town import Town

TIME = 1_750_000_000


def element(territory: str, serial: int) -> ElementId:
    """The element that a town's resident makes as number `serial`."""
    return ElementId.new(territory, 1_750_000_000_000 + serial, sha256(territory.encode()).digest()[:10])


class Authors:
    """The residents of a whole cluster, with keys of one class."""

    def __init__(self, key_class: type[SigningKey]) -> None:
        self.key_class = key_class
        self._key = lru_cache(maxsize=None)(lambda territory: key_class(sha256(territory.encode()).digest()))
        self._create = lru_cache(maxsize=100_000)(self._create_now)
        self._edit = lru_cache(maxsize=100_000)(self._edit_now)
        self._withdraw = lru_cache(maxsize=100_000)(self._withdraw_now)
        self._strange = lru_cache(maxsize=1_000)(self._strange_now)
        self.written: dict[str, list[ElementId]] = {}
        self.serials: dict[str, int] = {}

    def elements(self, town: Town) -> list[ElementId]:
        """Those that residents of this town have made."""
        return self.written.get(town.territory, [])

    def statement(self, town: Town, log: SimLog) -> tuple[bytes, bytes | None]:
        """One more record for the town's log."""
        random, territory = town.wire.random, town.territory
        dice = random.random()
        if dice < 0.03:
            return self._strange(territory, random.randrange(4)), None
        serial = self.serials[territory] = self.serials.get(territory, 0) + 1
        if dice > 0.75:
            at = random.randrange(log.size)
            reading = log.readings[at]
            if reading and reading.element and reading.element.territory == territory:
                if dice > 0.95:
                    return self._withdraw(territory, reading.element, reading.digest), None
                return self._edit(territory, reading.element, reading.digest, serial)
        made = element(territory, serial)
        self.written.setdefault(territory, []).append(made)
        return self._create(territory, serial)

    def _create_now(self, territory: str, serial: int) -> tuple[bytes, bytes | None]:
        fields = {"name": f"Atelier {serial}", "description": "de quoi faire " * (1 + serial % 7)}
        salt = sha256(f"salt {territory} {serial}".encode()).digest()[:16]
        made = element(territory, serial)
        record = author_record(self._key(territory), made, "theme", fields, salt=salt, previous=None, time=TIME)
        return record.header, record.body

    def _edit_now(self, territory: str, made: ElementId, previous: bytes, serial: int) -> tuple[bytes, bytes | None]:
        salt = sha256(f"edit {territory} {serial}".encode()).digest()[:16]
        fields = {"name": f"Atelier repris {serial}"}
        record = author_record(self._key(territory), made, "theme", fields, salt=salt, previous=previous, time=TIME)
        return record.header, record.body

    def _withdraw_now(self, territory: str, made: ElementId, previous: bytes) -> bytes:
        return author_withdrawal(self._key(territory), made, "theme", previous=previous, time=TIME).header

    def _strange_now(self, territory: str, which: int) -> bytes:
        """A bad signature, an unknown kind, no record at all, nothing at all."""
        header, _ = self._create(territory, 1_000_000)
        if which == 0:
            return header[:-1] + bytes([header[-1] ^ 1])
        if which == 1:
            return write_header(self._key(territory), "vote", TIME, content={"for": 1})
        return b"" if which == 2 else b"not a record of any kind"
