# SPDX-License-Identifier: AGPL-3.0-or-later
"""Two ends and a pretended wire: how a head is pushed, gossiped, lost and found."""

from __future__ import annotations

from dataclasses import replace

from convergences_protocol import checkpoint, fork
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.replication import frames
from convergences_protocol.replication import messages as said
from convergences_protocol.replication import outputs as out
from convergences_protocol.replication.limits import (
    EXCHANGE_SECONDS,
)
from convergences_protocol.replication.views import Identity

from tests.protocol.replication.ends import OTHER, new_agglo, new_town, signed, size_of
from tests.protocol.replication.pair import IDENTITY, KEY, ORIGIN, Pair, grow, records


def test_a_new_head_is_pushed_and_announced() -> None:
    """An append reaches a connected peer without waiting for any timer."""
    pair = Pair(town := new_town(5), agglo := new_agglo())
    pair.connect("town", "agglo")
    town.machine.log_grew(ORIGIN, grow(town, records(3, first=5)), pair.now)
    pair.settle()
    assert size_of(agglo) == 8
    assert len(town.sent(out.Announce)) == 1


def test_a_lost_push_is_made_good_by_the_timer() -> None:
    """With no push and no gossip, the exchange of hellos finds what is missing within one period."""
    pair = Pair(town := new_town(5), agglo := new_agglo())
    pair.connect("town", "agglo")
    pair.filter = lambda sender, to, data: [] if isinstance(frames.decode(data), said.Heads) else [data]
    town.machine.log_grew(ORIGIN, grow(town, records(3, first=5)), pair.now)
    pair.settle()
    assert size_of(agglo) == 5
    pair.filter = lambda sender, to, data: [data]
    pair.wait(EXCHANGE_SECONDS + 1)
    assert size_of(agglo) == 8


def test_gossip_leads_to_the_author_who_is_connected() -> None:
    """A head heard from anyone is fetched from its author."""
    pair = Pair(town := new_town(5), agglo := new_agglo())
    pair.connect("town", "agglo")
    pair.filter = lambda sender, to, data: [] if isinstance(frames.decode(data), said.Heads) else [data]
    town.machine.log_grew(ORIGIN, grow(town, records(1, first=5)), pair.now)
    pair.settle()
    announced = town.sent(out.Announce)[0]
    assert isinstance(announced, out.Announce) and len(announced.data) < 1024
    agglo.machine.heard(announced.data, pair.now)
    pair.settle()
    assert size_of(agglo) == 6


def test_gossip_is_only_a_hint() -> None:
    """Garbage, forged heads and whole batches by gossip change nothing, and blame nobody."""
    pair = Pair(new_town(5), agglo := new_agglo())
    pair.connect("town", "agglo")
    forged = checkpoint.sign(Checkpoint(ORIGIN, 9, bytes(32)), OTHER)
    for data in (b"", b"garbage", frames.encode(said.Heads((said.HeadNote(forged),))), frames.encode(said.Stop(1))):
        agglo.machine.heard(data, pair.now)
        pair.settle()
    assert size_of(agglo) == 5 and not pair.gone


def test_a_doubt_and_a_fork_are_heard_from_nobody_in_particular() -> None:
    """They rest on their author's signatures: whoever posts them need not be known, and a false one blames nobody."""
    pair = Pair(town := new_town(3), agglo := new_agglo(3))
    note = signed(records(8))
    forged = checkpoint.sign(Checkpoint(ORIGIN, 9, bytes(32)), OTHER)
    for told in (forged, note, note):
        town.machine.heard(frames.encode(said.Doubt(told)), 0.0)
    pair.settle()
    (doubt,) = town.sent(out.RaiseDoubt)
    assert isinstance(doubt, out.RaiseDoubt) and doubt.head.size == 8

    other = signed([*records(2), *records(1, first=100)])
    proof = fork.ForkProof(other, signed(records(3)), agglo.archive.log(ORIGIN).root_at(3), ())
    for forked in (replace(proof, root=bytes(32)), proof):
        agglo.machine.heard(frames.encode(said.Forks((forked.encode(),))), 0.0)
    pair.settle()
    assert agglo.sent(out.KeepFork) == [out.KeepFork(ORIGIN, proof.encode())]
    assert not pair.gone


def test_logs_that_nobody_named_are_mentioned_to_the_driver() -> None:
    """A new epoch is heard of from its author's hello; whether it is wanted is the charter's to say."""
    pair = Pair(town := new_town(5), agglo := new_agglo(5))
    new = "convergences/FR-93066/8899aabbccddeeff"
    town.machine.follow([IDENTITY, Identity(new, KEY.public)], 0.0)
    pair.connect("town", "agglo")
    assert agglo.sent(out.Mentioned) == [out.Mentioned("town", (new,))]
