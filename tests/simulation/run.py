# SPDX-License-Identifier: AGPL-3.0-or-later
"""Running one seed from its first day to the agreement of all."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from functools import cache

from convergences_protocol.erasure import DAY_SECONDS, GRACE_SECONDS
from convergences_protocol.keys import SigningKey
from convergences_protocol.opening import KIND as OPENING
from convergences_protocol.opening import read_opening
from convergences_protocol.replication.limits import EXCHANGE_SECONDS

from .archive import SimLog
from .authors import Authors
from .cheap import signatures
from .faults import SECONDS, schedule
from .judge import disagreements, gone
from .world import TOWNS, World

AGREE_SECONDS = 3 * 3600.0
"""Agreement may wait for a few exchanges of heads, for a ban to end, for a person to decide."""
LOOK_SECONDS = 60.0
REAL_EVERY = 16
"""One seed in so many runs with real signatures."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one seed."""

    seed: int
    digest: str
    frames: int
    seconds: float
    """From the end of the faults to agreement, on the cluster's clock."""
    counts: dict[str, int]
    wrongs: tuple[str, ...]


@cache
def _authors(key_class: type[SigningKey]) -> Authors:
    return Authors(key_class)


def run(seed: int, *, towns: int = TOWNS, real: bool | None = None) -> Result:
    """One cluster, from founding to agreement."""
    real = seed % REAL_EVERY == REAL_EVERY - 1 if real is None else real
    gc.disable()  # a cluster is thrown away as a whole; looking for its cycles on the way takes a fifth of the time
    try:
        return _run(seed, towns, real=real)
    finally:
        gc.enable()


def _run(seed: int, towns: int, *, real: bool) -> Result:
    with signatures(real=real) as key_class:
        authors = _authors(key_class)  # type: ignore[arg-type]  # the class is asked for its hash, not a key
        world = World(seed, authors, real=real, towns=towns)
        schedule(world)
        world.wire.run_until(SECONDS)
        _heal(world)
        left = _agree(world)
        agreed = world.wire.now - SECONDS
        left = left or _a_week_later(world)
    return Result(
        seed,
        world.wire.digest,
        world.wire.frames,
        agreed,
        dict(sorted(world.counts.items())),
        (*world.wrongs, *left),
    )


def _heal(world: World) -> None:
    """No more faults: whoever is down comes back, but for clones, which are found and switched off."""
    world.faults_on = False
    world.wire.mend()
    for clone in world.clones:
        if clone.alive:
            clone.stop()
        world.forget_card(clone, set())
    for node in [world.agglomeration, *world.towns]:
        if not node.alive:
            node.start()
        node.clock_ahead = 0.0
        if not node.alive:
            continue  # an heir whom nobody has given the old log yet
        node.judge_erasures()
        for other in node.dials:
            node.dial(other)


def _agree(world: World) -> list[str]:
    """Let time pass until all agree; what is left when there has been enough of it."""
    left = ["nobody has looked yet"]
    until = world.wire.now + AGREE_SECONDS
    while left and world.wire.now < until:
        world.wire.run_until(world.wire.now + LOOK_SECONDS)
        _decide(world)
        for node in world.nodes:
            if world.released and node.alive and node.forgetting.pending():
                node.operator_releases()
        left = disagreements(world)
    return left


def _a_week_later(world: World) -> list[str]:
    """The seven days of all erasures are over; in every other world a person at each holder let the waiting ones pass.

    The week is a leap of all clocks, for in a week without news nothing is said that was not said in an hour.
    """
    world.released = world.seed % 2 == 1
    if left := _agree(world):
        return left
    _leap(world)
    world.wire.run_until(world.wire.now + EXCHANGE_SECONDS)
    if left := _agree(world):
        return left
    _leap(world)  # who put back an old card in this week has heard of an erasure again, and counts from then
    return gone(world)


def _leap(world: World) -> None:
    """All clocks go on by a week; the hourly look at erasures is made."""
    world.started += GRACE_SECONDS + DAY_SECONDS
    for node in world.nodes:
        if node.alive:
            node.judge_erasures()
            node.obey()


def _decide(world: World) -> None:
    """What is left for a person, once messages have had their time.

    The agglomeration's former epoch has an end; a rival epoch, whose machine is gone, counts as far as it was heard;
    and between rivals the log that the town itself writes in goes on.
    """
    agglomeration = world.agglomeration
    if world.wire.now < SECONDS + 600:
        return
    for origin in agglomeration.archive.own[:-1]:
        enrolled = agglomeration.charter.enrolled(origin)
        if enrolled and not enrolled.end:
            agglomeration.end_former(origin)
    written = {node.archive.own[-1] for node in world.honest}
    for origin, log in list(agglomeration.archive.logs.items()):
        if origin not in written and not agglomeration.charter.enrolled(origin) and log.head_size():
            _settle(world, log)
            return
    for town in world.towns:
        if not town.alive:
            continue
        named = agglomeration.charter.enrolled(town.archive.own[-1])
        over = agglomeration.charter.merged_into(town.territory)
        if town.honest and not over and (named is None or named.disputed):
            _settle(world, town.archive.current)


def _settle(world: World, log: SimLog) -> None:
    reading = log.readings[0]
    if reading is None or reading.kind != OPENING:
        return
    world.agglomeration.settle(read_opening(reading).identity)
    world.agglomeration.obey()
