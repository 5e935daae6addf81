# SPDX-License-Identifier: AGPL-3.0-or-later
"""What people do and what goes wrong in one seed's ten minutes, drawn from the seed before the first event."""

from __future__ import annotations

from collections.abc import Callable

from convergences_protocol.erasure import DAILY_MAX

from .liar import Liar
from .town import Town
from .wire import Endpoint
from .world import World, digests

SECONDS = 600.0


def schedule(world: World) -> None:
    """Put everything on the clock."""
    random = world.random
    world.faults_on = True
    world.wire.loss = random.choice((0.0, 0.003, 0.02))
    world.wire.delay_max = random.choice((0.02, 0.2, 2.0))
    world.wire.after(0.0, world.agglomeration.start)
    for town in world.towns:
        world.wire.after(random.random() * 30, town.start)
        for _ in range(random.randrange(1, 5)):
            _write_once(world, town, random.randrange(1, 6))
    _some(world, 8, _cut)
    _some(world, 6, _crash)
    _some(world, 3, _hang)
    _some(world, 3, _erase)
    _some(world, 3, _restore)
    _some(world, 1, _clone)
    _some(world, 1, _merge)
    _some(world, 1, _burn)
    _some(world, 2, _wrong_clock)
    if random.random() < 0.15:
        _at(world, lambda: _take_back(world, world.agglomeration))
    if random.random() < 0.2:
        _steal(world)
    if world.seed % 8 == 0:
        _at(world, lambda: _all_cosign(world))


def _all_cosign(world: World) -> None:
    for node in world.nodes:
        if node.alive:
            node.cosign()


def _at(world: World, call: Callable[[], object]) -> None:
    world.wire.at(20 + world.random.random() * (SECONDS - 20), call)


def _some(world: World, count_max: int, fault: Callable[[World], None]) -> None:
    for _ in range(world.random.randrange(count_max + 1)):
        _at(world, lambda: fault(world))


def _write_once(world: World, town: Town, count: int) -> None:
    _at(world, lambda: _writes(town, count))


def _any(world: World) -> Town:
    return world.random.choice(world.towns)


def _writes(town: Town, count: int) -> None:
    if town.alive:
        town.resident_writes(count)
        town.obey()


def _cut(world: World) -> None:
    """Two cannot reach each other; or one cannot reach anybody."""
    one, seconds = _any(world), world.random.random() * 200
    others: list[Endpoint] = [world.agglomeration] if world.random.random() < 0.7 else world.endpoints()
    for other in others:
        if other is not one:
            world.wire.cut(one, other, seconds)


def _hang(world: World) -> None:
    """A node is frozen, towards everyone, with its connections open."""
    one = _any(world)
    for link in list(one.links.values()):
        world.wire.hang(link, one, world.random.random() * 60)


def _crash(world: World) -> None:
    """kill -9, and back after a while."""
    node = world.agglomeration if world.random.random() < 0.15 else _any(world)
    if node.alive:
        world.count("crashes")
        node.stop()
        world.wire.after(0.5 + world.random.random() * 100, lambda: _revive(node))


def _revive(node: Town) -> None:
    if not node.alive:
        node.start()


def _erase(world: World) -> None:
    one = _any(world)
    if one.alive:
        one.operator_erases()


def _steal(world: World) -> None:
    """A town with a long memory loses its key to somebody who wants it forgotten."""
    town = _any(world)
    one_by_one = world.random.random() < 0.3
    world.count("thefts")
    world.wire.after(30 + world.random.random() * 100, lambda: _writes(town, DAILY_MAX + 20))
    world.wire.after(200 + world.random.random() * 300, lambda: _thief(town, one_by_one=one_by_one))


def _thief(town: Town, *, one_by_one: bool) -> None:
    if town.alive:
        town.thief_erases(one_by_one=one_by_one)
        town.obey()


def _wrong_clock(world: World) -> None:
    """A clock without a battery, or with a wrong one: in 1970, in 2100, or wrong by some years; until all is mended."""
    node = world.agglomeration if world.random.random() < 0.15 else _any(world)
    node.clock_ahead = world.random.choice((None, None, 14 * 31_557_600.0, -300 * 86_400.0))
    node.clock_was_wrong = True
    world.count("wrong_clocks")


def _restore(world: World) -> None:
    """A backup is taken now, and put back later."""
    _take_back(world, _any(world))


def _take_back(world: World, node: Town) -> None:
    if isinstance(node, Liar) or not node.archive.own:
        return
    image, guard = node.archive.copy(), node.guard
    with_guard = world.random.random() < 0.5
    delay = 20 + world.random.random() * 300

    def put_back() -> None:
        if node.burnt:
            return
        world.count("restores")
        node.stop()
        if with_guard:
            world.may_fork.add(node.territory)
        world.forget_card(node, digests(image), unnoticed=with_guard)
        node.archive = image
        node.guard = guard if with_guard else None
        back = 1 + world.random.random() * 20
        world.wire.after(back, lambda: _revive(node))
        if world.random.random() < 0.5:  # residents do not wait for the network
            world.wire.after(back + 0.1, lambda: _writes(node, 2))

    world.wire.after(delay, put_back)


def _clone(world: World) -> None:
    """A card is copied into a second machine, and both run."""
    node = _any(world)
    if isinstance(node, Liar) or not node.archive.own or _has_clone(world, node):
        return
    world.count("clones")
    world.may_fork.add(node.territory)
    twin = Town(world, node.id + "'", node.territory, node.key, node.recovery)
    twin.archive, twin.guard, twin.pinned = node.archive.copy(), node.guard, node.pinned
    twin.keeps, twin.dials, twin.handing_over = node.keeps, list(node.dials), node.handing_over
    twin.machine_id = world.random.choice((node.machine_id, twin.id))
    world.clones.append(twin)
    delay = world.random.random() * 60
    world.wire.after(delay, lambda: twin.start() if world.faults_on else None)
    for _ in range(world.random.randrange(4)):
        world.wire.after(delay + world.random.random() * 200, lambda: _writes(twin, 2))


def _has_clone(world: World, node: Town) -> bool:
    return any(clone.peer == node.peer for clone in world.clones)


def _burn(world: World) -> None:
    """A card dies with its keys; the recovery sheet is in a drawer, and after a while somebody finds it."""
    town = _any(world)
    if isinstance(town, Liar) or town.handing_over or not town.archive.own or _has_clone(world, town):
        return  # a second machine that goes on under the old key is a thief, and what it writes is to be lost
    world.count("successions")
    heir = world.burn(town)
    found = 5 + world.random.random() * 200
    world.wire.after(found, heir.start)
    for _ in range(world.random.randrange(3)):
        world.wire.after(found + world.random.random() * 200, lambda: _writes(heir, 2))


def _merge(world: World) -> None:
    """A town joins another: it stops writing; once nothing of it is left behind, and its last head is here, the charter
    says so."""
    one, other = world.random.sample(world.towns, 2)
    if one.handing_over or other.handing_over or not one.honest or not one.archive.own or not other.archive.own:
        return
    world.count("merges")
    one.hand_over()

    def try_to_end() -> None:
        agglomeration = world.agglomeration
        mine, theirs = one.archive.current, agglomeration.archive.logs.get(one.archive.own[-1])
        ready = theirs and theirs.head_size() == mine.head_size()
        ongoing = agglomeration.charter.ongoing(one.territory)
        whole = one.alive and one.nothing_left_behind()
        if agglomeration.alive and ready and whole and ongoing and ongoing.origin == mine.origin:
            agglomeration.merge(mine.origin, other.archive.own[-1])
        else:
            world.wire.after(30.0, try_to_end)

    world.wire.after(30.0, try_to_end)
