# SPDX-License-Identifier: AGPL-3.0-or-later
"""What any archive promises when the charter has decided against a part of a log."""

from __future__ import annotations

from hashlib import sha256

import pytest
from convergences_node.archive.model import NewRecord
from convergences_protocol import merkle
from convergences_protocol.erasure import GRACE_SECONDS
from convergences_protocol.tiles import Slot

from . import interface
from .making import NOW, RemoteLog, Town
from .promised import InMemory, OnDisk


class Rewinding:
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


class TestMemory(Rewinding, InMemory):
    pass


class TestSQLite(Rewinding, OnDisk):
    pass
