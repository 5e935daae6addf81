# SPDX-License-Identifier: AGPL-3.0-or-later
"""Two ends and a pretended wire: a log reaches a peer, whole, and what that costs."""

from __future__ import annotations

from convergences_protocol.errors import LocalError
from convergences_protocol.replication import frames
from convergences_protocol.replication import messages as said
from convergences_protocol.replication.limits import (
    BATCH_RECORDS_MAX,
    CREDIT_WINDOW,
    STALL_SECONDS,
)
from convergences_protocol.replication.views import Identity

from tests.protocol.replication.ends import OTHER, THIRD, new_agglo, new_town, size_of
from tests.protocol.replication.pair import IDENTITY, KEY, ORIGIN, End, Pair, grow, leaves, records, tell


def test_a_log_reaches_a_peer_whole() -> None:
    """Headers, bodies, head: byte for byte."""
    pair = Pair(town := new_town(2_500), agglo := new_agglo())
    pair.connect("town", "agglo")
    mine, theirs = town.archive.log(ORIGIN), agglo.archive.log(ORIGIN)
    assert theirs.headers == mine.headers and theirs.bodies == mine.bodies and theirs.heads == mine.heads


def test_the_wire_carries_little_more_than_the_records() -> None:
    """At most 1.10 times headers and bodies, both directions counted."""
    pair = Pair(town := new_town(3_000), new_agglo())
    pair.connect("town", "agglo")
    log = town.archive.log(ORIGIN)
    whole = sum(map(len, log.headers)) + sum(len(body or b"") for body in log.bodies)
    assert sum(pair.bytes.values()) <= 1.10 * whole


def test_nothing_missing_costs_a_kilobyte_and_one_round_trip() -> None:
    """Hellos cross, and nobody has anything to add."""
    pair = Pair(new_town(200), agglo := new_agglo(200))
    pair.connect("town", "agglo")
    assert [type(message) for _, _, message in pair.frames] == [said.Hello, said.Hello]
    assert sum(pair.bytes.values()) <= 1024
    assert size_of(agglo) == 200


def test_a_hundred_missing_cost_their_bytes_and_4_kib() -> None:
    """1.2 times their bytes plus 4 KiB, however long the log and the absence."""
    made = records(2_100)
    town, agglo = End("town", KEY.public, own=True), End("agglo", OTHER.public)
    grow(town, made)
    grow(agglo, made[:2_000])
    tell(town)
    tell(agglo)
    pair = Pair(town, agglo)
    pair.connect("town", "agglo")
    missing = sum(len(header) + len(body) for header, body in made[2_000:])
    assert size_of(agglo) == 2_100
    assert sum(pair.bytes.values()) <= 1.2 * missing + 4096


def test_batches_stream_ahead_of_the_writes() -> None:
    """A receiver that writes slowly has a window of batches in hand, and never more."""
    town, agglo = End("town", KEY.public, own=True), new_agglo()
    whole = (CREDIT_WINDOW + 2) * BATCH_RECORDS_MAX
    grow(town, leaves(whole))
    tell(town)
    pair = Pair(town, agglo)
    agglo.writes_at_once = False
    pair.connect("town", "agglo")
    assert len(agglo.pending) == CREDIT_WINDOW
    while size_of(agglo) < whole:
        pair.write(agglo, 1)
        pair.settle()
        assert len(agglo.pending) <= CREDIT_WINDOW
    assert not pair.gone


def test_any_peer_with_the_head_serves_the_rest() -> None:
    """The author goes away in the middle; a neighbour who holds the log takes over where the writes ended."""
    made = leaves(5_000)
    town, near, agglo = End("town", KEY.public, own=True), End("near", THIRD.public), new_agglo()
    grow(town, made)
    grow(near, made)
    tell(town)
    tell(near)
    agglo.writes_at_once = False
    pair = Pair(town, near, agglo)
    pair.connect("town", "agglo")
    agglo.machine.disconnected("town", pair.now)
    pair.write(agglo, 2)
    agglo.writes_at_once = True
    pair.connect("near", "agglo")
    assert size_of(agglo) == 2_000, "the new fetch waits for the batches that are being written"
    pair.write(agglo)
    pair.settle()
    assert agglo.archive.log(ORIGIN).headers == town.archive.log(ORIGIN).headers


def test_a_peer_that_stalls_is_asked_again_for_ever() -> None:
    """It takes the question and says nothing; others would be asked first, it is asked again, later and later."""
    pair = Pair(new_town(10), agglo := new_agglo())
    pair.filter = lambda sender, to, data: [] if isinstance(frames.decode(data), said.Batch) else [data]
    pair.connect("town", "agglo")
    pair.wait(STALL_SECONDS * 60)
    asked = [message for sender, _, message in pair.frames if sender == "agglo" and isinstance(message, said.Want)]
    assert 5 <= len(asked) <= 12
    assert not pair.gone, "to be slow is no misdeed"
    pair.filter = lambda sender, to, data: [data]
    pair.wait(700)
    assert size_of(agglo) == 10


def test_a_full_disk_is_nobodys_misdeed() -> None:
    """A batch that cannot be written is asked for again later, of whoever has it."""
    pair = Pair(new_town(10), agglo := new_agglo())
    agglo.writes_at_once = False
    pair.connect("town", "agglo")
    asked = agglo.pending.popleft()
    agglo.machine.refused(asked.fetch, LocalError("disk full"), pair.now)
    agglo.writes_at_once = True
    pair.wait(30)
    assert size_of(agglo) == 10 and not pair.gone


def test_a_log_followed_under_a_guessed_key_is_asked_for_again_under_its_own() -> None:
    """What peers showed of it before was not believed; nobody waits for the next exchange of heads."""
    town, agglo = new_town(3), new_agglo()
    agglo.machine.follow([Identity(ORIGIN, THIRD.public, guessed=True)], 0.0)
    pair = Pair(town, agglo)
    pair.connect("town", "agglo")
    assert agglo.archive.log(ORIGIN).size == 0 and not pair.gone
    agglo.machine.follow([IDENTITY], pair.now)
    pair.settle()
    assert agglo.archive.log(ORIGIN).size == 3
