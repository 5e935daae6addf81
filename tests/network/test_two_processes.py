# SPDX-License-Identifier: AGPL-3.0-or-later
"""An agglomeration and a town in two processes, over the real network on loopback: the main job, and how it is hurt."""

from __future__ import annotations

import signal
from typing import Any

from convergences_node.control import call

PLAINE_COMMUNE, SAINT_DENIS = "FR-200057867", "FR-93066"


def association(name: str) -> dict[str, Any]:
    return {"kind": "actor", "fields": {"name": name, "type": "association"}}


async def test_what_is_written_at_a_town_is_found_at_its_agglomeration(cluster: Any) -> None:
    """Init, invite, join, add, search: and both stop cleanly on SIGTERM."""
    agglomeration, town = await cluster.joined_pair()
    added = await town.call("add", **association("Les Amis du Vélo"))
    item = await agglomeration.until_found("vélos")
    assert (item["id"], item["territory"]) == (added["element"], SAINT_DENIS)
    charter = await town.call("charter")
    assert [log["territory"] for log in charter["enrolments"]] == [PLAINE_COMMUNE, SAINT_DENIS]
    assert [await town.stop(), await agglomeration.stop()] == [0, 0]
    for process in (town, agglomeration):
        assert "stopped" in process.log()
        assert "Traceback" not in process.log()
        assert "ERROR" not in process.log()


async def test_the_same_invitation_again_changes_nothing_and_another_town_cannot_use_it(cluster: Any) -> None:
    """Joining is idempotent for the same key, refused for another, and for another territory."""
    agglomeration = await cluster.found(PLAINE_COMMUNE, "ag")
    town = await cluster.found(SAINT_DENIS, "sd")
    rival = await cluster.found(SAINT_DENIS, "rival")
    other = await cluster.found("FR-93001", "aubervilliers")
    for process in (agglomeration, town):
        await process.start()
    await agglomeration.until(lambda: call(agglomeration.folder, "status")["network"]["libp2p"] == "running")
    invitation = (await agglomeration.call("invite", territory=SAINT_DENIS))["invitation"]
    assert (await town.call("join", invitation=invitation))["state"] == "enrolled"
    size = (await agglomeration.call("status"))["log"]["size"]
    assert (await town.call("join", invitation=invitation))["state"] == "already enrolled"
    for process in (rival, other):  # not running: they open their own folders, and dial for this one question
        try:
            await process.call("join", invitation=invitation)
        except Exception as refused:
            assert "invitation" in str(refused)
        else:
            raise AssertionError("an invitation was used twice, or for another territory")
    assert (await agglomeration.call("status"))["log"]["size"] == size


async def test_a_killed_town_comes_back_and_nothing_acknowledged_is_lost(cluster: Any) -> None:
    """kill -9 of either side, restart: the link is made again by itself, and what was written meanwhile arrives."""
    agglomeration, town = await cluster.joined_pair()
    await town.call("add", **association("Avant la coupure"))
    town.signal(signal.SIGKILL)
    await town.wait()
    await town.start()
    await agglomeration.until_found("coupure")
    await town.until_linked()
    agglomeration.signal(signal.SIGKILL)
    await agglomeration.wait()
    await town.call("add", **association("Pendant que personne n'écoute"))
    await agglomeration.start()
    await agglomeration.until_found("personne n'écoute", within=60)


async def test_a_town_answers_while_its_agglomeration_is_frozen(cluster: Any) -> None:
    """A peer that neither reads nor closes (SIGSTOP) is noticed by our own pings; nobody here waits for it."""
    agglomeration, town = await cluster.joined_pair(limits={"ping_s": 1})
    agglomeration.signal(signal.SIGSTOP)
    added = await town.call("add", **association("Toujours là"))
    assert (await town.until_found("toujours là"))["id"] == added["element"]
    await town.until(lambda: call(town.folder, "status")["peers"]["connected"] == 0)
    agglomeration.signal(signal.SIGCONT)
    await agglomeration.until_found("toujours là", within=60)


async def test_a_cluster_without_libp2p_replicates_over_http(cluster: Any) -> None:
    """Both sides only pull each other's files; joining goes by HTTP too."""
    settings = {"p2p": {"enabled": False}, "limits": {"http_poll_s": 1}}
    agglomeration = await cluster.found(PLAINE_COMMUNE, "ag", **settings)
    town = await cluster.found(SAINT_DENIS, "sd", **settings)
    await agglomeration.start()
    await town.start()
    addresses = [(await process.call("status"))["addresses"]["http"] for process in (agglomeration, town)]
    invitation = await agglomeration.call("invite", territory=SAINT_DENIS, addresses=[addresses[0]])
    await town.call("join", invitation=invitation["invitation"])
    await town.until_linked()
    for number in range(300):  # more than one bundle of 256
        await town.call("add", **association(f"Association numéro {number}"))
    await town.stop()
    await agglomeration.stop()
    config = (agglomeration.folder / "convergences.toml").read_text()
    port = addresses[1].rstrip("/").rsplit(":", 1)[1]
    town_config = (town.folder / "convergences.toml").read_text()
    (town.folder / "convergences.toml").write_text(town_config.replace("port = 0", f"port = {port}"))
    (agglomeration.folder / "convergences.toml").write_text(
        config.replace("addresses = []", f'addresses = ["{addresses[1]}"]')
    )
    await town.start()
    await agglomeration.start()
    await agglomeration.until_found("numéro 299", within=30)
    logs = (await agglomeration.call("status"))["logs"]
    assert [(log["size"], log["bodies_wanted"]) for log in logs if log["territory"] == SAINT_DENIS] == [(302, 0)]
    peer = (await agglomeration.call("peers"))["peers"][0]
    assert (peer["transport"], peer["connected"]) == ("http", True)
