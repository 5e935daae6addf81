# SPDX-License-Identifier: AGPL-3.0-or-later
"""Two ends and a pretended wire: bodies that did not come with their headers."""

from __future__ import annotations

from convergences_protocol.replication import frames
from convergences_protocol.replication import messages as said
from convergences_protocol.replication.limits import (
    EXCHANGE_SECONDS,
)
from convergences_protocol.tiles import Slot

from tests.protocol.replication.ends import THIRD, new_agglo, new_town
from tests.protocol.replication.pair import KEY, ORIGIN, End, Pair, grow, records, tell


def test_bodies_that_did_not_come_are_asked_of_every_peer() -> None:
    """The relay has headers alone; the log is taken from it all the same, the bodies from the author later."""
    made = records(700)
    relay, town, agglo = End("relay", THIRD.public), End("town", KEY.public, own=True), new_agglo()
    grow(relay, made, bodies=False)
    grow(town, made)
    tell(relay)
    tell(town)
    pair = Pair(relay, town, agglo)
    pair.connect("relay", "agglo")
    log = agglo.archive.log(ORIGIN)
    assert log.size == 700 and set(log.slots) == {Slot.WANTED}
    pair.connect("town", "agglo")
    assert set(log.slots) == {Slot.HERE} and log.bodies == town.archive.log(ORIGIN).bodies


def test_a_body_that_nobody_asked_for_is_a_misdeed() -> None:
    """Whatever it is: a peer answers by what was asked."""
    pair = Pair(new_town(3), agglo := new_agglo(3))
    agglo.archive.log(ORIGIN).slots[1], agglo.archive.log(ORIGIN).bodies[1] = Slot.WANTED, None
    tell(agglo)

    def swap(sender: str, to: str, data: bytes) -> list[bytes]:
        message = frames.decode(data)
        if isinstance(message, said.Bodies):
            return [frames.encode(said.Bodies(message.considered, (b"something else",)))]
        return [data]

    pair.filter = swap
    pair.connect("town", "agglo")
    assert pair.gone == {"agglo-town"}


def test_an_erased_body_is_no_longer_asked_for_when_nothing_is_wanted() -> None:
    """Once an erasure has named it, the archive lists it no more, and the machine stops asking."""
    town, agglo = new_town(3), new_agglo(3)
    log = agglo.archive.log(ORIGIN)
    log.slots[1], log.bodies[1] = Slot.WANTED, None
    tell(agglo)
    log.slots[1] = Slot.ERASED
    pair = Pair(town, agglo)
    pair.connect("town", "agglo")
    pair.wait(EXCHANGE_SECONDS * 2)
    assert not [message for _, _, message in pair.frames if isinstance(message, said.WantBodies)]


def test_a_body_that_counts_again_is_asked_for_again() -> None:
    """An erasure that counts no more, or waits for a person, leaves a body wanted: it comes without a new record."""
    town, agglo = new_town(3), new_agglo(3)
    log = agglo.archive.log(ORIGIN)
    log.slots[1], log.bodies[1] = Slot.ERASED, None
    tell(agglo)
    pair = Pair(town, agglo)
    pair.connect("town", "agglo")
    log.slots[1] = Slot.WANTED
    agglo.machine.wants(ORIGIN, 1, pair.now)
    pair.settle()
    assert log.slots[1] is Slot.HERE and log.bodies[1] == town.archive.log(ORIGIN).bodies[1]
