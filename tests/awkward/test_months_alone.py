# SPDX-License-Identifier: AGPL-3.0-or-later
"""A town whose network is away for months: it is lived in, says that it is alone, and is one with the others again."""

from __future__ import annotations

from convergences_node.checkup.signs import signs
from convergences_protocol.erasure import Erasure

from .cluster import Cluster, Node

DAY_S = 86_400.0
MONTHS = 4
MONTH_S = 30 * DAY_S
BEGAN = 1_800_000_000.0


async def agglomeration_sign(node: Node) -> str:
    """How grave the operator's page finds the agglomeration's silence."""
    (found,) = [each.level for each in await signs(node.town) if each.name == "agglomeration"]
    return found


async def test_a_town_without_a_network_for_four_months(cluster: Cluster) -> None:
    """Both sides write, restart and forget meanwhile; afterwards each has all of the other's, and nothing forgotten."""
    told = [BEGAN]
    agglomeration, town = await cluster.found("agglomeration"), await cluster.found("saint-denis")
    agglomeration.clock = town.clock = lambda: told[0]
    for node in (agglomeration, town):
        await cluster.start(node)
    await cluster.join(town, agglomeration)
    (forgotten,) = await town.write("forgotten meanwhile")
    await agglomeration.until_finds("forgotten meanwhile")

    async def vouched_for() -> bool:
        await agglomeration.town._clockwork.cosign()  # which it does by itself, in a while
        await town.write("what was heard is stored with what is written")
        return await agglomeration_sign(town) == "good"

    await town.until(vouched_for, "the agglomeration confirms that it holds what there is")
    cluster.net.sever(town.key, agglomeration.key)
    for month in range(MONTHS):
        told[0] += MONTH_S
        await cluster.stop(town)
        await cluster.start(town)
        await town.write(f"of the town in month {month}")
        await agglomeration.write(f"of the agglomeration in month {month}")
        assert await town.finds(f"of the town in month {month}")
        assert await agglomeration_sign(town) == "bad"
        if month == 0:
            await town.town.archive.erase(Erasure("asked by the person", forgotten.element))
        await town.town.erasures.drop_due()
    assert not await agglomeration.finds("of the town in month 0")
    size = await town.size(town.origin)
    cluster.net.mend(town.key, agglomeration.key)
    await agglomeration.until_finds(*(f"of the town in month {month}" for month in range(MONTHS)))
    await town.until_finds(*(f"of the agglomeration in month {month}" for month in range(MONTHS)))
    assert (await agglomeration.size(town.origin), await town.size(town.origin)) == (size, size)

    async def gone() -> bool:
        return not await agglomeration.finds("forgotten meanwhile")

    await agglomeration.until(gone, "what was erased in the first month is forgotten here too")
    await town.until(vouched_for, "and again, all of it")
    assert [(await node.ask("status"))["doubts"] for node in (town, agglomeration)] == [[], []]
