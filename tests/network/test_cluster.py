# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whole towns of one process over a network in memory: what they do together, and when it or a disk fails them."""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
from importlib import metadata

import pytest
from convergences_node.checkup import sentence, what_to_do
from convergences_node.checkup.signs import signs
from convergences_node.clock import BUILT_AT, CLOCK_MAX, clock_plausible
from convergences_node.config import CONFIG_NAME
from convergences_node.faults import NotNow
from convergences_node.network.network import Network
from convergences_node.town import Town
from convergences_protocol.errors import ConvergencesError, RemoteError

from .whole_towns import NAMES, PIERREFITTE, PLAINE_COMMUNE, SAINT_DENIS, Territory, add, ask, found, linked, until


async def test_with_every_announcement_lost_heads_still_come_over_open_streams(territory: Territory) -> None:
    """Gossip is a hint: correctness never rests on it."""
    territory.net.gossips = False
    agglomeration, town = await territory.found(PLAINE_COMMUNE), await territory.found(SAINT_DENIS)
    await territory.join(agglomeration, town)
    element = await add(town, "Sans rumeur")
    items = await until(lambda: found(agglomeration, "rumeur"))
    assert items[0]["id"] == element


async def test_a_town_that_was_away_catches_up(territory: Territory) -> None:
    """What was written on both sides of a cut line is on both sides once it is mended."""
    agglomeration, town = await territory.found(PLAINE_COMMUNE), await territory.found(SAINT_DENIS)
    await territory.join(agglomeration, town)
    keys = agglomeration.membership.own.key, town.membership.own.key
    territory.net.sever(*keys)
    await add(town, "Écrit en ville")
    await add(agglomeration, "Écrit à l'agglomération")
    assert not await found(agglomeration, "écrit en ville")
    territory.net.mend(*keys)
    await until(lambda: found(agglomeration, "écrit en ville"))
    await until(lambda: found(town, "écrit agglomération"))


async def test_a_town_keeps_its_neighbours_if_its_operator_wants(territory: Territory) -> None:
    """It always follows the charter's own log; others' only by choice, and then by way of the agglomeration."""
    agglomeration, denis, pierre = [await territory.found(c) for c in (PLAINE_COMMUNE, SAINT_DENIS, PIERREFITTE)]
    await territory.join(agglomeration, denis)
    await territory.join(agglomeration, pierre)
    await add(pierre, "Foyer de Pierrefitte")
    await until(lambda: found(agglomeration, "foyer"))
    assert not await found(denis, "foyer")
    kept = await ask(denis, "follow", keep="these", territories=[PIERREFITTE])
    assert {log["territory"] for log in kept["logs"] if log["kept"]} == set(NAMES)
    await until(lambda: found(denis, "foyer"))


async def test_a_merged_town_is_found_under_either_name(territory: Territory) -> None:
    """Pierrefitte-sur-Seine became part of Saint-Denis in 2025: its log ends, its ids live on."""
    agglomeration, denis, pierre = [await territory.found(c) for c in (PLAINE_COMMUNE, SAINT_DENIS, PIERREFITTE)]
    await territory.join(agglomeration, denis)
    await territory.join(agglomeration, pierre)
    element = await add(pierre, "Foyer de Pierrefitte")
    await until(lambda: found(agglomeration, "foyer"))
    ended = await ask(agglomeration, "end", origin=PIERREFITTE, why="merger", successor=SAINT_DENIS)
    assert ended["successor"] == denis.membership.own.origin
    corrected = await ask(agglomeration, "end", origin=ended["origin"], why="merger of 2025")
    assert corrected["successor"] == ended["successor"], "to say why again takes nothing away"

    async def heirs() -> bool:
        return denis.membership.charter.heirs(PIERREFITTE) == [PIERREFITTE, SAINT_DENIS]

    await until(heirs)
    for code in (PIERREFITTE, SAINT_DENIS):
        answer = await ask(agglomeration, "search", query={"q": "foyer", "territory": code})
        assert [item["id"] for item in answer["items"]] == [element], code


async def test_a_card_in_another_machine_goes_on_in_a_new_epoch_by_itself(territory: Territory) -> None:
    """The guard is gone: the node doubts itself and opens a new epoch; the agglomeration holds all of the old one, so
    nobody has to decide: what is written before and after is found."""
    agglomeration, town = await territory.found(PLAINE_COMMUNE), await territory.found(SAINT_DENIS)
    await territory.join(agglomeration, town)
    await add(town, "Avant la panne")
    await until(lambda: found(agglomeration, "avant la panne"))
    old = town.membership.own.origin
    await territory.stop(SAINT_DENIS)
    (territory.folder / SAINT_DENIS / "head.guard").unlink()
    town = await territory.start(SAINT_DENIS)
    assert town.membership.own.origin != old
    assert (await ask(town, "status"))["doubts"] == ["guard_missing"]
    await add(town, "Après la panne")
    territory.net.transports[town.membership.own.key].reach({agglomeration.membership.own.key: ["x"]})
    await until(lambda: found(agglomeration, "après la panne"))
    assert await found(agglomeration, "avant la panne")
    charter = (await ask(agglomeration, "charter"))["enrolments"]
    ends = {log["origin"]: log["successor"] for log in charter if log["ended"]}
    assert ends == {old: town.membership.own.origin}


async def test_an_old_backup_restored_loses_nothing(territory: Territory) -> None:
    """The old log's tail comes back from the agglomeration as closed history, then the new epoch says how far it went,
    and the agglomeration, which holds no more, enrols it by itself."""
    agglomeration, town = await territory.found(PLAINE_COMMUNE), await territory.found(SAINT_DENIS)
    await territory.join(agglomeration, town)
    await territory.stop(SAINT_DENIS)
    folder, backup = territory.folder / SAINT_DENIS, territory.folder / "backup"
    shutil.copytree(folder, backup)
    town = await territory.start(SAINT_DENIS)
    territory.net.transports[town.membership.own.key].reach({agglomeration.membership.own.key: ["x"]})
    await add(town, "Après la sauvegarde")
    await until(lambda: found(agglomeration, "sauvegarde"))
    old = town.membership.own.origin
    await territory.stop(SAINT_DENIS)
    shutil.rmtree(folder)
    shutil.copytree(backup, folder)

    town = await territory.start(SAINT_DENIS)
    assert town.membership.own.origin == old, "guard and archive agree: only peers can tell"
    territory.net.transports[town.membership.own.key].reach({agglomeration.membership.own.key: ["x"]})

    async def doubts() -> bool:
        return town.membership.own.origin != old

    await until(doubts)
    await until(lambda: found(town, "sauvegarde"))
    await add(town, "Écrit depuis")
    await until(lambda: found(agglomeration, "écrit depuis"))
    assert await found(agglomeration, "sauvegarde")
    charter = (await ask(agglomeration, "charter"))["enrolments"]
    assert {log["origin"]: log["successor"] for log in charter if log["ended"]} == {old: town.membership.own.origin}


@pytest.mark.parametrize("now", [0.0, BUILT_AT - 1.0, CLOCK_MAX + 1.0, 4_102_444_800.0])
async def test_a_clock_that_cannot_be_right_signs_no_time(
    territory: Territory, now: float, caplog: pytest.LogCaptureFixture
) -> None:
    """1970 or 2100: one clear line, no cosignature, and records all the same."""
    await territory.found(SAINT_DENIS)
    await territory.stop(SAINT_DENIS)
    cosigned_before = (territory.folder / SAINT_DENIS / "archive.db").stat().st_size
    with caplog.at_level(logging.WARNING):
        town = await territory.start(SAINT_DENIS, clock=lambda: now)
        await add(town, "Sans heure")
        await town._clockwork.cosign()
        await town._clockwork.cosign()
    assert not clock_plausible(now) and not town.status().clock_plausible
    assert sum("cannot be right" in record.message for record in caplog.records) == 1
    rows = await town.archive.read(lambda reader: reader.cosignatures(town.membership.own.origin))
    assert all(row.size <= 2 for row in rows), "what was cosigned before, under a plausible clock"
    assert cosigned_before


async def test_freshness_travels_with_the_head(territory: Territory) -> None:
    """The town's own cosignature, with its time, is what the agglomeration shows as heard."""
    agglomeration, town = await territory.found(PLAINE_COMMUNE), await territory.found(SAINT_DENIS)
    await territory.join(agglomeration, town)
    await add(town, "Frais")
    await until(lambda: found(agglomeration, "frais"))
    await town._clockwork.cosign()

    async def fresh() -> bool:
        coverage = (await ask(agglomeration, "search", query={"q": "frais"}))["coverage"]
        return any(each["territory"] == SAINT_DENIS and each["cosigned_at"] for each in coverage)

    await until(fresh)


async def test_an_erasure_at_a_town_hides_it_at_the_agglomeration(territory: Territory) -> None:
    agglomeration, town = await territory.found(PLAINE_COMMUNE), await territory.found(SAINT_DENIS)
    await territory.join(agglomeration, town)
    element = await add(town, "À oublier")
    await until(lambda: found(agglomeration, "oublier"))
    await ask(town, "erase", element=element, reason="asked")

    async def gone() -> bool:
        return not await found(agglomeration, "oublier")

    await until(gone)


async def test_a_node_without_libp2p_starts_says_so_once_and_serves(
    territory: Territory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The library may be missing, or another version: search and writing do not need it, and HTTP replicates."""
    await territory.found(SAINT_DENIS)
    await territory.stop(SAINT_DENIS)
    version = metadata.version  # of all others, which look at each other's when they are loaded
    monkeypatch.setattr(metadata, "version", lambda name: "0.9.0" if name == "libp2p" else version(name))
    async with Town.open(territory.folder / SAINT_DENIS) as town:
        network = Network(town)
        await town.start(network)
        try:
            assert await network.settled_p2p() is None
            assert "libp2p 0.9.0 was not examined" in network.p2p_state
            await add(town, "Toujours debout")
            assert await found(town, "debout")
            assert sum("no peer to peer network" in record.message for record in caplog.records) == 1
        finally:
            await town.stop()


async def test_a_node_whose_port_another_program_has_says_that_nobody_can_call_it(
    territory: Territory, caplog: pytest.LogCaptureFixture
) -> None:
    """libp2p keeps quiet about it and dials out: all would look well, from inside."""
    await territory.found(SAINT_DENIS)
    await territory.stop(SAINT_DENIS)
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"/ip4/127.0.0.1/tcp/{other.getsockname()[1]}"
        config = territory.folder / SAINT_DENIS / CONFIG_NAME
        config.write_text(config.read_text().replace("/ip4/0.0.0.0/tcp/4750", address))
        async with Town.open(territory.folder / SAINT_DENIS) as town:
            network = Network(town)
            await town.start(network)
            try:
                assert await network.settled_p2p() is not None
                found = [sign for sign in await signs(town) if sign.name == "network"]
            finally:
                await town.stop()
    assert [address in sentence(sign, "fr") for sign in found] == [True]
    assert "p2p.listen" in what_to_do(found[0], "fr")
    assert any("nobody can call this node" in record.message for record in caplog.records)


@pytest.mark.parametrize(("error", "answers"), [(NotNow("a version is on trial"), 0), (RemoteError("no such key"), 1)])
async def test_a_node_that_cannot_write_for_now_refuses_no_invitation(
    territory: Territory, monkeypatch: pytest.MonkeyPatch, error: ConvergencesError, answers: int
) -> None:
    """Unanswered, the town asks again; refused, it would forget its invitation."""
    agglomeration = await territory.found(PLAINE_COMMUNE)
    asked, told = asyncio.Event(), list[bytes]()

    async def fails(self: Town, data: bytes) -> bytes:
        asked.set()
        raise error

    monkeypatch.setattr(Town, "join_answer", fails)
    assert agglomeration.network is not None
    agglomeration.network.driver.join_asked(bytes(32), b"an answer", told.append)
    await asked.wait()
    await asyncio.sleep(0)
    assert len(told) == answers


async def test_a_peer_that_lied_is_refused_for_a_while_and_remembered(territory: Territory) -> None:
    """Its misdeed stays in the address book; when its time is over it is served again."""
    agglomeration, town = await territory.found(PLAINE_COMMUNE), await territory.found(SAINT_DENIS)
    await territory.join(agglomeration, town)
    key = town.membership.own.key
    network = agglomeration.network
    assert network is not None
    network.driver._drop(key, "sent a false proof", 0.2)

    async def refused() -> bool:
        return not await linked(agglomeration)

    await until(refused)
    assert [(peer["misdeeds"], peer["connected"]) for peer in (await ask(agglomeration, "peers"))["peers"]] == [
        (1, False)
    ]
    await until(lambda: linked(agglomeration))
    rows = await agglomeration.archive.read(lambda reader: reader.peers())
    assert [(row.faults, row.fault) for row in rows if row.key == key] == [(1, "sent a false proof")]


async def test_many_heads_make_few_announcements(territory: Territory) -> None:
    """An import commits ten times a second; what is gossiped is the last head, once a second."""
    town = await territory.found(SAINT_DENIS)
    assert town.network is not None
    sent: list[bytes] = []
    town.network.p2p.announce = sent.append  # type: ignore[method-assign,union-attr]
    for number in range(20):
        await add(town, f"Association {number}")
    size = (await ask(town, "status"))["log"]["size"]

    async def last_was_told() -> bool:
        return any(b"\n%d\n" % size in data for data in sent)

    await until(last_was_told)
    assert len(sent) <= 4
