# SPDX-License-Identifier: AGPL-3.0-or-later
"""What any archive promises to whoever is to be forgotten."""

from __future__ import annotations

from dataclasses import replace

import pytest
from convergences_node.archive.model import BodiesErased, ErasedElement, ErasuresCame, Event
from convergences_protocol.erasure import DAILY_MAX, GRACE_SECONDS
from convergences_protocol.tiles import Slot

from . import interface
from .making import NOW, RemoteLog, Town
from .promised import InMemory, OnDisk, placed


class Erasures:
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


class TestMemory(Erasures, InMemory):
    pass


class TestSQLite(Erasures, OnDisk):
    pass
