# SPDX-License-Identifier: AGPL-3.0-or-later
"""The right to be forgotten: who may say so, what it names, when it is done, and when it waits for a person."""

import pytest
from convergences_protocol import erasure
from convergences_protocol.charter import Charter
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.element import ElementId
from convergences_protocol.enrolment import END, ENROL, End, Enrolment
from convergences_protocol.erasure import Erasure, Heard, State
from convergences_protocol.errors import Unreadable
from convergences_protocol.header import HEADER_BYTES_MAX, read_header
from convergences_protocol.merkle import SIZE_MAX
from convergences_protocol.record import author_control

from .logs import identity_of, key_of, origin_of

PLAINE, SAINT_DENIS, PIERREFITTE, STAINS = "FR-200057867", "FR-93066", "FR-93059", "FR-93072"
HOME, LARGE, SMALL = identity_of(PLAINE), identity_of(SAINT_DENIS), identity_of(PIERREFITTE)
SOMEONE = ElementId.new(PIERREFITTE, 1_700_000_000_000, bytes(10))
DIGEST = b"d" * 32
DAY = 86_400


def merged() -> Charter:
    """Pierrefitte merged into Saint-Denis at size 12."""
    charter = Charter(HOME)
    records: list[tuple[str, dict[str, object]]] = [
        (ENROL, Enrolment(log.origin, log.key, log.recovery_key, 0).content())
        for log in (LARGE, SMALL, identity_of(STAINS))
    ]
    records.append((END, End(Checkpoint(SMALL.origin, 12, bytes(32)), LARGE.origin, "merge").content()))
    for index, (kind, content) in enumerate(records):
        assert charter.apply(HOME.origin, index, read_header(author_control(key_of(PLAINE), kind, content, 0)))
    return charter


@pytest.mark.parametrize(
    "named",
    [
        Erasure("asked", element=SOMEONE),
        Erasure("asked", origin=SMALL.origin, ranges=((3, 4), (7, 9))),
        Erasure("asked", origin=SMALL.origin, digests=(DIGEST,)),
        Erasure("asked", origin=SMALL.origin, ranges=((0, SIZE_MAX),), digests=(DIGEST,)),
    ],
)
def test_an_erasure_is_read_as_it_was_written(named: Erasure) -> None:
    header = read_header(author_control(key_of("x"), erasure.KIND, named.content(), 1))
    assert erasure.read_erasure(header) == named


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"reason": "x"},
        {"element": SOMEONE.to_cbor()},
        {"reason": "", "element": SOMEONE.to_cbor()},
        {"reason": "x" * 201, "element": SOMEONE.to_cbor()},
        {"reason": "x", "element": ["FR-93059", b"short"]},
        {"reason": "x", "element": SOMEONE.to_cbor(), "origin": SMALL.origin, "ranges": [[0, 1]]},
        {"reason": "x", "origin": SMALL.origin},
        {"reason": "x", "ranges": [[0, 1]]},
        {"reason": "x", "origin": SMALL.origin, "ranges": []},
        {"reason": "x", "origin": SMALL.origin, "ranges": [[1, 1]]},
        {"reason": "x", "origin": SMALL.origin, "ranges": [[2, 1]]},
        {"reason": "x", "origin": SMALL.origin, "ranges": [[-1, 1]]},
        {"reason": "x", "origin": SMALL.origin, "ranges": [[0, 1, 2]]},
        {"reason": "x", "origin": SMALL.origin, "ranges": [[0, True]]},
        {"reason": "x", "origin": SMALL.origin, "ranges": [[0, 1]] * 129},
        {"reason": "x", "origin": SMALL.origin, "digests": [b"short"]},
        {"reason": "x", "origin": "somewhere", "digests": [DIGEST]},
    ],
)
def test_what_names_nothing_clearly_is_unreadable(content: dict[str, object]) -> None:
    header = read_header(author_control(key_of("x"), erasure.KIND, content, 1))
    with pytest.raises(Unreadable):
        erasure.read_erasure(header)


def test_an_element_is_forgotten_in_every_log_and_records_in_one() -> None:
    whole = Erasure("asked", element=SOMEONE)
    assert whole.names(SMALL.origin, 3, DIGEST, SOMEONE)
    assert whole.names(LARGE.origin, 9, b"e" * 32, SOMEONE)
    assert not whole.names(SMALL.origin, 3, DIGEST, None)
    some = Erasure("asked", origin=SMALL.origin, ranges=((3, 5),), digests=(DIGEST,))
    assert some.names(SMALL.origin, 4, b"e" * 32, SOMEONE)
    assert some.names(SMALL.origin, 5, DIGEST, None)
    assert not some.names(SMALL.origin, 5, b"e" * 32, SOMEONE)
    assert not some.names(LARGE.origin, 4, DIGEST, SOMEONE)


@pytest.mark.parametrize("named", [Erasure("a", element=SOMEONE), Erasure("a", origin=SMALL.origin, digests=(DIGEST,))])
def test_only_the_territory_s_chain_and_the_agglomeration_may_say_so(named: Erasure) -> None:
    charter = merged()
    allowed = [(SMALL.origin, 11), (LARGE.origin, 0), (LARGE.origin, 999), (HOME.origin, 50)]
    refused = [(SMALL.origin, 12), (identity_of(STAINS).origin, 0), (origin_of(PIERREFITTE, 9), 0)]
    assert all(erasure.is_valid(named, charter, origin, index) for origin, index in allowed)
    assert not any(erasure.is_valid(named, charter, origin, index) for origin, index in refused)


def test_a_town_cannot_make_the_agglomeration_forget() -> None:
    named = Erasure("a", origin=HOME.origin, ranges=((0, 10),))
    assert not erasure.is_valid(named, merged(), LARGE.origin, 5)
    assert erasure.is_valid(named, merged(), HOME.origin, 5)


def test_what_stands_beyond_the_end_of_a_log_cannot_be_named_by_its_number() -> None:
    """Two holders may have two histories there; what counts of it is in the next log, under another number."""
    charter = merged()
    within, beyond = (Erasure("a", origin=SMALL.origin, ranges=((0, 3), (11, stop))) for stop in (12, 13))
    by_digest = Erasure("a", origin=SMALL.origin, digests=(b"d" * 32,))
    for origin, index in ((SMALL.origin, 11), (LARGE.origin, 7), (HOME.origin, 50)):
        assert erasure.is_valid(within, charter, origin, index)
        assert not erasure.is_valid(beyond, charter, origin, index)
        assert erasure.is_valid(by_digest, charter, origin, index)
    assert erasure.is_valid(Erasure("a", origin=LARGE.origin, ranges=((0, 10**6),)), charter, LARGE.origin, 1)


def heard(index: int, at: int | None = 0, weight: int = 1, origin: str = LARGE.origin, **word: bool) -> Heard:
    return Heard(origin, index, at, weight, **word)


def test_what_is_named_is_hidden_at_once_and_dropped_after_seven_days() -> None:
    one = heard(1, at=1000)
    for now, state in ((1000, State.HIDDEN), (1000 + 7 * DAY - 1, State.HIDDEN), (1000 + 7 * DAY, State.DUE)):
        assert erasure.states([one], now) == {(LARGE.origin, 1): state}


def test_the_operator_may_drop_at_once() -> None:
    assert list(erasure.states([heard(1, at_once=True)], 0).values()) == [State.DUE]


def test_a_hundred_a_day_pass_and_one_more_stops_them_all() -> None:
    many = [heard(index, at=index) for index in range(100)]
    assert set(erasure.states(many, 100).values()) == {State.HIDDEN}
    many.append(heard(100, at=100))
    assert set(erasure.states(many, 100).values()) == {State.PENDING}
    assert set(erasure.states(many, 100 * DAY).values()) == {State.PENDING}, "no time passes it by"


def test_one_record_that_names_a_whole_log_waits() -> None:
    everything = Erasure("x", origin=LARGE.origin, ranges=((0, 100_000),))
    assert everything.weight == 100_000
    assert list(erasure.states([heard(1, weight=everything.weight)], 0).values()) == [State.PENDING]


def test_the_limit_is_each_log_s_and_each_day_s() -> None:
    many = [heard(index) for index in range(100)] + [heard(index, at=DAY) for index in range(100, 200)]
    many += [heard(index, origin=SMALL.origin) for index in range(100)]
    assert set(erasure.states(many, DAY).values()) == {State.HIDDEN}


def test_a_person_releases_what_waits_and_the_rest_goes_on() -> None:
    many = [heard(index, released=index < 50) for index in range(101)]
    assert set(erasure.states(many, 0).values()) == {State.HIDDEN}
    many = [heard(index, released=index < 50) for index in range(151)]
    states = erasure.states(many, 0)
    assert [states[LARGE.origin, index] for index in (49, 50)] == [State.HIDDEN, State.PENDING]


def test_a_clock_that_cannot_be_right_makes_nothing_due() -> None:
    for now in (None, 1000 + 70 * DAY):
        assert set(erasure.states([heard(1, at=None)], now).values()) == {State.HIDDEN}
    assert set(erasure.states([heard(1, at=1000)], None).values()) == {State.HIDDEN}
    assert set(erasure.states([heard(1, at=None, at_once=True)], None).values()) == {State.DUE}


def test_what_a_wrong_clock_heard_counts_from_when_it_is_right() -> None:
    now = 20_000 * DAY
    assert erasure.redated(None, None) is None
    assert erasure.redated(now, None) == now
    assert erasure.redated(None, now) == now, "not dropped at once, as after a leap from 1970"
    assert erasure.redated(now + 1, now) == now, "not kept for ever, as after 2100"
    assert erasure.redated(now - 1, now) == now - 1


def test_without_a_clock_all_is_of_one_day() -> None:
    many = [heard(index, at=None) for index in range(101)]
    assert set(erasure.states(many, None).values()) == {State.PENDING}
    assert set(erasure.states(many[:100], None).values()) == {State.HIDDEN}


def test_to_forget_what_was_never_here_needs_no_person() -> None:
    """A new holder reads ten years of erasures in one day; it has none of those bodies."""
    assert set(erasure.states([heard(index, weight=0) for index in range(1000)], 0).values()) == {State.HIDDEN}


def test_a_clock_that_went_back_drops_nothing_early() -> None:
    assert list(erasure.states([heard(1, at=10 * DAY)], 0).values()) == [State.HIDDEN]


def test_much_to_forget_is_split_into_records_that_fit() -> None:
    ranges = tuple((2**62 + 2 * at, 2**62 + 2 * at + 1) for at in range(300))
    digests = tuple(bytes([at % 256]) * 32 for at in range(250))
    parts = erasure.split(Erasure("é" * 200, origin=origin_of(PLAINE), ranges=ranges, digests=digests))
    assert sum((part.ranges for part in parts), ()) == ranges
    assert sum((part.digests for part in parts), ()) == digests
    for part in parts:
        header = author_control(key_of("x"), erasure.KIND, part.content(), 1)
        assert len(header) <= HEADER_BYTES_MAX
        assert erasure.read_erasure(read_header(header)) == part
