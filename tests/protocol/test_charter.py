# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who belongs: enrolments, ends, merges and rivals, and what a town presumes of its own log."""

from dataclasses import replace

from convergences_protocol.charter import Charter
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.enrolment import ENROL
from convergences_protocol.origin import LogIdentity

from .charters import HOME, NEXT, PIERREFITTE, PLAINE, ROOT, SAINT_DENIS, STAINS, charter_of, control, end, enrol, opens
from .logs import identity_of, key_of, opening_of, origin_of


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
