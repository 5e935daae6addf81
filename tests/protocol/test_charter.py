# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who belongs: enrolments, ends, merges, rivals, and the agglomeration's own epochs."""

import random
from dataclasses import replace

import pytest
from convergences_protocol import opening
from convergences_protocol.charter import Charter
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.enrolment import END, ENROL, End, Enrolment
from convergences_protocol.errors import RemoteError
from convergences_protocol.header import Header, read_header
from convergences_protocol.keys import SigningKey
from convergences_protocol.origin import LogIdentity
from convergences_protocol.record import author_control
from hypothesis import given, settings
from hypothesis import strategies as st

from .logs import identity_of, key_of, opening_of, origin_of

PLAINE, SAINT_DENIS, PIERREFITTE, STAINS = "FR-200057867", "FR-93066", "FR-93059", "FR-93072"
HOME = identity_of(PLAINE)
ROOT = bytes(32)


def control(kind: str, content: dict[str, object], author: str = PLAINE) -> Header:
    return read_header(author_control(key_of(author), kind, content, 1000))


def enrol(log: LogIdentity, nonce: bytes | None = None, author: str = PLAINE) -> Header:
    return control(ENROL, Enrolment(log.origin, log.key, log.recovery_key, 1000, nonce).content(), author)


def end(origin: str, size: int, successor: str | None = None, author: str = PLAINE, key: bytes | None = None) -> Header:
    return control(END, End(Checkpoint(origin, size, ROOT), successor, "why", key).content(), author)


def opens(log: LogIdentity, key: SigningKey, previous: Checkpoint | None = None) -> Header:
    return read_header(opening.author_opening(opening_of(log, previous), key, 1000))


def charter_of(*statements: Header) -> Charter:
    """The charter after the pinned log's opening and these statements."""
    first = opens(HOME, key_of(PLAINE))
    return Charter.fold(HOME, ((HOME.origin, index, header) for index, header in enumerate([first, *statements])))


def test_before_anyone_is_enrolled_the_agglomeration_counts_for_itself() -> None:
    charter = Charter(HOME)
    assert charter.counts(PLAINE) == [(HOME.origin, None)]
    assert charter.counts(SAINT_DENIS) == []
    assert charter.allowed_keys() == {HOME.key}


def test_an_enrolled_log_counts_for_its_territory_alone() -> None:
    log = identity_of(SAINT_DENIS)
    charter = charter_of(enrol(log))
    assert charter.counts(SAINT_DENIS) == [(log.origin, None)]
    assert charter.counts(STAINS) == []
    assert log.key in charter.allowed_keys()
    assert charter.speaks_for(SAINT_DENIS, log.origin, 10**9)
    assert not charter.speaks_for(STAINS, log.origin, 0)
    found = charter.enrolled(log.origin)
    assert found is not None
    assert (found.identity, found.since, found.end, found.disputed, found.presumed) == (log, 1000, None, False, False)


def test_an_agglomeration_may_enrol_itself() -> None:
    charter = charter_of(enrol(HOME))
    assert charter.counts(PLAINE) == [(HOME.origin, None)]
    assert [log.presumed for log in charter.enrolments] == [False]


def test_a_log_that_left_counts_up_to_its_end_and_its_key_is_no_longer_welcome() -> None:
    log = identity_of(SAINT_DENIS)
    charter = charter_of(enrol(log), end(log.origin, 7))
    assert charter.counts(SAINT_DENIS) == [(log.origin, 7)]
    assert [charter.speaks_for(SAINT_DENIS, log.origin, index) for index in (6, 7)] == [True, False]
    assert charter.allowed_keys() == {HOME.key}
    assert charter.ongoing(SAINT_DENIS) is None


def test_a_new_epoch_goes_on_where_the_old_one_ended() -> None:
    old, new = identity_of(SAINT_DENIS, 1), identity_of(SAINT_DENIS, 2)
    for statements in ([end(old.origin, 7, new.origin), enrol(new)], [enrol(new), end(old.origin, 7, new.origin)]):
        charter = charter_of(enrol(old), *statements)
        assert charter.counts(SAINT_DENIS) == [(old.origin, 7), (new.origin, None)]
        assert charter.disputed() == {}


def test_a_log_that_ended_is_continued_if_its_author_goes_on_under_the_same_key() -> None:
    """Not after a theft, a merger or a leaving: what is signed past the end then is nobody's."""
    old = identity_of(STAINS)
    for successor, continued in (
        (identity_of(STAINS, 2), True),
        (identity_of(STAINS, 2, "heir"), False),
        (None, False),
    ):
        named = [end(old.origin, 5, successor.origin if successor else None)]
        charter = charter_of(enrol(old), *named, *([enrol(successor)] if successor else []))
        found = charter.enrolled(old.origin)
        assert found is not None and charter.continued(found) is continued
    goes_on = charter_of(enrol(old)).enrolled(old.origin)
    assert goes_on is not None and not charter_of(enrol(old)).continued(goes_on)


def test_a_town_that_left_and_came_back_has_both_its_logs() -> None:
    old, new = identity_of(SAINT_DENIS, 1), identity_of(SAINT_DENIS, 2, "another card")
    charter = charter_of(enrol(old), end(old.origin, 7), enrol(new))
    assert charter.counts(SAINT_DENIS) == [(old.origin, 7), (new.origin, None)]
    assert old.key not in charter.allowed_keys()


def test_after_a_merge_the_old_town_s_elements_live_on_in_the_other_s_log() -> None:
    """Pierrefitte-sur-Seine became a part of Saint-Denis in 2025."""
    small, large = identity_of(PIERREFITTE), identity_of(SAINT_DENIS)
    charter = charter_of(enrol(small), enrol(large), end(small.origin, 12, large.origin))
    assert charter.counts(PIERREFITTE) == [(small.origin, 12), (large.origin, None)]
    assert charter.counts(SAINT_DENIS) == [(large.origin, None)]
    assert charter.heirs(PIERREFITTE) == [PIERREFITTE, SAINT_DENIS]
    assert charter.heirs(SAINT_DENIS) == [SAINT_DENIS]
    assert charter.territories() == [PLAINE, PIERREFITTE, SAINT_DENIS]
    assert small.key not in charter.allowed_keys()
    assert (charter.merged_into(PIERREFITTE), charter.merged_into(SAINT_DENIS)) == (SAINT_DENIS, None)


def test_a_town_stays_merged_in_a_new_epoch_that_nobody_enrols_and_speaks_for_itself_in_one_that_is() -> None:
    small, large, later = identity_of(PIERREFITTE, 1), identity_of(SAINT_DENIS), identity_of(PIERREFITTE, 2)
    charter = charter_of(enrol(small), enrol(large), end(small.origin, 12, large.origin))
    charter.presume(opening_of(later))
    assert charter.merged_into(PIERREFITTE) == SAINT_DENIS
    charter.apply(HOME.origin, 4, enrol(later))
    assert charter.merged_into(PIERREFITTE) is None


def test_a_log_that_ended_without_another_town_has_not_merged() -> None:
    old, new = identity_of(SAINT_DENIS, 1), identity_of(SAINT_DENIS, 2)
    charter = charter_of(enrol(old), end(old.origin, 7, new.origin))
    assert charter.merged_into(SAINT_DENIS) is None
    assert charter_of(enrol(old), end(old.origin, 7)).merged_into(SAINT_DENIS) is None


def test_a_merge_follows_the_other_town_through_its_epochs() -> None:
    small, one, two = identity_of(PIERREFITTE), identity_of(SAINT_DENIS, 1), identity_of(SAINT_DENIS, 2)
    charter = charter_of(
        enrol(small), enrol(one), end(small.origin, 12, one.origin), end(one.origin, 40, two.origin), enrol(two)
    )
    assert charter.counts(PIERREFITTE) == [(small.origin, 12), (one.origin, 40), (two.origin, None)]


def test_towns_that_name_each_other_as_successors_do_not_loop() -> None:
    one, two = identity_of(PIERREFITTE), identity_of(SAINT_DENIS)
    charter = charter_of(enrol(one), enrol(two), end(one.origin, 3, two.origin), end(two.origin, 4, one.origin))
    assert charter.counts(PIERREFITTE) == [(one.origin, 3), (two.origin, 4)]
    assert charter.counts(SAINT_DENIS) == [(two.origin, 4), (one.origin, 3)]


def test_a_successor_that_nobody_enrolled_does_not_count() -> None:
    log = identity_of(SAINT_DENIS)
    charter = charter_of(enrol(log), end(log.origin, 7, origin_of(SAINT_DENIS, 9)))
    assert charter.counts(SAINT_DENIS) == [(log.origin, 7)]


def test_a_rival_is_shown_and_does_not_count_until_the_other_ends() -> None:
    first, rival = identity_of(SAINT_DENIS, 1), identity_of(SAINT_DENIS, 2, "a stranger")
    charter = charter_of(enrol(first), enrol(rival))
    assert charter.counts(SAINT_DENIS) == [(first.origin, None)]
    assert charter.disputed() == {SAINT_DENIS: [first.origin, rival.origin]}
    assert charter.ongoing(SAINT_DENIS) == charter.enrolled(first.origin)
    charter.apply(HOME.origin, 3, end(first.origin, 5))
    assert charter.counts(SAINT_DENIS) == [(first.origin, 5), (rival.origin, None)]
    assert charter.disputed() == {}


def test_the_successor_that_an_end_names_comes_before_an_older_rival() -> None:
    first, rival, heir = (identity_of(SAINT_DENIS, epoch, f"card {epoch}") for epoch in (1, 2, 3))
    charter = charter_of(enrol(first), enrol(rival), enrol(heir), end(first.origin, 5, heir.origin))
    assert charter.counts(SAINT_DENIS) == [(first.origin, 5), (heir.origin, None)]
    assert charter.disputed() == {SAINT_DENIS: [heir.origin, rival.origin]}


def test_a_rival_that_another_log_names_as_its_successor_stays_a_rival() -> None:
    small, first, rival = identity_of(PIERREFITTE), identity_of(SAINT_DENIS, 1), identity_of(SAINT_DENIS, 2)
    charter = charter_of(enrol(small), enrol(first), enrol(rival), end(small.origin, 5, rival.origin))
    assert charter.counts(SAINT_DENIS) == [(first.origin, None)]
    assert charter.counts(PIERREFITTE) == [(small.origin, 5)]


def test_a_rival_that_is_ended_counts_as_far_as_the_charter_says() -> None:
    first, rival = identity_of(SAINT_DENIS, 1), identity_of(SAINT_DENIS, 2, "a stranger")
    charter = charter_of(enrol(first), enrol(rival), end(rival.origin, 0))
    assert charter.counts(SAINT_DENIS) == [(first.origin, None), (rival.origin, 0)]
    assert not charter.speaks_for(SAINT_DENIS, rival.origin, 0)


def test_one_origin_has_one_key() -> None:
    log = identity_of(SAINT_DENIS)
    charter = charter_of(enrol(log), enrol(replace(log, key=key_of("a thief").public)))
    assert [found.identity for found in charter.enrolments if found.territory == SAINT_DENIS] == [log]
    assert key_of("a thief").public not in charter.allowed_keys()


def test_a_later_end_corrects_an_earlier_one_and_a_new_enrolment_does_not_undo_it() -> None:
    log = identity_of(SAINT_DENIS)
    charter = charter_of(enrol(log), end(log.origin, 7), end(log.origin, 9), enrol(log))
    assert charter.counts(SAINT_DENIS) == [(log.origin, 9)]


def test_an_invitation_s_use_can_be_looked_up() -> None:
    log = identity_of(SAINT_DENIS)
    charter = charter_of(enrol(log, nonce=b"n" * 32))
    used = charter.nonce_used(b"n" * 32)
    assert used is not None and used.key == log.key
    assert charter.nonce_used(b"m" * 32) is None


def test_records_of_other_kinds_logs_and_shapes_are_passed_over() -> None:
    log = identity_of(SAINT_DENIS)
    charter = Charter(HOME)
    assert not charter.apply(log.origin, 1, enrol(log))
    assert not charter.apply(HOME.origin, 1, control("erasure", {"reason": "x"}))
    assert not charter.apply(HOME.origin, 1, control(ENROL, {"origin": log.origin}))
    assert not charter.apply(HOME.origin, 1, control(ENROL, enrol(log).content | {"territory": STAINS}))  # type: ignore[operator]
    assert not charter.apply(HOME.origin, 1, end(log.origin, 3, log.origin))
    assert not charter.apply(log.origin, 0, opens(log, key_of(SAINT_DENIS)))
    assert charter.counts(SAINT_DENIS) == []
    assert charter.apply(HOME.origin, 1, enrol(log))
    assert not charter.apply(HOME.origin, 1, enrol(log)), "the same record again changes nothing"


def test_members_that_this_version_does_not_know_are_passed_over() -> None:
    log = identity_of(SAINT_DENIS)
    charter = charter_of(control(ENROL, {**enrol(log).content, "zone": "north"}))  # type: ignore[dict-item]
    assert charter.counts(SAINT_DENIS) == [(log.origin, None)]


# --- the agglomeration's own epochs ---

NEXT = identity_of(PLAINE, 2, PLAINE)
HEAD = Checkpoint(HOME.origin, 2, ROOT)


def renewed(charter: Charter, *statements: Header, previous: Checkpoint = HEAD) -> Charter:
    """The agglomeration has opened another epoch under its keys, in which these statements stand."""
    for index, header in enumerate([opens(NEXT, key_of(PLAINE), previous), *statements]):
        charter.apply(NEXT.origin, index, header)
    return charter


def test_the_charter_goes_on_in_an_epoch_under_the_same_keys() -> None:
    log, later = identity_of(SAINT_DENIS), identity_of(STAINS)
    charter = renewed(charter_of(enrol(log)), enrol(later))
    assert charter.agglomeration == NEXT
    assert charter.chain == [HOME, NEXT]
    assert charter.counts(SAINT_DENIS) == [(log.origin, None)]
    assert charter.counts(STAINS) == [(later.origin, None)]
    assert charter.counts(PLAINE) == [(HOME.origin, None), (NEXT.origin, None)]


def test_a_restored_agglomeration_forgets_nothing_until_it_says_so() -> None:
    """It was restored from a backup at size 2, and does not know that it had enrolled a town in its record 2."""
    known, forgotten = identity_of(SAINT_DENIS), identity_of(STAINS)
    charter = renewed(charter_of(enrol(known), enrol(forgotten)))
    assert charter.counts(STAINS) == [(forgotten.origin, None)]
    charter.apply(NEXT.origin, 1, end(HOME.origin, 2, NEXT.origin))
    assert charter.counts(STAINS) == []
    assert charter.counts(SAINT_DENIS) == [(known.origin, None)]
    assert charter.counts(PLAINE) == [(HOME.origin, 2), (NEXT.origin, None)]


def test_an_epoch_with_another_key_or_another_recovery_key_carries_nothing_on() -> None:
    charter = charter_of()
    stranger = identity_of(PLAINE, 3, "a stranger")
    thief = replace(identity_of(PLAINE, 4, PLAINE), recovery_key=key_of("a thief").public)
    charter.apply(stranger.origin, 0, opens(stranger, key_of("a stranger"), HEAD))
    charter.apply(thief.origin, 0, opens(thief, key_of(PLAINE), HEAD))
    assert charter.agglomeration == HOME
    assert charter.disputed() == {}


def test_an_epoch_that_continues_nothing_carries_nothing_on() -> None:
    charter = charter_of()
    charter.apply(NEXT.origin, 0, opens(NEXT, key_of(PLAINE)))
    assert charter.agglomeration == HOME


def test_between_two_epochs_under_the_same_key_the_charter_stops() -> None:
    """A cloned card: neither is followed, both are shown, what stood before stands."""
    log, clone = identity_of(SAINT_DENIS), identity_of(PLAINE, 3, PLAINE)
    charter = renewed(charter_of(enrol(log)), enrol(identity_of(STAINS)))
    assert charter.agglomeration == NEXT
    charter.apply(clone.origin, 0, opens(clone, key_of(PLAINE), HEAD))
    assert charter.agglomeration == HOME
    assert charter.disputed() == {PLAINE: [NEXT.origin, clone.origin]}
    assert charter.counts(STAINS) == []
    assert charter.counts(SAINT_DENIS) == [(log.origin, None)]
    # ... until the recovery key says which.
    signed = end(HOME.origin, 2, clone.origin, f"{PLAINE} recovery", clone.key)
    assert charter.consider(opens(clone, key_of(PLAINE), HEAD), signed)
    assert charter.agglomeration == clone
    assert charter.disputed() == {}


def test_a_log_may_name_its_own_successor_with_another_key() -> None:
    """A planned change of key: enrolled and named in the old log, with the recovery key that everybody pinned."""
    heir = replace(identity_of(PLAINE, 2, "a new key"), recovery_key=HOME.recovery_key)
    log = identity_of(SAINT_DENIS)
    charter = charter_of(enrol(heir), end(HOME.origin, 2, heir.origin), enrol(identity_of(STAINS)))
    assert charter.agglomeration == heir
    assert charter.counts(STAINS) == [], "it was written after the end"
    charter.apply(heir.origin, 0, opens(heir, key_of("a new key"), HEAD))
    charter.apply(heir.origin, 1, enrol(log, author="a new key"))
    assert charter.counts(SAINT_DENIS) == [(log.origin, None)]
    assert charter.counts(PLAINE) == [(HOME.origin, 2), (heir.origin, None)]
    assert charter.allowed_keys() == {heir.key, log.key}


def test_a_thief_of_the_agglomeration_s_key_does_not_outlast_the_recovery_key() -> None:
    """The thief wrote in the log, named a successor, and opened it; the sheet in the drawer undoes it all."""
    log, crony = identity_of(SAINT_DENIS), identity_of(STAINS, 1, "a thief")
    theirs = replace(identity_of(PLAINE, 2, "a thief"), recovery_key=HOME.recovery_key)
    charter = charter_of(
        enrol(log), enrol(crony), end(log.origin, 0), enrol(theirs), end(HOME.origin, 4, theirs.origin)
    )
    charter.apply(theirs.origin, 0, opens(theirs, key_of("a thief"), HEAD))
    assert charter.agglomeration == theirs
    ours = identity_of(PLAINE, 3, "a new key")
    signed = end(HOME.origin, 2, ours.origin, f"{PLAINE} recovery", ours.key)
    assert charter.consider(opens(ours, key_of("a new key"), HEAD), signed)
    assert not charter.consider(opens(ours, key_of("a new key"), HEAD), signed), "again, nothing new"
    assert charter.chain == [HOME, ours]
    assert charter.counts(SAINT_DENIS) == [(log.origin, None)]
    assert charter.counts(STAINS) == []
    assert charter.counts(PLAINE) == [(HOME.origin, 2), (ours.origin, None)]
    assert theirs.key not in charter.allowed_keys()
    # The new log may still correct where the old one ended.
    charter.apply(ours.origin, 0, opens(ours, key_of("a new key"), HEAD))
    charter.apply(ours.origin, 1, end(HOME.origin, 3, ours.origin, "a new key"))
    assert charter.counts(STAINS) == [(crony.origin, None)]


def test_the_recovery_key_can_sign_nothing_else() -> None:
    ours = identity_of(PLAINE, 3, "a new key")
    elsewhere = identity_of(STAINS, 3, "a new key")
    first = opens(ours, key_of("a new key"), HEAD)
    recovery = f"{PLAINE} recovery"
    for opened, signed in (
        (first, end(HOME.origin, 2, ours.origin, "a thief", ours.key)),
        (first, end(HOME.origin, 2, ours.origin, recovery)),
        (first, end(HOME.origin, 2, ours.origin, recovery, HOME.key)),
        (first, end(HOME.origin, 2, NEXT.origin, recovery, ours.key)),
        (opens(elsewhere, key_of("a new key")), end(HOME.origin, 2, elsewhere.origin, recovery, elsewhere.key)),
    ):
        charter = charter_of()
        with pytest.raises(RemoteError):
            charter.consider(opened, signed)
        assert charter.agglomeration == HOME
    charter = charter_of()
    charter.consider(first, end(NEXT.origin, 2, ours.origin, recovery, ours.key))
    assert charter.agglomeration == HOME, "the log that it ends is not the charter's"


def test_of_two_ends_for_one_successor_every_reader_keeps_the_same() -> None:
    ours = identity_of(PLAINE, 3, "a new key")
    first, town = opens(ours, key_of("a new key"), HEAD), identity_of(SAINT_DENIS)
    signed = [end(HOME.origin, size, ours.origin, f"{PLAINE} recovery", ours.key) for size in (1, 2)]
    found = []
    for order in (signed, signed[::-1]):
        charter = charter_of(enrol(town))
        for each in order:
            charter.consider(first, each)
        found.append(charter.counts(PLAINE))
    assert found[0] == found[1]


def test_a_thief_cannot_drown_the_word_of_the_recovery_key() -> None:
    """With the node's key and a recovery key of their own, a thief speaks of the same successor, later and louder."""
    theirs = replace(identity_of(PLAINE, 5, PLAINE), recovery_key=key_of("a thief").public)
    ours = identity_of(PLAINE, 3, "a new key")
    fake = LogIdentity(ours.origin, key_of("a thief").public, key_of("a thief").public)
    for theft_first in (True, False):
        charter = charter_of()
        charter.apply(theirs.origin, 0, opens(theirs, key_of(PLAINE), HEAD))
        signed = end(HOME.origin, 2, ours.origin, f"{PLAINE} recovery", ours.key)
        loud = End(Checkpoint(HOME.origin, 0, ROOT), ours.origin, "why", fake.key).content()
        louder = read_header(author_control(key_of("a thief"), END, loud, 2000))
        thefts = [(opens(fake, key_of("a thief"), HEAD), louder)]
        for opened, said in (*thefts, (opens(ours, key_of("a new key"), HEAD), signed)):
            charter.consider(opened, said)
        if not theft_first:
            charter.consider(*thefts[0])
        assert charter.agglomeration == ours
        assert charter.counts(PLAINE)[0] == (HOME.origin, 2)


def test_two_successors_signed_by_the_recovery_key_stop_the_charter() -> None:
    charter = charter_of()
    for epoch in (3, 4):
        ours = identity_of(PLAINE, epoch, f"key {epoch}")
        signed = end(HOME.origin, 2, ours.origin, f"{PLAINE} recovery", ours.key)
        assert charter.consider(opens(ours, key_of(f"key {epoch}"), HEAD), signed)
    assert charter.agglomeration == HOME
    assert charter.disputed() == {PLAINE: [origin_of(PLAINE, 3), origin_of(PLAINE, 4)]}


def test_the_charter_is_the_same_in_whatever_order_the_logs_were_read() -> None:
    """Each log in its own order, but the logs mixed in every way: a hundred shuffles, one charter."""
    epochs = [identity_of(PLAINE, epoch, PLAINE) for epoch in range(5)]
    logs: dict[str, list[Header]] = {}
    for number, epoch in enumerate(epochs):
        previous = Checkpoint(epochs[number - 1].origin, 4, ROOT) if number else None
        town = identity_of(f"FR-9300{number}")
        logs[epoch.origin] = [opens(epoch, key_of(PLAINE), previous), enrol(town)]
        if number:
            logs[epoch.origin].append(end(epochs[number - 1].origin, 3, epoch.origin))
            logs[epoch.origin].append(end(identity_of(f"FR-9300{number - 1}").origin, number, town.origin))
    expected = None
    for seed in range(100):
        dice = random.Random(seed)
        left = {origin: list(enumerate(headers)) for origin, headers in sorted(logs.items())}
        charter = Charter(epochs[0])
        while left:
            origin = dice.choice(sorted(left))
            index, header = left[origin].pop(0)
            charter.apply(origin, index, header)
            if not left[origin]:
                del left[origin]
        state = (charter.chain, charter.enrolments, [charter.counts(place) for place in charter.territories()])
        expected = expected or state
        assert state == expected
    assert len(expected[0]) == 5  # type: ignore[index]


TOWNS = [identity_of(f"FR-9300{number}", epoch) for number in range(3) for epoch in range(2)]
EPOCHS = [identity_of(PLAINE, epoch, PLAINE) for epoch in range(3)]
RENEWED = identity_of(PLAINE, 9, "a new key")
STATEMENTS = st.one_of(
    st.sampled_from(TOWNS).map(enrol),
    st.builds(
        lambda ended, size, heir: end(ended.origin, size, heir.origin if heir and heir != ended else None),
        st.sampled_from([*TOWNS, *EPOCHS]),
        st.integers(0, 8),
        st.sampled_from([None, *TOWNS, *EPOCHS]),
    ),
)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.lists(STATEMENTS, max_size=6), min_size=3, max_size=3),
    st.lists(st.integers(0, 2), min_size=3, max_size=3),
    st.booleans(),
    st.randoms(use_true_random=False),
    st.randoms(use_true_random=False),
)
def test_whatever_is_said_every_reader_has_the_same_charter(
    said: list[list[Header]], before: list[int], recovered: bool, one: random.Random, other: random.Random
) -> None:
    """Three logs under the agglomeration's keys, each continuing one of them, say anything; two readers, two orders."""
    logs = {
        epoch.origin: [opens(epoch, key_of(PLAINE), Checkpoint(EPOCHS[earlier].origin, 1, ROOT)), *statements]
        for epoch, statements, earlier in zip(EPOCHS, said, before, strict=True)
    }
    charters = [read_in_some_order(logs, recovered, dice) for dice in (one, other)]
    states = [
        (
            charter.chain,
            charter.enrolments,
            charter.disputed(),
            charter.allowed_keys(),
            [charter.counts(place) for place in charter.territories()],
        )
        for charter in charters
    ]
    assert states[0] == states[1]
    charter = charters[0]
    if recovered:
        assert charter.agglomeration == RENEWED
    for place in charter.territories():
        origins = [origin for origin, _ in charter.counts(place)]
        assert len(set(origins)) == len(origins)
        found = [charter.enrolled(origin) for origin in origins]
        assert not any(log is None or log.disputed for log in found), "what is disputed is not mixed in"
        assert place == PLAINE or sum(log.end is None for log in found if log and log.territory == place) <= 1


def read_in_some_order(logs: dict[str, list[Header]], recovered: bool, dice: random.Random) -> Charter:
    left = {origin: list(enumerate(headers)) for origin, headers in sorted(logs.items())}
    charter = Charter(EPOCHS[0])
    while left:
        origin = dice.choice(sorted(left))
        index, header = left[origin].pop(0)
        charter.apply(origin, index, header)
        if not left[origin]:
            del left[origin]
        if recovered and dice.random() < 0.5:
            signed = end(EPOCHS[0].origin, 3, RENEWED.origin, f"{PLAINE} recovery", RENEWED.key)
            charter.consider(opens(RENEWED, key_of("a new key"), HEAD), signed)
    if recovered:
        signed = end(EPOCHS[0].origin, 3, RENEWED.origin, f"{PLAINE} recovery", RENEWED.key)
        charter.consider(opens(RENEWED, key_of("a new key"), HEAD), signed)
    return charter


# --- one's own log ---


def test_a_town_sees_its_own_records_before_it_is_enrolled() -> None:
    log = identity_of(SAINT_DENIS)
    charter = Charter(HOME)
    charter.presume(opening_of(log))
    assert charter.counts(SAINT_DENIS) == [(log.origin, None)]
    assert [found.presumed for found in charter.enrolments] == [True, True]
    charter.apply(HOME.origin, 1, enrol(log))
    assert [found.presumed for found in charter.enrolments] == [True, False]


def test_a_town_in_a_new_epoch_sees_both_until_the_charter_knows() -> None:
    old, new = identity_of(SAINT_DENIS, 1, SAINT_DENIS), identity_of(SAINT_DENIS, 2, SAINT_DENIS)
    charter = charter_of(enrol(old))
    charter.presume(opening_of(old))
    charter.presume(opening_of(new, Checkpoint(old.origin, 5, ROOT)))
    assert charter.counts(SAINT_DENIS) == [(old.origin, None), (new.origin, None)]
    assert charter.disputed() == {}
    charter.apply(HOME.origin, 2, end(old.origin, 5, new.origin))
    charter.apply(HOME.origin, 3, enrol(new))
    assert charter.counts(SAINT_DENIS) == [(old.origin, 5), (new.origin, None)]


def test_a_town_alone_is_its_own_charter() -> None:
    log = identity_of(SAINT_DENIS)
    charter = Charter(log)
    assert charter.counts(SAINT_DENIS) == [(log.origin, None)]


def test_what_to_fetch_of_a_log_that_the_charter_does_not_name() -> None:
    log = identity_of(SAINT_DENIS)
    charter = charter_of(enrol(log))
    unknown = origin_of(SAINT_DENIS, 77)
    assert charter.candidate(unknown) == LogIdentity(unknown, log.key, log.recovery_key)
    assert charter.candidate(NEXT.origin) == NEXT
    assert charter.candidate(log.origin) is None
    assert charter.candidate(origin_of(STAINS, 1)) is None


def test_a_large_charter_is_folded_and_asked() -> None:
    """Two hundred towns; what is derived is derived once, not at each question."""
    statements = [enrol(identity_of(f"FR-{10000 + number}")) for number in range(200)]
    charter = charter_of(*statements)
    assert len(charter.enrolments) == 201
    assert all(charter.counts(f"FR-{10000 + number}") for number in range(200))
