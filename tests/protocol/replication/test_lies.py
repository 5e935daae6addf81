# SPDX-License-Identifier: AGPL-3.0-or-later
"""Two ends and a pretended wire: who lies is dropped, and nothing of it is kept."""

from __future__ import annotations

from dataclasses import replace

from convergences_protocol import checkpoint, fork
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.replication import frames
from convergences_protocol.replication import messages as said
from convergences_protocol.replication import outputs as out
from convergences_protocol.replication.limits import (
    ALLOWANCE_MAX,
)

from tests.protocol.replication.ends import OTHER, new_agglo, new_town, size_of
from tests.protocol.replication.pair import KEY, ORIGIN, Pair, grow, records


def lying(change: object, count: int = 20, held_before: int = 0) -> Pair:
    """A town whose batches pass through `change` on their way."""
    pair = Pair(new_town(count), new_agglo(held_before))

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
        pair = lying(lambda batch: [replace(batch, headers=(*batch.headers[:-1], b"false"))], held_before=before)
        assert pair.gone == {"agglo-town"}
        assert size_of(pair.ends["agglo"]) == before
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

    pair = Pair(new_town(20), agglo := new_agglo(10))
    pair.filter = lie
    pair.connect("town", "agglo")
    assert pair.gone == {"agglo-town"}
    assert not agglo.sent(out.KeepFork) and not agglo.sent(out.Contested) and size_of(agglo) == 10


def test_false_forks_drop_the_peer() -> None:
    """A proof that does not verify is its bearer's lie."""
    town = new_town(6)
    log = town.archive.log(ORIGIN)
    grow(town, records(2, first=6))
    proof = fork.ForkProof(log.heads[6], log.heads[8], log.root_at(6), ())
    for encoded in (proof.encode(), b"no proof"):
        agglo = new_agglo(5)
        agglo.machine.connected("town", KEY.public, 0.0)
        agglo.machine.receive("town", frames.encode(said.Hello(1, ())), 0.0)
        agglo.machine.receive("town", frames.encode(said.Forks((encoded,))), 0.0)
        (drop,) = [output for output in agglo.machine.outputs() if isinstance(output, out.Drop)]
        assert drop.seconds > 0


def test_a_false_body_drops_the_peer() -> None:
    """The header names another digest."""
    pair = lying(lambda batch: [replace(batch, bodies=(b"false",) * len(batch.bodies))])
    assert pair.gone == {"agglo-town"} and size_of(pair.ends["agglo"]) == 0


def test_a_stream_beyond_the_credit_drops_the_peer() -> None:
    """Whoever sends more than was asked for is not listened to."""
    pair = lying(lambda batch: [batch, batch])
    assert pair.gone == {"agglo-town"}


def test_a_head_that_was_not_signed_drops_the_peer() -> None:
    """Forged by the peer: an honest one would have checked it before telling it on."""
    pair = Pair(town := new_town(5), agglo := new_agglo())
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
        agglo = new_agglo()
        agglo.machine.connected("town", KEY.public, 0.0, misdeeds)
        agglo.machine.receive("town", b"garbage", 0.0)
        seconds += [output.seconds for output in agglo.machine.outputs() if isinstance(output, out.Drop)]
    assert seconds == [3600.0, 7200.0, 14400.0]


def test_whoever_asks_without_end_is_left() -> None:
    """Each question costs from an allowance that only time refills."""
    pair = Pair(new_town(5), agglo := new_agglo(5))
    pair.connect("town", "agglo")
    question = frames.encode(said.Doubt(b"nothing"))
    for _ in range(int(ALLOWANCE_MAX) + 10):
        agglo.machine.receive("town", question, pair.now)
    pair.settle()
    assert not pair.gone and "agglo-town" in pair.left, "too eager is not a lie"


def test_a_peer_that_does_not_say_hello_is_dropped() -> None:
    """Nothing is served to who has not introduced itself."""
    agglo = new_agglo(5)
    agglo.machine.connected("town", KEY.public, 0.0)
    agglo.machine.receive("town", frames.encode(said.Want(1, ORIGIN, 0, 5, bytes(32), 1)), 0.0)
    assert any(isinstance(output, out.Drop) for output in agglo.machine.outputs())


def test_a_want_of_another_history_is_declined_without_blame() -> None:
    """The root in the question names the history; who holds another one says that it cannot."""
    pair = Pair(town := new_town(5), agglo := new_agglo(5))
    pair.connect("town", "agglo")
    agglo.machine.receive("town", frames.encode(said.Want(7, ORIGIN, 0, 5, bytes(32), 1)), pair.now)
    pair.settle()
    assert said.Cannot(7) in [message for _, _, message in pair.frames]
    assert not pair.gone and town.archive.log(ORIGIN).size == 5
