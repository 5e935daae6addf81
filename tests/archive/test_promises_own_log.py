# SPDX-License-Identifier: AGPL-3.0-or-later
"""What any archive promises of its town's own log."""

from __future__ import annotations

import itertools
from hashlib import sha256

from convergences_node.archive.model import Conflict, Event, HeadCame, LogGrew, NewRecord, SourceRow
from convergences_protocol import checkpoint, merkle
from convergences_protocol.tiles import Slot

from . import interface
from .making import Town
from .promised import InMemory, OnDisk, placed


class OwnLog:
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


class TestMemory(OwnLog, InMemory):
    pass


class TestSQLite(OwnLog, OnDisk):
    pass
