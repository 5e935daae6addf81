# SPDX-License-Identifier: AGPL-3.0-or-later
"""Two ends and a pretended wire: cosignatures travel beside heads, and are checked."""

from __future__ import annotations

from convergences_protocol import checkpoint, fork
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.cosignature import Cosignature, cosign
from convergences_protocol.replication import frames
from convergences_protocol.replication import messages as said
from convergences_protocol.replication import outputs as out
from convergences_protocol.replication.views import Identity

from tests.protocol.replication.ends import OTHER, THIRD, new_agglo, new_town
from tests.protocol.replication.pair import IDENTITY, KEY, ORIGIN, End, Pair, grow, records, tell
from tests.simulation.archive import held


def test_freshness_travels_with_the_head() -> None:
    """The author cosigns its own head; whoever follows the log hears of it, checked, and passes it on later."""
    pair = Pair(town := new_town(5), agglo := new_agglo())
    pair.connect("town", "agglo")
    head = held(town.archive.log(ORIGIN).heads[5])
    line = Cosignature(ORIGIN, 1_750_000_600, cosign(Checkpoint(ORIGIN, 5, head.root), ORIGIN, KEY, 1_750_000_600))
    town.machine.cosigned(ORIGIN, 5, [line], pair.now)
    pair.settle()
    assert agglo.sent(out.KeepCosignature) == [out.KeepCosignature(ORIGIN, 5, line)]
    late = End("late", THIRD.public)
    grow(late, records(5))
    tell(late)
    pair.ends["late"] = late
    pair.bytes["late"] = 0
    pair.connect("late", "agglo")
    assert late.sent(out.KeepCosignature) == [out.KeepCosignature(ORIGIN, 5, line)]


def test_cosignatures_beside_a_head_that_has_to_be_fetched_are_kept_with_it() -> None:
    """A town that was made again learns at once up to where others have vouched for its log."""
    pair = Pair(town := new_town(5), agglo := new_agglo())
    head = held(town.archive.log(ORIGIN).heads[5])
    line = Cosignature(ORIGIN, 1_750_000_600, cosign(Checkpoint(ORIGIN, 5, head.root), ORIGIN, KEY, 1_750_000_600))
    town.machine.cosigned(ORIGIN, 5, [line], pair.now)
    pair.connect("town", "agglo")
    pair.settle()
    assert [kept.head.cosignatures for kept in agglo.sent(out.KeepHead)] == [(line,)]


def test_a_false_cosignature_drops_the_peer() -> None:
    """A relay checks before it passes on, so a false line is its own."""
    pair = Pair(town := new_town(5), agglo := new_agglo(5))
    pair.connect("town", "agglo")
    note = town.archive.log(ORIGIN).heads[5]
    line = cosign(Checkpoint(ORIGIN, 5, bytes(32)), ORIGIN, KEY, 1_750_000_600)
    agglo.machine.receive("town", frames.encode(said.Heads((said.HeadNote(note, (line,)),))), pair.now)
    pair.settle()
    assert pair.gone == {"agglo-town"}


def test_nothing_is_held_against_a_peer_by_a_key_that_was_guessed() -> None:
    """A log that no charter names yet may have another key than it would have if it went on from one that is known: its
    cosignatures and the proof of its fork are passed over, and whoever shows them is no liar."""
    new = "convergences/FR-93066/8899aabbccddeeff"
    pair = Pair(town := new_town(5), agglo := new_agglo(5))
    agglo.machine.follow([IDENTITY, Identity(new, THIRD.public, guessed=True)], 0.0)
    pair.connect("town", "agglo")
    head = held(town.archive.log(ORIGIN).heads[5])
    line = cosign(Checkpoint(ORIGIN, 5, head.root), new, OTHER, 1_750_000_600)
    agglo.machine.receive("town", frames.encode(said.Heads((said.HeadNote(head.note, (line,)),))), pair.now)
    first, second = (checkpoint.sign(Checkpoint(new, 3, bytes([n]) * 32), OTHER) for n in (1, 2))
    proof = fork.ForkProof(first, second, bytes([2]) * 32, ()).encode()
    agglo.machine.receive("town", frames.encode(said.Forks((proof,))), pair.now)
    pair.settle()
    assert not pair.gone and not agglo.sent(out.KeepCosignature) and not agglo.sent(out.KeepFork)
