# SPDX-License-Identifier: AGPL-3.0-or-later
"""What any archive promises. One class of tests, run on SQLite's archive and on the one in memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from convergences_node.archive import interface
from convergences_node.archive.guard import Guard
from convergences_node.archive.memory import MemoryArchive
from convergences_node.archive.model import (
    BodiesCame,
    BodiesErased,
    Conflict,
    CosignatureRow,
    ErasedElement,
    ErasuresCame,
    Event,
    HeadCame,
    LogGrew,
    NewRecord,
    PeerRow,
    Placed,
    SourceRow,
)
from convergences_node.archive.revealed import Revealed
from convergences_node.archive.writer import ArchiveWriter
from convergences_protocol import checkpoint, merkle
from convergences_protocol.erasure import DAILY_MAX, GRACE_SECONDS
from convergences_protocol.errors import LocalError
from convergences_protocol.tiles import TILE_WIDTH, Slot

from .making import NOW, RemoteLog, Town, identity_of


def placed(answer: object) -> list[Placed]:
    assert isinstance(answer, list), answer
    return answer


class ArchivePromises:
    """Tests of one archive, whatever keeps it. A subclass gives the fixture `archive`."""

    @pytest.fixture
    def events(self) -> list[Event]:
        return []

    @pytest.fixture
    def town(self) -> Town:
        return Town()

    @pytest.fixture
    def own(self, archive: interface.Writing, town: Town) -> interface.Writing:
        """An archive with a log of its own."""
        archive.begin_log(town.identity, town.opening(), town.key)
        return archive

    # ------------------------------------------------------------------------------------------------- one's own log
    def test_a_log_begins_with_its_opening_under_a_signed_head(self, own: interface.Writing, town: Town) -> None:
        """The first record is there, and the head that covers it is signed by the log's key."""
        state = own.reader.own_log()
        assert (state.origin, state.size, state.own, state.status) == (town.origin, 1, True, "open")
        assert state.head_note is not None
        head = checkpoint.verify(state.head_note, town.origin, town.key.public)
        assert (head.size, head.root) == (1, state.root)
        assert [entry.slot for entry in own.reader.control(town.origin)] == [Slot.NONE]

    def test_what_was_appended_is_read_back(self, own: interface.Writing, town: Town, events: list[Event]) -> None:
        """Header, body, place, history and events agree."""
        events.clear()
        first, second = town.actors("Café associatif", "Amicale")
        answer = placed(own.append([[first, second]])[0])
        assert [(p.index, p.header_digest, p.element) for p in answer] == [
            (1, first.header.digest, first.header.element),
            (2, second.header.digest, second.header.element),
        ]
        entry = own.reader.entry(town.origin, 1)
        assert entry is not None
        assert (entry.header, entry.body, entry.slot) == (first.header.raw, first.body, Slot.HERE)
        assert first.header.element is not None and first.header.body_digest is not None
        assert own.reader.history(first.header.element) == [entry]
        assert own.reader.locate(first.header.digest) == entry
        assert own.reader.body(first.header.body_digest) == first.body
        note = own.reader.own_log().head_note
        assert note is not None
        assert events == [LogGrew(town.origin, 1, 3, own=True), HeadCame(town.origin, 3, note, own=True)]

    def test_every_head_extends_the_one_before(self, own: interface.Writing, town: Town) -> None:
        """A town signs one history: each head is consistent with all before, across tiles."""
        heads = []
        for count in (1, 254, 1, 3, 300):
            own.append([town.actors(*(f"actor {at}" for at in range(count)))])
            state = own.reader.own_log()
            heads.append((state.size, state.root))
        hashes = own.reader.hash_reader(town.origin)
        for (old, old_root), (new, new_root) in itertools.pairwise(heads):
            proof = merkle.consistency_proof(hashes, old, new)
            assert merkle.verify_consistency(old, new, old_root, new_root, proof)
            assert own.reader.root_at(town.origin, old) == old_root

    def test_an_edit_of_what_is_no_longer_current_is_refused(self, own: interface.Writing, town: Town) -> None:
        """Two people edit the same record: the second is shown both, and writes nothing."""
        (actor,) = town.actors("Amicale")
        own.append([[actor]])
        mine, theirs = town.edit(actor, "Amicale laïque"), town.edit(actor, "L'Amicale")
        assert isinstance(own.append([[mine]])[0], list)
        refused = own.append([[theirs]])[0]
        assert isinstance(refused, Conflict)
        assert (refused.current, refused.given) == (mine.header.digest.hex(), actor.header.digest.hex())
        assert own.reader.own_log().size == 3
        assert actor.header.element is not None
        current = own.reader.current(actor.header.element)
        assert current is not None and current.header == mine.header.raw

    def test_a_conflict_refuses_its_own_request_only(self, own: interface.Writing, town: Town) -> None:
        """Requests share a transaction, not their fate; one request is all or nothing."""
        (actor, other, third) = town.actors("one", "two", "three")
        own.append([[actor]])
        twice = [town.edit(actor, "a"), town.edit(actor, "b")]
        answers = own.append([[other], [town.edit(actor, "c"), *twice[:1]], [twice[1]], [third]])
        assert [type(answer) for answer in answers] == [list, Conflict, list, list]
        assert own.reader.own_log().size == 5
        assert actor.header.element is not None
        assert [entry.header for entry in own.reader.history(actor.header.element)] == [
            actor.header.raw,
            twice[1].header.raw,
        ]

    def test_a_new_record_about_an_element_that_exists_is_a_conflict(self, own: interface.Writing, town: Town) -> None:
        """Without `previous`, an author says that there is nothing yet."""
        (actor,) = town.actors("Amicale")
        own.append([[actor]])
        fields = {"name": "Amicale", "type": "association"}
        (blind,) = town.make(NewRecord("actor", fields, element=actor.header.element))
        assert isinstance(own.append([[blind]])[0], Conflict)

    def test_a_withdrawal_has_no_body_and_leaves_the_history(self, own: interface.Writing, town: Town) -> None:
        (actor,) = town.actors("Amicale")
        own.append([[actor]])
        assert actor.header.element is not None
        (gone,) = town.make(NewRecord("actor", None, actor.header.element, actor.header.digest))
        own.append([[gone]])
        history = own.reader.history(actor.header.element)
        assert [entry.slot for entry in history] == [Slot.HERE, Slot.NONE]
        assert own.reader.current(actor.header.element) == history[-1]

    def test_the_row_of_a_source_is_remembered_with_its_record(self, own: interface.Writing, town: Town) -> None:
        """Importing again finds the element, and what the row said."""
        row = SourceRow("associations", "W931", sha256(b"row").digest())
        (actor,) = town.make(NewRecord("actor", {"name": "Amicale", "type": "association"}, source=row))
        assert own.reader.source("associations", "W931") is None
        own.append([[actor]])
        assert own.reader.source("associations", "W931") == (actor.header.element, row.content)
        assert own.reader.source("association", "sW931") is None

    def test_a_new_epoch_closes_the_log_before(self, own: interface.Writing, town: Town) -> None:
        """Elements go on in the new log: its edits follow records of the old one."""
        (actor,) = town.actors("Amicale")
        own.append([[actor]])
        next_epoch = Town(epoch=2)
        own.begin_log(next_epoch.identity, next_epoch.opening(), next_epoch.key)
        edited = town.edit(actor, "Amicale laïque")
        assert isinstance(own.append([[edited]])[0], list)
        assert [(state.origin, state.status, state.size) for state in own.reader.logs()] == [
            (town.origin, "closed", 2),
            (next_epoch.origin, "open", 2),
        ]
        assert actor.header.element is not None
        assert [entry.origin for entry in own.reader.history(actor.header.element)] == [town.origin, next_epoch.origin]

    # --------------------------------------------------------------------------------------------------- others' logs
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

    # -------------------------------------------------------------------------------------------------------- bounds
    def test_reading_entries_stops_at_its_bounds(self, own: interface.Writing, town: Town) -> None:
        """One entry always comes, or nobody could ever go on."""
        own.append([town.actors(*(f"actor {at}" for at in range(10)))])
        sizes = [len(entry.header) + len(entry.body or b"") for entry in own.reader.entries(town.origin, 0)]
        assert len(own.reader.entries(town.origin, 0, bytes_max=sum(sizes[:4]))) == 4
        assert len(own.reader.entries(town.origin, 3, 7)) == 4
        assert len(own.reader.entries(town.origin, 1, bytes_max=1)) == 1
        assert len(own.reader.entries(town.origin, 0, count_max=2)) == 2
        assert own.reader.entries(town.origin, 11) == []
        assert own.reader.entry(town.origin, 11) is None

    # ------------------------------------------------------------------------------------------------------- beside
    def test_peers_and_choices_are_remembered(self, archive: interface.Writing) -> None:
        peer = PeerRow(b"k" * 32, "FR-93066", ("/ip4/192.0.2.1/tcp/4750",), NOW, 2, "sent a body of another record")
        archive.keep_peer(PeerRow(b"k" * 32))
        archive.keep_peer(peer)
        archive.choose("follow", "all")
        archive.choose("other", "x")
        archive.choose("other", None)
        assert archive.reader.peers() == [peer]
        assert (archive.reader.choice("follow"), archive.reader.choice("other")) == ("all", None)
        archive.forget_peer(peer.key)
        assert archive.reader.peers() == []

    # ------------------------------------------------------------------------------------------------------ erasures
    @pytest.mark.parametrize("wrong", [None, NOW + 30 * GRACE_SECONDS], ids=["unknown", "future"])
    def test_seven_days_are_counted_by_a_clock_that_is_right(
        self, own: interface.Writing, town: Town, wrong: int | None
    ) -> None:
        """Neither dropped when the clock leaps from 1970 to today, nor kept for ever because it once was ahead."""
        (actor,) = town.actors("Jeanne")
        own.append([[actor]])
        element = actor.header.element
        assert element is not None
        own.append([[town.erasure(element)]])
        for now in (wrong, NOW, NOW + GRACE_SECONDS - 1):
            (heard,) = own.hear_erasures(now)
            own.apply_erasures([heard.at], now)
            assert [row.state for row in own.reader.erasures()] == ["hidden"]
        assert [row.heard_at for row in own.reader.erasures()] == [NOW]
        own.hear_erasures(NOW + GRACE_SECONDS)
        assert own.apply_erasures([heard.at], NOW + GRACE_SECONDS) == [BodiesErased(town.origin, (1,), dropped=True)]

    def test_an_erased_element_is_hidden_at_once_and_dropped_after_seven_days(
        self, own: interface.Writing, town: Town, events: list[Event]
    ) -> None:
        """All its revisions; the others stay; nobody writes about it any more."""
        actor, other = town.actors("Jeanne", "Amicale")
        own.append([[actor, other], [town.edit(actor, "Jeanne D.")]])
        element = actor.header.element
        assert element is not None and actor.header.body_digest is not None
        erasure = placed(own.append([[town.erasure(element)]])[0])[0]
        assert events[-1] == ErasuresCame(town.origin)

        (heard,) = own.hear_erasures(NOW)
        assert own.reader.hidden_bodies() == []
        assert own.apply_erasures([heard.at], NOW) == [BodiesErased(town.origin, (1, 3), dropped=False)]
        assert len(own.reader.hidden_bodies()) == 2
        slots = [entry.slot for entry in own.reader.entries(town.origin, 0)]
        assert slots == [Slot.NONE, Slot.ERASED, Slot.HERE, Slot.ERASED, Slot.NONE]
        assert own.reader.body(actor.header.body_digest) is None
        assert own.reader.is_erased(element)
        current = own.reader.current(element)
        assert current is not None
        assert isinstance(own.append([[town.edit(actor, "Jeanne", current.digest)]])[0], ErasedElement)

        assert own.apply_erasures([heard.at], NOW + GRACE_SECONDS - 1) == []
        assert own.apply_erasures([heard.at], NOW + GRACE_SECONDS) == [BodiesErased(town.origin, (1, 3), dropped=True)]
        assert own.reader.hidden_bodies() == []
        assert [row.state for row in own.reader.erasures()] == ["dropped"]
        assert erasure.index == 4

    def test_an_erasure_that_nobody_may_say_does_nothing(self, own: interface.Writing, town: Town) -> None:
        (actor,) = town.actors("Amicale")
        own.append([[actor, town.erasure(actor.header.element)]])
        own.hear_erasures(NOW)
        assert own.apply_erasures([], NOW) == []
        assert [row.state for row in own.reader.erasures()] == ["invalid"]

    def test_an_erasure_that_is_valid_no_more_is_undone_until_it_was_dropped(
        self, own: interface.Writing, town: Town
    ) -> None:
        """The charter may change its mind; what is gone is gone."""
        (actor,) = town.actors("Amicale")
        own.append([[actor, town.erasure(actor.header.element)]])
        (heard,) = own.hear_erasures(NOW)
        own.apply_erasures([heard.at], NOW)
        assert own.apply_erasures([], NOW) == [BodiesErased(town.origin, (1,), dropped=False)]
        entry = own.reader.entry(town.origin, 1)
        assert entry is not None and entry.body == actor.body
        own.decide_erasure(heard.at, at_once=True)
        own.apply_erasures([heard.at], NOW)
        assert own.apply_erasures([], NOW) == []
        entry = own.reader.entry(town.origin, 1)
        assert entry is not None and (entry.slot, entry.body) == (Slot.ERASED, None)

    def test_a_body_that_arrives_after_its_erasure_is_dropped(self, own: interface.Writing, town: Town) -> None:
        """Whether it comes with its record, or by itself."""
        neighbour = Town("FR-93059")
        late, wanted = neighbour.actors("late", "wanted")
        erasures = [town.erasure(origin=neighbour.origin, digests=(late.header.digest,), ranges=((2, 3),))]
        remote = RemoteLog(neighbour, [late, wanted])
        own.keep_log(neighbour.identity)
        own.append([erasures])
        (heard,) = own.hear_erasures(NOW)
        assert heard.row.weight == 0, "to forget what was never here needs no person"
        own.apply_erasures([heard.at], NOW)
        own.keep_batches([remote.batch(0, missing={2})])
        assert [entry.slot for entry in own.reader.entries(neighbour.origin, 0)] == [
            Slot.NONE,
            Slot.ERASED,
            Slot.ERASED,
        ]
        assert wanted.header.body_digest is not None and wanted.body is not None
        assert own.keep_bodies([(wanted.header.body_digest, wanted.body)]) == 0
        state = own.reader.log(neighbour.origin)
        assert state is not None and state.wanted == 0

    def test_a_wanted_body_is_wanted_no_more_once_erased(self, own: interface.Writing, town: Town) -> None:
        neighbour = Town("FR-93059")
        remote = RemoteLog(neighbour, neighbour.actors("wanted"))
        own.keep_log(neighbour.identity)
        own.keep_batches([remote.batch(0, missing={1})])
        own.append([[town.erasure(origin=neighbour.origin, ranges=((1, 2),))]])
        (heard,) = own.hear_erasures(NOW)
        own.apply_erasures([heard.at], NOW)
        state = own.reader.log(neighbour.origin)
        assert state is not None and state.wanted == 0
        own.apply_erasures([], NOW)
        state = own.reader.log(neighbour.origin)
        assert state is not None and state.wanted == 1

    def test_the_same_record_in_another_epoch_is_erased_with_it(self, own: interface.Writing, town: Town) -> None:
        """It was appended again after a doubt: what was said is said nowhere any more."""
        (actor,) = town.actors("Jeanne")
        own.append([[actor]])
        next_epoch = Town(epoch=2)
        own.begin_log(next_epoch.identity, next_epoch.opening(), next_epoch.key)
        own.append([[replace(actor, edit=False)]])
        own.append([[town.erasure(origin=town.origin, ranges=((1, 2),))]])
        (heard,) = own.hear_erasures(NOW)
        own.apply_erasures([heard.at], NOW)
        entries = [own.reader.entry(origin, 1) for origin in (town.origin, next_epoch.origin)]
        assert [entry and entry.slot for entry in entries] == [Slot.ERASED, Slot.ERASED]
        assert actor.header.body_digest is not None and own.reader.body(actor.header.body_digest) is None

    def test_a_mass_erasure_waits_for_a_person(self, own: interface.Writing, town: Town) -> None:
        """A stolen node must not wipe the memory: past the limit, all of that day's erasures wait."""
        actors = town.actors(*(f"actor {at}" for at in range(DAILY_MAX + 1)))
        own.append([actors])
        own.append([[town.erasure(actor.header.element) for actor in actors[:-1]]])
        heard = own.hear_erasures(NOW)
        own.apply_erasures([each.at for each in heard], NOW)
        assert {row.state for row in own.reader.erasures()} == {"hidden"}
        own.append([[town.erasure(actors[-1].header.element)]])
        heard = own.hear_erasures(NOW)
        own.apply_erasures([each.at for each in heard], NOW)
        assert {row.state for row in own.reader.erasures()} == {"pending"}
        assert {entry.slot for entry in own.reader.entries(town.origin, 1, DAILY_MAX + 2)} == {Slot.HERE}
        own.decide_erasure(heard[0].at, released=True)
        own.apply_erasures([each.at for each in heard], NOW)
        assert {row.state for row in own.reader.erasures()} == {"hidden"}, "a hundred are left, and one was let through"

    # ------------------------------------------------------------------------------------------------------ rewinding
    def test_the_end_that_the_charter_decided_against_is_set_aside(
        self, archive: interface.Writing, town: Town
    ) -> None:
        """The log goes on from the common part with the other history, tree and all."""
        common = town.actors(*(f"actor {at}" for at in range(300)))
        ours = RemoteLog(town, [*common, *town.actors(*(f"ours {at}" for at in range(500)))])
        theirs = RemoteLog(town, [*common, *town.actors(*(f"theirs {at}" for at in range(400)))])
        archive.keep_log(town.identity)
        archive.keep_batches([ours.batch(0)])
        assert archive.rewind(town.origin, 301) == 500
        state = archive.reader.log(town.origin)
        assert state is not None and (state.size, state.root) == (301, theirs.held(301).root)
        assert state.head_note is None
        assert archive.reader.locate(sha256(ours.headers[301]).digest()) is None
        archive.keep_batches([theirs.batch(301, 320)])
        assert archive.reader.root_at(town.origin, 320) == theirs.held(320).root
        assert archive.reader.tile(town.origin, 0, 1) == b"".join(merkle.leaf_hashes(theirs.headers[256:320]))
        archive.keep_batches([theirs.batch(320)])
        state = archive.reader.log(town.origin)
        assert state is not None and state.root == theirs.held().root
        assert [log.origin for log in archive.reader.logs()] == [town.origin]
        assert archive.reader.tile(town.origin, 0, 1) == b"".join(merkle.leaf_hashes(theirs.headers[256:512]))

    def test_bodies_of_what_was_set_aside_may_still_come(self, archive: interface.Writing, town: Town) -> None:
        """A peer answers late; nothing breaks, and the log's own count stays right."""
        actors = town.actors("common", "ours")
        remote = RemoteLog(town, actors)
        archive.keep_log(town.identity)
        archive.keep_batches([remote.batch(0, missing={1, 2})])
        archive.rewind(town.origin, 2)
        state = archive.reader.log(town.origin)
        assert state is not None and state.wanted == 1
        bodies = [(actor.header.body_digest, actor.body) for actor in actors]
        archive.keep_bodies(bodies)  # type: ignore[arg-type]
        state = archive.reader.log(town.origin)
        assert state is not None and state.wanted == 0

    def test_what_our_residents_wrote_is_appended_again_before_its_log_is_rewound(
        self, own: interface.Writing, town: Town
    ) -> None:
        """Under the same ids, with the same signatures; a withdrawal and an erasure too; once only."""
        kept, divergent = town.actors("kept", "divergent")
        own.append([[kept]])
        (gone,) = town.make(NewRecord("actor", None, kept.header.element, kept.header.digest))
        own.append([[divergent, gone]])
        next_epoch = Town(epoch=2)
        own.begin_log(next_epoch.identity, next_epoch.opening(), next_epoch.key)
        assert own.rewind(town.origin, 2) == 2
        assert own.rewind(town.origin, 2) == 0
        again = own.reader.entries(next_epoch.origin, 1)
        assert [(entry.header, entry.body) for entry in again] == [
            (divergent.header.raw, divergent.body),
            (gone.header.raw, None),
        ]
        assert divergent.header.element is not None
        assert len(own.reader.history(divergent.header.element)) == 1

    @pytest.mark.parametrize("dropped", [False, True])
    def test_an_erasure_that_is_set_aside_with_its_branch_hides_no_more(
        self, own: interface.Writing, town: Town, dropped: bool
    ) -> None:
        """What only it named shows again; where the body is gone, it is wanted again."""
        (kept,) = town.actors("kept")
        assert kept.header.element is not None and kept.header.body_digest is not None
        own.append([[kept]])
        own.append([[town.erasure(kept.header.element)]])
        (heard,) = own.hear_erasures(NOW)
        own.apply_erasures([heard.at], NOW + GRACE_SECONDS * dropped)
        next_epoch = Town(epoch=2)
        own.begin_log(next_epoch.identity, next_epoch.opening(), next_epoch.key)
        assert own.rewind(town.origin, 2) == 1
        own.hear_erasures(NOW)
        own.apply_erasures([], NOW)
        entry = own.reader.entry(town.origin, 1)
        assert entry is not None and entry.slot == (Slot.WANTED if dropped else Slot.HERE)
        assert own.reader.body(kept.header.body_digest) == (None if dropped else kept.body)
        state = own.reader.log(town.origin)
        assert state is not None and state.wanted == int(dropped)


class TestMemory(ArchivePromises):
    @pytest.fixture
    def archive(self, events: list[Event]) -> interface.Writing:
        return MemoryArchive(events.append)


class TestSQLite(ArchivePromises):
    @pytest.fixture
    def archive(self, events: list[Event], tmp_path: Path) -> Iterator[interface.Writing]:
        writer = ArchiveWriter(tmp_path, Guard(tmp_path, None), Revealed(), tell=events.append)
        yield writer
        writer.close()
