# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whose node tells an event: a town that is a relay says so in its own territory's record, which travels with its log.

So an agglomeration that follows that log does not tell the town's events a second time, under an address of its own: it
announces them under the address that they have there, and whoever follows both has one event. Nothing is asked of
anybody, and what is said is signed.
"""

from __future__ import annotations

import logging
import sqlite3
from typing import TYPE_CHECKING, Any

from convergences_protocol.element import ElementId
from convergences_protocol.errors import ConvergencesError
from convergences_protocol.header import read_header
from convergences_protocol.origin import territory_of
from convergences_protocol.record import read_body

from convergences_node.archive.model import NewRecord
from convergences_node.doing import may_write
from convergences_node.index.row import element_of
from convergences_node.relay.addresses import PATH, Addresses, host_of

if TYPE_CHECKING:
    from convergences_node.index.views import Item
    from convergences_node.town import Town

log = logging.getLogger(__name__)

FIELD = "relay"
"""Of a territory's record: its relay's actor."""


class Homes:
    """The towns, other than this node's own, whose nodes tell."""

    def __init__(self, territory: str, private: bool) -> None:
        self._territory = territory
        self._private = private

    def address(self, db: sqlite3.Connection, item: Item) -> str | None:
        """The address that an element has at its own town's node; None where it is told from here."""
        return self.of(db, territory_of(item.origin), item.id)

    def of(self, db: sqlite3.Connection, territory: str, element: str) -> str | None:
        """The same, by the territory that it is of."""
        if territory == self._territory:
            return None
        rows = db.execute(
            "SELECT e.id, json_extract(s.fields, '$.relay') FROM territories t JOIN elements e USING (row)"
            " JOIN states s USING (row) WHERE t.code = ?",
            (territory,),
        )
        # Only a town itself says where it tells.
        said = next((actor for id_, actor in rows if actor and element_of(id_).territory == territory), None)
        if not isinstance(said, str) or not said.endswith(PATH) or host_of(said, self._private) is None:
            return None
        return Addresses(said.removesuffix(PATH)).element(element)


async def say_where(town: Town, actor: str | None) -> bool:
    """Have this node's own territory name the relay's actor, or none any more; whether that is news. A node that is
    not to write, or has no record of its territory, says nothing."""
    code = town.config.node.territory
    view = next((each for each in await town.index.territories() if each.code == code), None)
    if view is None or view.element is None or ElementId.parse(view.element).territory != code:
        return False
    element = ElementId.parse(view.element)
    current = await town.archive.read(lambda reader: reader.current(element))
    if current is None or current.body is None:
        return False
    fields: dict[str, Any] = dict(read_body(read_header(current.header), current.body))
    if fields.get(FIELD) == actor:
        return False
    said = {name: value for name, value in fields.items() if name != FIELD} | ({FIELD: actor} if actor else {})
    try:
        may_write(town)
        await town.archive.append([NewRecord("territory", said, element, current.digest)])
    except ConvergencesError as error:
        log.warning("where this town tells could not be written: %s", error)
        return False
    return True
