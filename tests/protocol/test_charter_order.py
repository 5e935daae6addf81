# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every reader has the same charter, in whatever order the logs came."""

import random

from convergences_protocol.charter import Charter
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.header import Header
from hypothesis import given, settings
from hypothesis import strategies as st

from .charters import HEAD, PLAINE, ROOT, end, enrol, opens
from .logs import identity_of, key_of


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
        charter = read_in_some_order(logs, False, random.Random(seed))
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
