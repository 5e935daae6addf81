# SPDX-License-Identifier: AGPL-3.0-or-later
"""Two ends and a pretended wire: two histories of one author, the word of the charter, and doubting oneself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from convergences_protocol import fork
from convergences_protocol.replication import outputs as out
from convergences_protocol.replication.limits import (
    BATCH_RECORDS_MAX,
    CREDIT_WINDOW,
)
from convergences_protocol.replication.views import End as LastWord
from convergences_protocol.replication.views import Identity

from tests.protocol.replication.ends import OTHER, THIRD, new_agglo, new_town, signed, size_of
from tests.protocol.replication.pair import IDENTITY, KEY, ORIGIN, End, Pair, grow, leaves, records, tell


def parted(
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
        one, other = parted(mine=mine, theirs=theirs)
        pair = Pair(one, other)
        pair.connect("one", "other")
        assert (size_of(one), size_of(other)) == (10 + mine, 10 + theirs)
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
    one.archive.log(ORIGIN).heads[13] = signed(records(10) + records(3, first=100))
    grow(other, records(theirs, first=200))
    tell(one)
    tell(other)
    pair = Pair(one, other)
    pair.connect("one", "other")
    (kept,) = one.sent(out.KeepFork)
    assert isinstance(kept, out.KeepFork)
    fork.verify(fork.decode(kept.proof), ORIGIN, KEY.public)
    assert (size_of(one), size_of(other)) == (11, 10 + theirs)
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
    assert size_of(one) == 11 and not pair.gone


def test_the_charters_end_rewinds_the_other_history() -> None:
    """The copy that lost goes back to where the two part, and follows the one that counts."""
    one, other = parted()
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
    one, other = parted(leaves((CREDIT_WINDOW + 2) * BATCH_RECORDS_MAX))
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
        town, agglo = new_town(8), new_agglo(3)
        end = LastWord(5, town.archive.log(ORIGIN).root_at(5))
        agglo.machine.follow([Identity(ORIGIN, KEY.public, end=end, past_end=past_end)], 0.0)
        pair = Pair(town, agglo)
        pair.connect("town", "agglo")
        assert size_of(agglo) == size


def test_a_restored_author_learns_from_its_peers_that_it_must_doubt() -> None:
    """The peer holds more than the author shows: its signed head, and a word, are sent back."""
    pair = Pair(town := new_town(5), new_agglo(8))
    pair.connect("town", "agglo")
    (doubt,) = town.sent(out.RaiseDoubt)
    assert isinstance(doubt, out.RaiseDoubt) and doubt.head.size == 8
    assert size_of(town) == 5, "its own log is never fetched while it is written in"


def test_once_closed_the_tail_comes_back_from_peers() -> None:
    """An own log that is written in no more is fetched like any other's."""
    pair = Pair(town := new_town(5), agglo := new_agglo(8))
    pair.connect("town", "agglo")
    town.archive.log(ORIGIN).closed = True
    tell(town, pair.now)
    pair.settle()
    assert town.archive.log(ORIGIN).headers == agglo.archive.log(ORIGIN).headers


def test_a_cloned_card_is_told_by_a_head_of_its_own_size() -> None:
    """The other machine wrote as much, and something else."""
    town, agglo = new_town(5), new_agglo(5)
    grow(town, records(2, first=100))
    tell(town)
    grow(agglo, records(2, first=200))
    tell(agglo)
    pair = Pair(town, agglo)
    pair.connect("town", "agglo")
    assert len(town.sent(out.RaiseDoubt)) == 1
