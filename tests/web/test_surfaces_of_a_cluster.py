# SPDX-License-Identifier: AGPL-3.0-or-later
"""An agglomeration's node lists its towns' elements with its own, whole for each town that counts, or not at all."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import cast

from aiohttp.test_utils import TestClient
from convergences_protocol.charter import Charter

from ..archive.making import RemoteLog, Town
from .reading_back import take
from .small_town import TERRITORY, SmallTown

STAINS, AUBERVILLIERS = "FR-93072", "FR-93001"


@dataclass
class Naming:
    """All that the index asks of a charter: which logs count for whom."""

    logs: dict[str, str]

    def territories(self) -> list[str]:
        return list(self.logs)

    def counts(self, territory: str) -> list[tuple[str, int | None]]:
        return [(self.logs[territory], None)]


async def keep(town: SmallTown, remote: RemoteLog, missing: Collection[int] = ()) -> None:
    """Let another town's log arrive, some bodies still to come."""
    await town.archive.keep_log(remote.town.identity)
    await town.archive.keep_batch(*remote.batch(0, missing=missing))


async def follow(town: SmallTown, *remotes: RemoteLog) -> None:
    """Let the charter name these logs and the node's own."""
    own = await town.archive.read(lambda reader: reader.own_log())
    counts = {TERRITORY: own.origin} | {remote.town.territory: remote.town.origin for remote in remotes}
    await town.index.follow(cast(Charter, Naming(counts)))


def remote_log(territory: str, *names: str) -> RemoteLog:
    town = Town(territory)
    return RemoteLog(town, town.actors(*names))


async def test_the_lists_of_several_towns_are_one(client: TestClient, town: SmallTown) -> None:
    before = await take(client, "/organizations", "application/ld+json")
    stains = remote_log(STAINS, "Jardin de Stains", "Chorale de Stains")
    await keep(town, stains)
    await follow(town, stains)
    listed = json.loads(await take(client, "/organizations", "application/ld+json"))["ldp:contains"]
    names = {each["pair:label"] for each in listed}
    assert {"Jardin de Stains", "Chorale de Stains", "Atelier vélo du Canal"} <= names
    assert len(listed) == len(json.loads(before)["ldp:contains"]) + 2
    void = json.loads(await take(client, "/.well-known/void"))["@graph"][0]
    counted = {each["void:class"]: each["void:entities"] for each in void["void:classPartition"]}
    assert counted["pair:Organization"] == str(len(listed))
    graphs = {line.rpartition(b" <")[2] for line in (await take(client, "/data/all.nq")).splitlines()}
    assert len(graphs) == 2, "each statement is in the graph of the log that says so"


async def test_a_town_that_is_still_arriving_keeps_the_list_back_and_not_its_neighbours(
    client: TestClient, town: SmallTown
) -> None:
    """Its readers keep what they have; a question about another town is answered."""
    stains, arriving = remote_log(STAINS, "Jardin"), remote_log(AUBERVILLIERS, "Un", "Deux", "Trois")
    await keep(town, stains)
    await keep(town, arriving, missing=(2, 3))
    await follow(town, stains, arriving)
    await town.index.coverage()
    for path in ("/organizations", "/data/actor.csv", "/api/elements", "/data/all.nq.gz"):
        answer = await client.get(path)
        assert (answer.status, (await answer.json())["code"]) == (503, "not-whole"), path
        assert AUBERVILLIERS in (await answer.json())["detail"]
    assert (await client.get(f"/api/elements?territory={AUBERVILLIERS}")).status == 503
    assert (await client.get(f"/api/elements?territory={TERRITORY}")).status == 200


async def test_a_log_that_does_not_count_is_neither_listed_nor_waited_for(client: TestClient, town: SmallTown) -> None:
    rival = remote_log(STAINS, "Rivale")
    await keep(town, rival, missing=(1,))
    await follow(town)
    await town.index.coverage()
    assert b"Rivale" not in await take(client, "/organizations", "application/ld+json")
