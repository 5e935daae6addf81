# SPDX-License-Identifier: AGPL-3.0-or-later
"""A mass erasure by a stolen key waits for a person at each holder; a clock in 1970 or 2100 harms nobody else."""

from __future__ import annotations

import pytest
from convergences_node.archive.model import NewControl
from convergences_protocol.erasure import DAILY_MAX, GRACE_SECONDS, KIND, Erasure

from .cluster import Cluster, actor, warnings


async def test_a_mass_erasure_waits_for_a_person_at_each_holder(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever has the key can write erasures; no holder forgets before somebody there has looked."""
    agglomeration, town = await cluster.cluster("saint-denis")
    count = DAILY_MAX + 20
    placed = await town.town.archive.append([actor(f"remembered {number:03}") for number in range(count)])
    last = f"remembered {count - 1:03}"
    await agglomeration.until_finds("remembered 000", last)
    stolen = [NewControl(KIND, Erasure("hiding the traces", each.element).content()) for each in placed]
    caplog.clear()
    await town.town.archive.append(stolen)

    async def waits() -> bool:
        waiting: dict[str, int] = (await agglomeration.ask("status"))["erasures_waiting"]
        return waiting == {town.origin: count}

    await agglomeration.until(waits)
    await agglomeration.until_finds("remembered 000", last)
    wanted = await agglomeration.log(town.origin)
    assert wanted is not None and wanted.wanted == 0
    lines = [line for line in warnings(caplog.records) if "wait for a person" in line and str(count) in line]
    assert 1 <= len(lines) <= 2, "one line at each of the two holders"
    assert f"convergences erase --release {town.origin}" in lines[0]

    released = await agglomeration.ask("release", origin=town.origin)
    assert released["count"] == count

    async def hidden() -> bool:
        return not await agglomeration.finds("remembered 000") and not await agglomeration.finds(last)

    await agglomeration.until(hidden)
    assert (await agglomeration.ask("status"))["erasures_waiting"] == {}


@pytest.mark.parametrize("wrong", [0.0, 4_102_444_800.0], ids=["1970", "2100"])
async def test_a_town_whose_clock_is_wrong_is_heard_and_signs_no_time(
    cluster: Cluster, caplog: pytest.LogCaptureFixture, wrong: float
) -> None:
    """It writes, is replicated and searched; its age shows as unknown; one clear line; its peers cosign as before."""
    agglomeration = await cluster.found("agglomeration")
    town = await cluster.found("saint-denis")
    await cluster.start(agglomeration)
    town.clock = lambda: wrong
    await cluster.start(town)
    await cluster.join(town, agglomeration)
    await town.write("written at no known time")
    await agglomeration.until_finds("written at no known time")
    answer = await agglomeration.ask("search", query={"q": "no known time"})
    ages = {each["origin"]: each["cosigned_at"] for each in answer["coverage"]}
    assert ages[town.origin] is None
    assert len([line for line in warnings(caplog.records) if "which cannot be right" in line]) == 1
    assert town.town.status().clock_plausible is False
    assert agglomeration.town.status().clock_plausible is True
    rows = await agglomeration.town.archive.read(lambda reader: reader.cosignatures(town.origin))
    assert all(row.cosigner != town.origin for row in rows)
    assert (await town.ask("status"))["doubts"] == []


@pytest.mark.parametrize("wrong", [0.0, 4_102_444_800.0], ids=["1970", "2100"])
async def test_an_agglomeration_whose_clock_is_wrong_still_gathers(cluster: Cluster, wrong: float) -> None:
    """An invitation made before is judged by its clock; what its towns write arrives all the same."""
    agglomeration, town = await cluster.cluster("saint-denis")
    await cluster.stop(agglomeration)
    agglomeration.clock = lambda: wrong
    await cluster.start(agglomeration)
    await town.write("still gathered")
    await agglomeration.until_finds("still gathered")
    rows = await town.town.archive.read(lambda reader: reader.cosignatures(town.origin))
    assert all(row.time > 1_700_000_000 and row.time < 2_500_000_000 for row in rows)


@pytest.mark.parametrize("wrong", [0.0, 4_102_444_800.0], ids=["1970", "2100"])
async def test_the_seven_days_of_an_erasure_begin_when_the_clock_is_right(cluster: Cluster, wrong: float) -> None:
    """Hidden at once all the same; the body is neither dropped when the clock leaps, nor kept for ever."""
    node = await cluster.found("agglomeration")
    told = [wrong]
    node.clock = lambda: told[0]
    await cluster.start(node)
    (placed,) = await node.town.archive.append([actor("to be forgotten")])
    await node.town.archive.erase(Erasure("asked by the person", placed.element))

    async def state() -> str:
        await node.town.erasures.drop_due()
        (row,) = await node.town.archive.read(lambda reader: reader.erasures())
        return row.state

    assert await state() == "hidden"
    told[0] = 1_800_000_000.0
    assert await state() == "hidden"
    told[0] += GRACE_SECONDS - 1
    assert await state() == "hidden"
    told[0] += 1
    assert await state() == "dropped"
