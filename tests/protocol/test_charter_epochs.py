# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where the charter goes on when the agglomeration's own log ends, and who may say so."""

from dataclasses import replace

import pytest
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.enrolment import END, End
from convergences_protocol.errors import RemoteError
from convergences_protocol.header import read_header
from convergences_protocol.origin import LogIdentity
from convergences_protocol.record import author_control

from .charters import HEAD, HOME, NEXT, PLAINE, ROOT, SAINT_DENIS, STAINS, charter_of, end, enrol, opens, renewed
from .logs import identity_of, key_of, origin_of


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
