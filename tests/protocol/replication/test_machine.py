# SPDX-License-Identifier: AGPL-3.0-or-later
"""Two ends and a pretended wire: what replication promises, and what it costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from convergences_protocol import checkpoint, fork
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.cosignature import Cosignature, cosign
from convergences_protocol.errors import LocalError
from convergences_protocol.keys import SigningKey
from convergences_protocol.replication import frames
from convergences_protocol.replication import messages as said
from convergences_protocol.replication import outputs as out
from convergences_protocol.replication.limits import (
    ALLOWANCE_MAX,
    BATCH_RECORDS_MAX,
    CREDIT_WINDOW,
    EXCHANGE_SECONDS,
    STALL_SECONDS,
)
from convergences_protocol.replication.views import End as LastWord
from convergences_protocol.replication.views import Identity
from convergences_protocol.tiles import Slot

from tests.protocol.replication.pair import IDENTITY, KEY, ORIGIN, End, Pair, grow, leaves, records, tell
from tests.simulation.archive import held

OTHER = SigningKey.from_seed(b"somebody else's key, of 32 bytes")
THIRD = SigningKey.from_seed(b"a third party's key, of 32 bytes")


def _town(count: int = 0) -> End:
    town = End("town", KEY.public, own=True)
    if count:
        grow(town, records(count))
    tell(town)
    return town


def _agglo(count: int = 0) -> End:
    agglo = End("agglo", OTHER.public)
    if count:
        grow(agglo, records(count))
    tell(agglo)
    return agglo


def _size(end: End) -> int:
    return end.archive.log(ORIGIN).size


def test_a_log_reaches_a_peer_whole() -> None:
    """Headers, bodies, head: byte for byte."""
    pair = Pair(town := _town(2_500), agglo := _agglo())
    pair.connect("town", "agglo")
    mine, theirs = town.archive.log(ORIGIN), agglo.archive.log(ORIGIN)
    assert theirs.headers == mine.headers and theirs.bodies == mine.bodies and theirs.heads == mine.heads


def test_the_wire_carries_little_more_than_the_records() -> None:
    """At most 1.10 times headers and bodies, both directions counted."""
    pair = Pair(town := _town(3_000), _agglo())
    pair.connect("town", "agglo")
    log = town.archive.log(ORIGIN)
    whole = sum(map(len, log.headers)) + sum(len(body or b"") for body in log.bodies)
    assert sum(pair.bytes.values()) <= 1.10 * whole


def test_nothing_missing_costs_a_kilobyte_and_one_round_trip() -> None:
    """Hellos cross, and nobody has anything to add."""
    pair = Pair(_town(200), agglo := _agglo(200))
    pair.connect("town", "agglo")
    assert [type(message) for _, _, message in pair.frames] == [said.Hello, said.Hello]
    assert sum(pair.bytes.values()) <= 1024
    assert _size(agglo) == 200


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
    assert _size(agglo) == 2_100
    assert sum(pair.bytes.values()) <= 1.2 * missing + 4096


def test_a_new_head_is_pushed_and_announced() -> None:
    """An append reaches a connected peer without waiting for any timer."""
    pair = Pair(town := _town(5), agglo := _agglo())
    pair.connect("town", "agglo")
    town.machine.log_grew(ORIGIN, grow(town, records(3, first=5)), pair.now)
    pair.settle()
    assert _size(agglo) == 8
    assert len(town.sent(out.Announce)) == 1


def test_a_lost_push_is_made_good_by_the_timer() -> None:
    """With no push and no gossip, the exchange of hellos finds what is missing within one period."""
    pair = Pair(town := _town(5), agglo := _agglo())
    pair.connect("town", "agglo")
    pair.filter = lambda sender, to, data: [] if isinstance(frames.decode(data), said.Heads) else [data]
    town.machine.log_grew(ORIGIN, grow(town, records(3, first=5)), pair.now)
    pair.settle()
    assert _size(agglo) == 5
    pair.filter = lambda sender, to, data: [data]
    pair.wait(EXCHANGE_SECONDS + 1)
    assert _size(agglo) == 8


def test_gossip_leads_to_the_author_who_is_connected() -> None:
    """A head heard from anyone is fetched from its author."""
    pair = Pair(town := _town(5), agglo := _agglo())
    pair.connect("town", "agglo")
    pair.filter = lambda sender, to, data: [] if isinstance(frames.decode(data), said.Heads) else [data]
    town.machine.log_grew(ORIGIN, grow(town, records(1, first=5)), pair.now)
    pair.settle()
    announced = town.sent(out.Announce)[0]
    assert isinstance(announced, out.Announce) and len(announced.data) < 1024
    agglo.machine.heard(announced.data, pair.now)
    pair.settle()
    assert _size(agglo) == 6


def test_gossip_is_only_a_hint() -> None:
    """Garbage, forged heads and whole batches by gossip change nothing, and blame nobody."""
    pair = Pair(_town(5), agglo := _agglo())
    pair.connect("town", "agglo")
    forged = checkpoint.sign(Checkpoint(ORIGIN, 9, bytes(32)), OTHER)
    for data in (b"", b"garbage", frames.encode(said.Heads((said.HeadNote(forged),))), frames.encode(said.Stop(1))):
        agglo.machine.heard(data, pair.now)
        pair.settle()
    assert _size(agglo) == 5 and not pair.gone


def test_a_doubt_and_a_fork_are_heard_from_nobody_in_particular() -> None:
    """They rest on their author's signatures: whoever posts them need not be known, and a false one blames nobody."""
    pair = Pair(town := _town(3), agglo := _agglo(3))
    note = _signed(records(8))
    forged = checkpoint.sign(Checkpoint(ORIGIN, 9, bytes(32)), OTHER)
    for told in (forged, note, note):
        town.machine.heard(frames.encode(said.Doubt(told)), 0.0)
    pair.settle()
    (doubt,) = town.sent(out.RaiseDoubt)
    assert isinstance(doubt, out.RaiseDoubt) and doubt.head.size == 8

    other = _signed([*records(2), *records(1, first=100)])
    proof = fork.ForkProof(other, _signed(records(3)), agglo.archive.log(ORIGIN).root_at(3), ())
    for forked in (replace(proof, root=bytes(32)), proof):
        agglo.machine.heard(frames.encode(said.Forks((forked.encode(),))), 0.0)
    pair.settle()
    assert agglo.sent(out.KeepFork) == [out.KeepFork(ORIGIN, proof.encode())]
    assert not pair.gone


def test_batches_stream_ahead_of_the_writes() -> None:
    """A receiver that writes slowly has a window of batches in hand, and never more."""
    town, agglo = End("town", KEY.public, own=True), _agglo()
    grow(town, leaves(10_000))
    tell(town)
    pair = Pair(town, agglo)
    agglo.writes_at_once = False
    pair.connect("town", "agglo")
    assert len(agglo.pending) == CREDIT_WINDOW
    while _size(agglo) < 10_000:
        pair.write(agglo, 1)
        pair.settle()
        assert len(agglo.pending) <= CREDIT_WINDOW
    assert not pair.gone


def test_any_peer_with_the_head_serves_the_rest() -> None:
    """The author goes away in the middle; a neighbour who holds the log takes over where the writes ended."""
    made = leaves(5_000)
    town, near, agglo = End("town", KEY.public, own=True), End("near", THIRD.public), _agglo()
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
    assert _size(agglo) == 2_000, "the new fetch waits for the batches that are being written"
    pair.write(agglo)
    pair.settle()
    assert agglo.archive.log(ORIGIN).headers == town.archive.log(ORIGIN).headers


def test_a_peer_that_stalls_is_asked_again_for_ever() -> None:
    """It takes the question and says nothing; others would be asked first, it is asked again, later and later."""
    pair = Pair(_town(10), agglo := _agglo())
    pair.filter = lambda sender, to, data: [] if isinstance(frames.decode(data), said.Batch) else [data]
    pair.connect("town", "agglo")
    pair.wait(STALL_SECONDS * 60)
    asked = [message for sender, _, message in pair.frames if sender == "agglo" and isinstance(message, said.Want)]
    assert 5 <= len(asked) <= 12
    assert not pair.gone, "to be slow is no misdeed"
    pair.filter = lambda sender, to, data: [data]
    pair.wait(700)
    assert _size(agglo) == 10


def test_a_full_disk_is_nobodys_misdeed() -> None:
    """A batch that cannot be written is asked for again later, of whoever has it."""
    pair = Pair(_town(10), agglo := _agglo())
    agglo.writes_at_once = False
    pair.connect("town", "agglo")
    asked = agglo.pending.popleft()
    agglo.machine.refused(asked.fetch, LocalError("disk full"), pair.now)
    agglo.writes_at_once = True
    pair.wait(30)
    assert _size(agglo) == 10 and not pair.gone


def test_a_log_followed_under_a_guessed_key_is_asked_for_again_under_its_own() -> None:
    """What peers showed of it before was not believed; nobody waits for the next exchange of heads."""
    town, agglo = _town(3), _agglo()
    agglo.machine.follow([Identity(ORIGIN, THIRD.public, guessed=True)], 0.0)
    pair = Pair(town, agglo)
    pair.connect("town", "agglo")
    assert agglo.archive.log(ORIGIN).size == 0 and not pair.gone
    agglo.machine.follow([IDENTITY], pair.now)
    pair.settle()
    assert agglo.archive.log(ORIGIN).size == 3


# --- bodies ----------------------------------------------------------------------------------------------------------


def test_bodies_that_did_not_come_are_asked_of_every_peer() -> None:
    """The relay has headers alone; the log is taken from it all the same, the bodies from the author later."""
    made = records(700)
    relay, town, agglo = End("relay", THIRD.public), End("town", KEY.public, own=True), _agglo()
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
    pair = Pair(_town(3), agglo := _agglo(3))
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
    town, agglo = _town(3), _agglo(3)
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
    town, agglo = _town(3), _agglo(3)
    log = agglo.archive.log(ORIGIN)
    log.slots[1], log.bodies[1] = Slot.ERASED, None
    tell(agglo)
    pair = Pair(town, agglo)
    pair.connect("town", "agglo")
    log.slots[1] = Slot.WANTED
    agglo.machine.wants(ORIGIN, 1, pair.now)
    pair.settle()
    assert log.slots[1] is Slot.HERE and log.bodies[1] == town.archive.log(ORIGIN).bodies[1]


# --- lies ------------------------------------------------------------------------------------------------------------


def _lie(change: object, count: int = 20, held_before: int = 0) -> Pair:
    """A town whose batches pass through `change` on their way."""
    pair = Pair(_town(count), _agglo(held_before))

    def tamper(sender: str, to: str, data: bytes) -> list[bytes]:
        message = frames.decode(data)
        if isinstance(message, said.Batch) and sender == "town":
            return [frames.encode(changed) for changed in change(message)]  # type: ignore[operator]
        return [data]

    pair.filter = tamper
    pair.connect("town", "agglo")
    return pair


def test_false_records_drop_the_peer_and_keep_nothing() -> None:
    """On an empty copy there is nothing to compare with; on ours, the author's own proof shows who lied."""
    for before in (0, 10):
        pair = _lie(lambda batch: [replace(batch, headers=(*batch.headers[:-1], b"false"))], held_before=before)
        assert pair.gone == {"agglo-town"}
        assert _size(pair.ends["agglo"]) == before
        (drop,) = pair.ends["agglo"].sent(out.Drop)
        assert isinstance(drop, out.Drop) and drop.seconds > 0


def test_a_liar_that_is_asked_for_proof_cannot_blame_the_author() -> None:
    """False records, then a false proof that the author's head goes through another tree: no fork, no doubt, a ban."""

    def lie(sender: str, to: str, data: bytes) -> list[bytes]:
        message = frames.decode(data)
        if sender == "town" and isinstance(message, said.Batch):
            return [frames.encode(replace(message, headers=(b"false",) * len(message.headers)))]
        if sender == "town" and isinstance(message, said.Proof):
            return [frames.encode(replace(message, root=bytes(32)))]
        return [data]

    pair = Pair(_town(20), agglo := _agglo(10))
    pair.filter = lie
    pair.connect("town", "agglo")
    assert pair.gone == {"agglo-town"}
    assert not agglo.sent(out.KeepFork) and not agglo.sent(out.Contested) and _size(agglo) == 10


def test_false_forks_drop_the_peer() -> None:
    """A proof that does not verify is its bearer's lie."""
    town = _town(6)
    log = town.archive.log(ORIGIN)
    grow(town, records(2, first=6))
    proof = fork.ForkProof(log.heads[6], log.heads[8], log.root_at(6), ())
    for encoded in (proof.encode(), b"no proof"):
        agglo = _agglo(5)
        agglo.machine.connected("town", KEY.public, 0.0)
        agglo.machine.receive("town", frames.encode(said.Hello(1, ())), 0.0)
        agglo.machine.receive("town", frames.encode(said.Forks((encoded,))), 0.0)
        (drop,) = [output for output in agglo.machine.outputs() if isinstance(output, out.Drop)]
        assert drop.seconds > 0


def test_a_false_body_drops_the_peer() -> None:
    """The header names another digest."""
    pair = _lie(lambda batch: [replace(batch, bodies=(b"false",) * len(batch.bodies))])
    assert pair.gone == {"agglo-town"} and _size(pair.ends["agglo"]) == 0


def test_a_stream_beyond_the_credit_drops_the_peer() -> None:
    """Whoever sends more than was asked for is not listened to."""
    pair = _lie(lambda batch: [batch, batch])
    assert pair.gone == {"agglo-town"}


def test_a_head_that_was_not_signed_drops_the_peer() -> None:
    """Forged by the peer: an honest one would have checked it before telling it on."""
    pair = Pair(town := _town(5), agglo := _agglo())
    note = checkpoint.sign(Checkpoint(ORIGIN, 9, bytes(32)), OTHER)
    pair.connect("town", "agglo")
    agglo.machine.receive("town", frames.encode(said.Heads((said.HeadNote(note),))), pair.now)
    pair.settle()
    assert pair.gone == {"agglo-town"}
    assert town.archive.log(ORIGIN).size == 5


def test_lies_cost_longer_each_time() -> None:
    """An hour, then two; the driver remembers how often."""
    seconds: list[float] = []
    for misdeeds in range(3):
        agglo = _agglo()
        agglo.machine.connected("town", KEY.public, 0.0, misdeeds)
        agglo.machine.receive("town", b"garbage", 0.0)
        seconds += [output.seconds for output in agglo.machine.outputs() if isinstance(output, out.Drop)]
    assert seconds == [3600.0, 7200.0, 14400.0]


def test_whoever_asks_without_end_is_left() -> None:
    """Each question costs from an allowance that only time refills."""
    pair = Pair(_town(5), agglo := _agglo(5))
    pair.connect("town", "agglo")
    question = frames.encode(said.Doubt(b"nothing"))
    for _ in range(int(ALLOWANCE_MAX) + 10):
        agglo.machine.receive("town", question, pair.now)
    pair.settle()
    assert not pair.gone and "agglo-town" in pair.left, "too eager is not a lie"


def test_a_peer_that_does_not_say_hello_is_dropped() -> None:
    """Nothing is served to who has not introduced itself."""
    agglo = _agglo(5)
    agglo.machine.connected("town", KEY.public, 0.0)
    agglo.machine.receive("town", frames.encode(said.Want(1, ORIGIN, 0, 5, bytes(32), 1)), 0.0)
    assert any(isinstance(output, out.Drop) for output in agglo.machine.outputs())


def test_a_want_of_another_history_is_declined_without_blame() -> None:
    """The root in the question names the history; who holds another one says that it cannot."""
    pair = Pair(town := _town(5), agglo := _agglo(5))
    pair.connect("town", "agglo")
    agglo.machine.receive("town", frames.encode(said.Want(7, ORIGIN, 0, 5, bytes(32), 1)), pair.now)
    pair.settle()
    assert said.Cannot(7) in [message for _, _, message in pair.frames]
    assert not pair.gone and town.archive.log(ORIGIN).size == 5


# --- forks, doubts, ends ---------------------------------------------------------------------------------------------


def _fork(
    shared: Sequence[tuple[bytes, bytes | None]] | None = None, mine: int = 3, theirs: int = 5
) -> tuple[End, End]:
    """Two copies of a log whose author signed two histories."""
    shared = shared or records(10)
    one, other = End("one", OTHER.public), End("other", THIRD.public)
    for end in (one, other):
        grow(end, shared)
    grow(one, records(mine, first=100))
    grow(other, records(theirs, first=200))
    tell(one)
    tell(other)
    return one, other


def test_two_histories_are_proved_and_neither_is_overwritten() -> None:
    """Both ends find the fork, keep a proof that anyone can check, and blame the author, not each other."""
    for mine, theirs in ((3, 5), (5, 3), (4, 4)):
        one, other = _fork(mine=mine, theirs=theirs)
        pair = Pair(one, other)
        pair.connect("one", "other")
        assert (_size(one), _size(other)) == (10 + mine, 10 + theirs)
        for end in (one, other):
            kept = end.sent(out.KeepFork)
            assert len(kept) == 1 and isinstance(kept[0], out.KeepFork)
            fork.verify(fork.decode(kept[0].proof), ORIGIN, KEY.public)
        assert not pair.gone


@pytest.mark.parametrize("theirs", [3, 5])
def test_a_history_whose_rest_is_nowhere_is_proved_to_be_another(theirs: int) -> None:
    """A copy on its way to a head that nobody can lead it to any more learns what the others have in its place: from a
    head of the same size at once, from a larger one by asking."""
    one, other = End("one", OTHER.public), End("other", THIRD.public)
    for end in (one, other):
        grow(end, records(10))
    grow(one, records(3, first=100))
    one.archive.log(ORIGIN).cut(11)
    one.archive.log(ORIGIN).heads[13] = _signed(records(10) + records(3, first=100))
    grow(other, records(theirs, first=200))
    tell(one)
    tell(other)
    pair = Pair(one, other)
    pair.connect("one", "other")
    (kept,) = one.sent(out.KeepFork)
    assert isinstance(kept, out.KeepFork)
    fork.verify(fork.decode(kept.proof), ORIGIN, KEY.public)
    assert (_size(one), _size(other)) == (11, 10 + theirs)
    assert not pair.gone


def test_a_head_left_behind_by_another_history_is_no_measure_of_itself() -> None:
    """A card may still have the head of a history that lost: whoever gives the records that lead there is no liar."""
    one, other = End("one", OTHER.public), End("other", THIRD.public)
    for end in (one, other):
        grow(end, records(10))
    grow(one, records(1, first=200))
    note = grow(other, records(2, first=100)).note
    one.archive.log(ORIGIN).heads[12] = note
    tell(one)
    tell(other)
    pair = Pair(one, other)
    pair.connect("one", "other")
    assert len(one.sent(out.KeepFork)) == 1
    assert _size(one) == 11 and not pair.gone


def _signed(made: Sequence[tuple[bytes, bytes | None]]) -> bytes:
    """The note of the head that covers exactly these records."""
    return grow(End("author", KEY.public, own=True), made).note


def test_the_charters_end_rewinds_the_other_history() -> None:
    """The copy that lost goes back to where the two part, and follows the one that counts."""
    one, other = _fork()
    pair = Pair(one, other)
    pair.connect("one", "other")
    log = other.archive.log(ORIGIN)
    end = LastWord(log.size, log.root_at(log.size))
    for node in (one, other):
        node.machine.follow([replace(IDENTITY, end=end)], pair.now)
    pair.settle()
    pair.wait(60)
    assert one.archive.log(ORIGIN).headers == log.headers
    assert one.sent(out.Rewind) == [out.Rewind(ORIGIN, 10)]
    assert not pair.gone


def test_a_history_that_was_rewound_is_served_no_more() -> None:
    """Whoever was being given it is told that the rest will not come, instead of records of another history."""
    one, other = _fork(leaves((CREDIT_WINDOW + 2) * BATCH_RECORDS_MAX))
    reader = End("reader", KEY.public)
    pair = Pair(one, other, reader)
    reader.writes_at_once = False
    pair.connect("one", "reader")
    pair.write(reader, 1)
    log = other.archive.log(ORIGIN)
    one.machine.follow([replace(IDENTITY, end=LastWord(log.size, log.root_at(log.size)))], pair.now)
    pair.connect("one", "other")
    pair.wait(30)
    assert one.archive.log(ORIGIN).headers == log.headers
    reader.writes_at_once = True
    pair.write(reader)
    pair.settle()
    pair.wait(60)
    assert "Cannot" in [
        type(message).__name__ for sender, to, message in pair.frames if (sender, to) == ("one", "reader")
    ]
    assert not pair.gone and not pair.left


def test_nothing_is_fetched_past_the_charters_end() -> None:
    """Whoever stole the key may write on; nobody fetches it, but the author's own past epochs."""
    for past_end, size in ((False, 5), (True, 8)):
        town, agglo = _town(8), _agglo(3)
        end = LastWord(5, town.archive.log(ORIGIN).root_at(5))
        agglo.machine.follow([Identity(ORIGIN, KEY.public, end=end, past_end=past_end)], 0.0)
        pair = Pair(town, agglo)
        pair.connect("town", "agglo")
        assert _size(agglo) == size


def test_a_restored_author_learns_from_its_peers_that_it_must_doubt() -> None:
    """The peer holds more than the author shows: its signed head, and a word, are sent back."""
    pair = Pair(town := _town(5), _agglo(8))
    pair.connect("town", "agglo")
    (doubt,) = town.sent(out.RaiseDoubt)
    assert isinstance(doubt, out.RaiseDoubt) and doubt.head.size == 8
    assert _size(town) == 5, "its own log is never fetched while it is written in"


def test_once_closed_the_tail_comes_back_from_peers() -> None:
    """An own log that is written in no more is fetched like any other's."""
    pair = Pair(town := _town(5), agglo := _agglo(8))
    pair.connect("town", "agglo")
    town.archive.log(ORIGIN).closed = True
    tell(town, pair.now)
    pair.settle()
    assert town.archive.log(ORIGIN).headers == agglo.archive.log(ORIGIN).headers


def test_a_cloned_card_is_told_by_a_head_of_its_own_size() -> None:
    """The other machine wrote as much, and something else."""
    town, agglo = _town(5), _agglo(5)
    grow(town, records(2, first=100))
    tell(town)
    grow(agglo, records(2, first=200))
    tell(agglo)
    pair = Pair(town, agglo)
    pair.connect("town", "agglo")
    assert len(town.sent(out.RaiseDoubt)) == 1


# --- cosignatures ----------------------------------------------------------------------------------------------------


def test_freshness_travels_with_the_head() -> None:
    """The author cosigns its own head; whoever follows the log hears of it, checked, and passes it on later."""
    pair = Pair(town := _town(5), agglo := _agglo())
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
    pair = Pair(town := _town(5), agglo := _agglo())
    head = held(town.archive.log(ORIGIN).heads[5])
    line = Cosignature(ORIGIN, 1_750_000_600, cosign(Checkpoint(ORIGIN, 5, head.root), ORIGIN, KEY, 1_750_000_600))
    town.machine.cosigned(ORIGIN, 5, [line], pair.now)
    pair.connect("town", "agglo")
    pair.settle()
    assert [kept.head.cosignatures for kept in agglo.sent(out.KeepHead)] == [(line,)]


def test_a_false_cosignature_drops_the_peer() -> None:
    """A relay checks before it passes on, so a false line is its own."""
    pair = Pair(town := _town(5), agglo := _agglo(5))
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
    pair = Pair(town := _town(5), agglo := _agglo(5))
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


def test_logs_that_nobody_named_are_mentioned_to_the_driver() -> None:
    """A new epoch is heard of from its author's hello; whether it is wanted is the charter's to say."""
    pair = Pair(town := _town(5), agglo := _agglo(5))
    new = "convergences/FR-93066/8899aabbccddeeff"
    town.machine.follow([IDENTITY, Identity(new, KEY.public)], 0.0)
    pair.connect("town", "agglo")
    assert agglo.sent(out.Mentioned) == [out.Mentioned("town", (new,))]
