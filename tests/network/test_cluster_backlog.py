# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whole towns of one process: a large backlog is indexed beside, and nobody here waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from convergences_node import backlog
from convergences_node.archive.model import NewRecord
from convergences_node.town import Town
from convergences_protocol.replication.check import CheckedBatch

from .whole_towns import PLAINE_COMMUNE, SAINT_DENIS, WITHIN, Territory, add, found, until


async def write_many(town: Town, count: int) -> None:
    """A backlog, quickly."""
    fields = [{"name": f"Association numéro {number}", "type": "association"} for number in range(count)]
    await town.archive.append([NewRecord("actor", each) for each in fields])


@pytest.fixture(params=[0, 1_000], ids=["meanwhile", "once it is stored"])
def when_helped(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine with more processors than storing takes, and on one without."""
    monkeypatch.setattr(backlog, "PROCESSORS_FOR_STORING", request.param)


@pytest.mark.usefixtures("when_helped")
async def test_a_large_backlog_is_indexed_by_a_second_process(
    territory: Territory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node takes records in, a helper indexes them; afterwards the node goes on by itself, from there."""
    monkeypatch.setattr(backlog, "RECORDS_FOR_HELPER", 1_000)
    monkeypatch.setattr(backlog, "RECORDS", 0)
    helped: list[int] = []
    lent = asyncio.Event()
    really_help = backlog.Backlog._help

    async def help_and_tell(self: backlog.Backlog, speakers: Any) -> None:
        lent.set()
        await really_help(self, speakers)
        helped.append(sum(each.applied for each in await agglomeration.index.coverage()))

    monkeypatch.setattr(backlog.Backlog, "_help", help_and_tell)
    agglomeration, town = await territory.found(PLAINE_COMMUNE), await territory.found(SAINT_DENIS)
    really_keep = agglomeration.archive.keep_batch

    async def keep_once_lent(origin: str, batch: CheckedBatch, flags: Sequence[str | None]) -> int:
        if batch.start:  # however fast they come: all but the first batch come after the index was lent
            await lent.wait()
        return await really_keep(origin, batch, flags)

    monkeypatch.setattr(agglomeration.archive, "keep_batch", keep_once_lent)
    await write_many(town, 4_000)
    await territory.join(agglomeration, town)

    async def all_are_found() -> bool:
        coverage = await agglomeration.index.coverage()
        return any(each.territory == SAINT_DENIS and each.applied == each.size == 4_002 for each in coverage)

    async def help_is_over() -> bool:
        return bool(helped)

    await until(all_are_found)
    await until(help_is_over)
    assert helped[0] > 1_000, "the helper did a good part of it"
    await add(town, "Écrit après")
    await until(lambda: found(agglomeration, "écrit après"))
    assert (await found(agglomeration, "numéro 3999"))[0]["territory"] == SAINT_DENIS


@pytest.mark.usefixtures("when_helped")
async def test_what_is_written_here_does_not_wait_for_others_backlog(
    territory: Territory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index comes back from the helper at once, and the helper is gone."""
    monkeypatch.setattr(backlog, "RECORDS_FOR_HELPER", 100)
    agglomeration = await territory.found(PLAINE_COMMUNE)
    network = agglomeration.network
    assert network is not None
    monkeypatch.setattr(network, "backlog", lambda: 1_000_000)  # for ever on its way
    lent = asyncio.Event()
    really_help = backlog.Backlog._help

    async def help_and_tell(self: backlog.Backlog, speakers: Any) -> None:
        lent.set()
        await really_help(self, speakers)

    monkeypatch.setattr(backlog.Backlog, "_help", help_and_tell)
    agglomeration.index._wake.set()
    async with asyncio.timeout(WITHIN):
        await lent.wait()
    await add(agglomeration, "Écrit ici")
    await until(lambda: found(agglomeration, "écrit ici"))
