# SPDX-License-Identifier: AGPL-3.0-or-later
"""An agglomeration offers a release; a town finds it, pulls its package by digest, and is told how it goes."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from convergences_node import checkup
from convergences_node.updates import offering
from convergences_node.updates.lookout import Lookout
from convergences_protocol.errors import ConvergencesError

from tests.awkward.cluster import Cluster, Node

from .pretending import DEBIAN, NEW, OLD, RELEASE, STRANGER, package, put_release, put_state, put_system


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    cluster = Cluster(tmp_path)
    yield cluster
    await cluster.close()


async def served(cluster: Cluster, *towns: str) -> list[Node]:
    """A cluster whose agglomeration is reached over HTTP too, as a town's pages need it."""
    nodes = await cluster.cluster(*towns)
    await cluster.stop(nodes[0])
    await cluster.start(nodes[0], pages=True)
    address = nodes[0].town.http_address
    assert address is not None
    key = nodes[0].town.membership.own.key
    await nodes[1].town.remember_peer(key, nodes[0].town.archive.territory, [address.rstrip("/")])
    return nodes


def code(error: ConvergencesError) -> str:
    assert error.fault is not None, error
    return error.fault.code


async def test_from_the_agglomeration_s_stick_to_a_town_s_installer(
    cluster: Cluster, system: Path, tmp_path: Path
) -> None:
    """Found, said on the town's page, prepared, wished for; and the agglomeration keeps no package for nothing."""
    agglomeration, town = await served(cluster, "saint-denis")
    both = replace(RELEASE, packages=(package(), package(architecture="arm64")))
    put_release(tmp_path / "stick", both)
    with pytest.raises(ConvergencesError) as refused:
        await town.ask("update_offer", where=str(tmp_path / "stick"))
    assert code(refused.value) == "update_offer_town"
    offered = await agglomeration.ask("update_offer", where=str(tmp_path / "stick"))
    assert offered == {"version": NEW, "packages": {"amd64": len(DEBIAN), "arm64": len(DEBIAN)}}

    assert await Lookout(town.town).look() == NEW
    (sign,) = [each for each in await checkup.signs(town.town) if each.name == "update"]
    assert NEW in checkup.sentence(sign, "fr") and sign.form == "available"
    found = await town.ask("update_check")
    assert [(each["version"], each["where"], each["refused"]) for each in found["offers"]] == [(NEW, "", None)]
    assert (await town.ask("update_stage"))["version"] == NEW
    assert (town.folder / "update/package.deb").read_bytes() == DEBIAN
    assert await town.town.blobs.find(bytes.fromhex(package().digest)) is None, "it is needed once"
    assert (await town.ask("update_apply"))["version"] == NEW
    assert (system / "run/convergences/update-apply").read_text() == f"{NEW}\n"

    await agglomeration.ask("update_offer", where="")
    assert (await town.ask("update_check"))["offers"] == []
    assert await agglomeration.town.blobs.find(bytes.fromhex(package().digest)) is None


async def test_a_town_that_reaches_its_agglomeration_by_libp2p_alone(
    tmp_path: Path, system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No page of it is served anywhere: the release and the package come over the same streams as records do."""

    async def no_http(url: str) -> bytes:
        raise AssertionError(url)

    monkeypatch.setattr("convergences_node.updates.offering._get", no_http)
    cluster = Cluster(tmp_path, over_libp2p=True)
    try:
        agglomeration, town = await cluster.cluster("saint-denis")
        assert town.town.web_settings.agglomeration_address is None
        assert await Lookout(town.town).look() is None
        put_release(tmp_path / "stick")
        await agglomeration.ask("update_offer", where=str(tmp_path / "stick"))
        assert await Lookout(town.town).look() == NEW
        assert (await town.ask("update_stage"))["version"] == NEW
        assert (town.folder / "update/package.deb").read_bytes() == DEBIAN
        with pytest.raises(ConvergencesError) as refused:
            await town.town.join_answer(offering.ASKED)
        assert code(refused.value) == "update_offer_town"
    finally:
        await cluster.close()


async def test_an_agglomeration_that_does_not_answer_by_http_is_asked_otherwise(tmp_path: Path, system: Path) -> None:
    """Its web server is away for a morning, or the town's network lets only one of the two through."""
    cluster = Cluster(tmp_path, over_libp2p=True)
    try:
        agglomeration, town = await cluster.cluster("saint-denis")
        (row,) = [row for row in town.town.network.book().values() if row.key == agglomeration.key]  # type: ignore[union-attr]
        dead = "http://127.0.0.1:1"
        await town.town.remember_peer(row.key, agglomeration.town.archive.territory, [dead, *row.addresses])
        assert town.town.web_settings.agglomeration_address == dead
        put_release(tmp_path / "stick")
        await agglomeration.ask("update_offer", where=str(tmp_path / "stick"))
        found = await town.ask("update_check")
        assert [each["version"] for each in found["offers"]] == [NEW] and found["unreachable"] is None
    finally:
        await cluster.close()


async def test_a_town_believes_no_agglomeration(cluster: Cluster, system: Path, tmp_path: Path) -> None:
    """One that was taken over offers what nobody has signed, and other bytes for what somebody has."""
    agglomeration, town = await served(cluster, "saint-denis")
    put_release(tmp_path / "stick")
    await agglomeration.ask("update_offer", where=str(tmp_path / "stick"))
    (agglomeration.folder / "update-offered").write_bytes(put_release(tmp_path / "forged", key=STRANGER).read_bytes())
    (found,) = (await town.ask("update_check"))["offers"]
    assert found["refused"]["code"] == "release_unsigned" and await Lookout(town.town).look() is None
    with pytest.raises(ConvergencesError) as refused:
        await town.ask("update_stage")
    assert code(refused.value) == "update_refused_offered"

    (agglomeration.folder / "update-offered").write_bytes(put_release(tmp_path / "again").read_bytes())
    blob = await agglomeration.town.blobs.find(bytes.fromhex(package().digest))
    assert blob is not None
    blob.path.chmod(0o600)
    blob.path.write_bytes(DEBIAN[::-1])
    with pytest.raises(ConvergencesError):
        await town.ask("update_stage")
    assert not (town.folder / "update").exists()


async def test_what_is_said_of_an_update(cluster: Cluster, system: Path, tmp_path: Path) -> None:
    """On trial, taken back with the reason, read; and no second one begins meanwhile."""
    (town,) = (await cluster.cluster())[:1]
    put_release(tmp_path / "stick")
    for phase, form, level in (
        ("trial", "trial", "care"),
        ("returned", "returned", "bad"),
        ("refused", "refused", "care"),
    ):
        put_state(system, phase, reason={"code": "update_back_self_check", "params": {}})
        (sign,) = [each for each in await checkup.signs(town.town) if each.name == "update"]
        assert (sign.form, sign.level) == (form, level)
        assert NEW in checkup.sentence(sign, "fr") and checkup.what_to_do(sign, "en")
    put_state(system, "installing")
    for verb in ("update_stage", "update_apply"):
        with pytest.raises(ConvergencesError) as refused:
            await town.ask(verb, **({"where": str(tmp_path / "stick")} if verb == "update_stage" else {}))
        assert code(refused.value) == "update_under_way"
    with pytest.raises(ConvergencesError) as refused:
        await town.ask("update_return")
    assert code(refused.value) == "update_not_on_trial"
    put_state(system, "returned", reason={"code": "update_back_self_check", "params": {}})
    told = await town.ask("update_status")
    assert told["attempt"]["reason"]["code"] == "update_back_self_check" and not told["attempt"]["seen"]
    assert (await town.ask("update_seen"))["attempt"]["seen"]
    assert not [each for each in await checkup.signs(town.town) if each.name == "update"]
    put_state(system, "trial")
    assert (await town.ask("update_return")) == {"version": OLD}
    assert (system / "run/convergences/update-return").read_text() == "ab12\n"


async def test_a_card_that_fails_for_a_moment_leaves_no_town_held(
    cluster: Cluster, system: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copies cannot go at once: it is tried again, and then residents write. They would wait for the next start."""
    from convergences_node.updates import trial as module

    (town,) = (await cluster.cluster())[:1]
    put_system(system, version=NEW)
    put_state(system, "trial")
    town.town.archive.held = True
    dropped = 0

    def drop(folder: Path) -> None:
        nonlocal dropped
        dropped += 1
        if dropped == 1:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(module, "drop", drop)
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.0)
    trial = module.Trial(town.town)
    trial.start()
    put_state(system, "confirmed")
    assert trial._task is not None
    await asyncio.gather(trial._task, return_exceptions=True)
    assert dropped == 2 and not town.town.archive.held


async def test_the_ten_minutes(cluster: Cluster, system: Path) -> None:
    """Well until the end; three bad looks in a row; a machine that was off begins anew; confirmed, the copies go."""
    from convergences_node.updates.trial import LOOK_EVERY_S, TRIAL_S, Trial

    (town,) = (await cluster.cluster())[:1]
    put_system(system, version=NEW)
    put_state(system, "trial")
    well, now = [True], [0.0]

    async def look() -> bool:
        return well[0]

    trial = Trial(town.town, look, lambda: now[0])
    said, unsaid = system / "run/convergences/update-well", system / "run/convergences/update-unwell"

    async def pass_by(seconds: float) -> None:
        for _ in range(int(seconds / LOOK_EVERY_S)):
            assert not await trial.look()
            now[0] += LOOK_EVERY_S

    await pass_by(TRIAL_S)
    assert not said.exists()
    put_state(system, "trial", starts=2)
    await pass_by(TRIAL_S)
    assert not said.exists(), "the machine was off in between"
    well[0] = False
    await pass_by(2 * LOOK_EVERY_S)
    assert not unsaid.exists() and not said.exists()
    well[0] = True
    await pass_by(LOOK_EVERY_S)
    assert said.read_text() == "ab12-2\n"
    well[0] = False
    await pass_by(3 * LOOK_EVERY_S)
    assert unsaid.read_text() == "ab12-2 self_check\n"
    town.town.archive.held = True
    (town.folder / "before-update").mkdir()
    put_state(system, "confirmed")
    assert await trial.look()
    assert not town.town.archive.held and not (town.folder / "before-update").exists()
    assert await Trial(town.town)._is_well(), "as it really looks"
