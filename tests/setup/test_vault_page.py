# SPDX-License-Identifier: AGPL-3.0-or-later
"""The vault on the pages of both operators: a button at the town, a line at the agglomeration."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from convergences_node.control import call
from convergences_node.founding import Settings, create_town
from convergences_node.network.addresses import is_http

from .conftest import LOOPBACK, PATIENCE, Operator
from .processes import Process


@pytest.mark.parametrize("operator", ["93066"], indirect=True)
async def test_a_backup_is_left_by_a_button_and_the_agglomeration_sees_when(operator: Operator, tmp_path: Path) -> None:
    """Real processes; the town has nobody to leave it with before it has joined."""
    town = operator.process
    await operator.log_in()
    assert "Confier une sauvegarde" not in (await operator.get("/operateur"))[2]
    assert (await operator.send("/operateur/coffre"))[0] == 422
    settings: Settings = {**LOOPBACK, "http": {"port": 0, "language": "fr"}}
    await create_town(tmp_path / "pc", "FR-200057867", "agglomeration", "Plaine Commune", settings=settings)
    agglomeration = Process(tmp_path / "pc")
    try:
        await asyncio.to_thread(agglomeration.address)
        made = await asyncio.to_thread(call, agglomeration.folder, "invite", {"territory": "FR-93066"})
        assert not any(map(is_http, made["addresses"]))
        await asyncio.to_thread(call, town.folder, "join", {"invitation": made["invitation"]})
        page = (await operator.get("/operateur"))[2]
        assert "Elle n’en garde aucune" in page and "Après la première" in page
        async with asyncio.timeout(60):  # an agglomeration that has just come up may be reached a little later
            while (sent := await operator.send("/operateur/coffre"))[0] != 200:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.2)
        assert "L’agglomération garde la sauvegarde (" in sent[2] and "Elle garde celle du" in sent[2]
        assert "Une nouvelle lui est confiée chaque nuit" in sent[2]
        assert 'class="light good"' in sent[2] and "Sauvegarde à l’agglomération" in sent[2]
        jar = aiohttp.CookieJar(unsafe=True)
        headers = {"Accept-Language": "fr"}
        async with aiohttp.ClientSession(cookie_jar=jar, headers=headers, timeout=PATIENCE) as session:
            other = Operator(agglomeration, session)
            await other.log_in()
            page = (await other.get("/operateur"))[2]
        line = page[page.index("Saint-Denis") :]
        assert "Sauvegarde confiée" in page and "aucune" not in line[: line.index("</tr>")]
        assert "n’a rien dit" in line[: line.index("</tr>")], "a town is not judged by its first minute"
    finally:
        await asyncio.to_thread(agglomeration.stop)
