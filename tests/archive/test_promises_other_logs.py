# SPDX-License-Identifier: AGPL-3.0-or-later
"""What any archive promises of the logs that it keeps for others, and of what it notes beside them."""

from __future__ import annotations

import pytest
from convergences_node.archive.model import BodiesCame, CosignatureRow, Event, HeadCame, PeerRow
from convergences_protocol.errors import LocalError
from convergences_protocol.tiles import TILE_WIDTH

from . import interface
from .making import NOW, RemoteLog, Town, identity_of
from .promised import InMemory, OnDisk


class OtherLogs:
    def test_a_log_of_another_town_comes_in_batches(
        self, archive: interface.Writing, events: list[Event], town: Town
    ) -> None:
        """In the end the log, its tree and its head are the author's."""
        remote = RemoteLog(town, town.actors(*(f"actor {at}" for at in range(700))))
        archive.keep_log(town.identity)
        for start in range(0, 701, 200):
            assert archive.keep_batches([remote.batch(start, min(start + 200, 701))]) == [min(start + 200, 701)]
            state = archive.reader.log(town.origin)
            assert state is not None and state.head_size == (701 if start == 600 else 0)
        assert state is not None and state.root == remote.held().root and state.head_note == remote.note()
        assert archive.reader.headers(town.origin, 0, 701) == remote.headers
        assert [entry.body for entry in archive.reader.entries(town.origin, 0)] == remote.bodies
        assert events[-1] == HeadCame(town.origin, 701, remote.note(), own=False)
        for level, n, width in ((0, 0, 256), (0, 2, 189), (1, 0, 2)):
            tile = archive.reader.tile(town.origin, level, n)
            expected = [remote.hash(8 * level, n * TILE_WIDTH + at) for at in range(width)]
            assert tile == b"".join(expected)
        assert archive.reader.tile(town.origin, 0, 3) is None
        assert archive.reader.tile(town.origin, 2, 0) is None

    def test_a_batch_that_does_not_follow_is_refused_alone(self, archive: interface.Writing, town: Town) -> None:
        remote = RemoteLog(town, town.actors("a", "b", "c"))
        archive.keep_log(town.identity)
        answers = archive.keep_batches([remote.batch(0, 2), remote.batch(3, 4), remote.batch(2, 4)])
        assert [answer if isinstance(answer, int) else type(answer) for answer in answers] == [2, LocalError, 4]

    def test_what_is_said_of_an_element_elsewhere(self, archive: interface.Writing, town: Town) -> None:
        """Whatever log it is in, and however many there are."""
        actors = town.actors("a", "b")
        others = [Town(epoch=epoch) for epoch in (2, 3, 4)]
        for each in (town, *others):
            archive.keep_log(each.identity)
            remote = RemoteLog(each, [] if each is others[1] else actors)
            archive.keep_batches([remote.batch(0)])
        element = actors[1].header.element
        assert element is not None
        assert archive.reader.origins() == [each.origin for each in (town, *others)]
        said = archive.reader.elsewhere(element, [town.origin])
        assert [(entry.origin, entry.index) for entry in said] == [(others[0].origin, 2), (others[2].origin, 2)]
        (own,) = archive.reader.history(element, [town.origin])
        assert {entry.body for entry in said} == {own.body}
        assert archive.reader.elsewhere(element, [each.origin for each in (town, *others)]) == []
        assert len(archive.reader.elsewhere(element, [])) == 3

    def test_one_transaction_takes_batches_until_it_is_enough(self, archive: interface.Writing, town: Town) -> None:
        """What was not taken is left for the next transaction."""
        remote = RemoteLog(town, town.actors("a", "b", "c"))
        archive.keep_log(town.identity)
        waiting = iter([remote.batch(0, 2), remote.batch(2, 3), remote.batch(3, 4)])
        assert archive.keep_batches(waiting, lambda: True) == [2]
        assert archive.keep_batches(waiting) == [3, 4]

    def test_a_log_is_kept_under_one_key(self, archive: interface.Writing, town: Town) -> None:
        archive.keep_log(town.identity)
        archive.keep_log(town.identity)
        other = identity_of("FR-93059")
        with pytest.raises(LocalError, match="another key"):
            archive.keep_log(type(other)(town.origin, other.key, other.recovery_key))

    def test_nothing_is_kept_of_a_log_that_is_not_known(self, archive: interface.Writing, town: Town) -> None:
        remote = RemoteLog(town)
        with pytest.raises(LocalError, match="not kept here"):
            archive.keep_batches([remote.batch(0)])
        assert archive.reader.log(town.origin) is None

    def test_batches_never_reach_the_log_that_is_written_in(self, own: interface.Writing, town: Town) -> None:
        remote = RemoteLog(town, town.actors("a"))
        remote.headers[0] = own.reader.headers(town.origin, 0, 1)[0]
        (answer,) = own.keep_batches([remote.batch(1)])
        assert isinstance(answer, LocalError)

    def test_a_leaf_that_cannot_be_read_is_kept_and_proved(self, archive: interface.Writing, town: Town) -> None:
        """A bad signature and bytes of no shape at all: stored, marked, and the rest of the log unharmed."""
        good, bad = town.actors("good", "bad signature")
        broken = bad.header.raw[:-1] + bytes([bad.header.raw[-1] ^ 1])
        remote = RemoteLog(town, [broken, b"no record at all", good])
        archive.keep_log(town.identity)
        archive.keep_batches([remote.batch(0)])
        entries = archive.reader.entries(town.origin, 0)
        assert [entry.unreadable is None for entry in entries] == [True, False, False, True]
        assert [entry.header for entry in entries] == remote.headers
        state = archive.reader.log(town.origin)
        assert state is not None and state.root == remote.held().root
        assert [entry.index for entry in archive.reader.control(town.origin)] == [0]
        assert bad.header.element is not None
        assert archive.reader.current(bad.header.element) is None
        assert [entry.index for entry in archive.reader.history(bad.header.element)] == [1]

    def test_a_body_that_did_not_come_is_wanted_until_it_does(
        self, archive: interface.Writing, town: Town, events: list[Event]
    ) -> None:
        actors = town.actors("a", "b", "c")
        remote = RemoteLog(town, actors)
        archive.keep_log(town.identity)
        archive.keep_batches([remote.batch(0, missing={1, 3})])
        digests = [actor.header.body_digest for actor in actors]
        assert archive.reader.wanted(town.origin) == [(1, digests[0]), (3, digests[2])]
        assert archive.reader.wanted(town.origin, 1, 2) == [(3, digests[2])]
        bodies = [(digest, actor.body) for digest, actor in zip(digests, actors, strict=True)]
        assert archive.keep_bodies(bodies[:2]) == 1  # type: ignore[arg-type]
        state = archive.reader.log(town.origin)
        assert state is not None and state.wanted == 1
        assert events[-1] == BodiesCame(town.origin, (1,))
        entry = archive.reader.entry(town.origin, 1)
        assert entry is not None and entry.body == actors[0].body

    def test_a_head_to_fetch_towards_is_remembered_and_not_shown(self, archive: interface.Writing, town: Town) -> None:
        remote = RemoteLog(town, town.actors("a", "b"))
        archive.keep_log(town.identity)
        archive.keep_batches([remote.batch(0, 1, head=1)])
        archive.keep_head(town.origin, 3, remote.note())
        assert archive.reader.head(town.origin) == (1, remote.note(1))
        assert archive.reader.pinned(town.origin) == (3, remote.note())
        archive.keep_batches([remote.batch(1)])
        assert archive.reader.head(town.origin) == (3, remote.note())
        assert archive.reader.pinned(town.origin) is None

    def test_the_latest_cosignature_of_each_is_kept_with_its_head(self, archive: interface.Writing, town: Town) -> None:
        remote = RemoteLog(town, town.actors("a", "b"))
        archive.keep_log(town.identity)
        archive.keep_batches([remote.batch(0, 2, head=2)])
        archive.keep_cosignatures([CosignatureRow(town.origin, "hub", 2, NOW, remote.cosigned("FR-93059", NOW, 2))])
        archive.keep_cosignatures([CosignatureRow(town.origin, "hub", 2, NOW - 9, b"an older line")])
        archive.keep_batches([remote.batch(2)])
        (row,) = archive.reader.cosignatures(town.origin)
        assert (row.size, row.time) == (2, NOW)
        assert archive.reader.head(town.origin, 2) == (2, remote.note(2)), "a receipt needs the head that was cosigned"
        archive.keep_cosignatures(
            [CosignatureRow(town.origin, "hub", 3, NOW + 9, remote.cosigned("FR-93059", NOW + 9))]
        )
        assert archive.reader.head(town.origin, 2) is None

    def test_fork_proofs_are_kept_once(self, archive: interface.Writing) -> None:
        assert archive.keep_fork("convergences/FR-93066/x", b"proof", NOW)
        assert not archive.keep_fork("convergences/FR-93066/x", b"proof", NOW + 1)
        assert [fork.proof for fork in archive.reader.forks()] == [b"proof"]
        assert archive.reader.forks("convergences/FR-93059/x") == []

    def test_peers_and_choices_are_remembered(self, archive: interface.Writing) -> None:
        peer = PeerRow(b"k" * 32, "FR-93066", ("/ip4/192.0.2.1/tcp/4750",), NOW, 2, "sent a body of another record")
        archive.keep_peer(PeerRow(b"k" * 32))
        archive.keep_peer(peer)
        archive.choose("follow", "all")
        archive.choose("other", "x")
        archive.choose("other", None)
        assert archive.reader.peers() == [peer]
        assert (archive.reader.choice("follow"), archive.reader.choice("other")) == ("all", None)


class TestMemory(OtherLogs, InMemory):
    pass


class TestSQLite(OtherLogs, OnDisk):
    pass
