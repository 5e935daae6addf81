# SPDX-License-Identifier: AGPL-3.0-or-later
"""A receipt is read by a person, kept, and checked with one command."""

from __future__ import annotations

import asyncio
import re
import shlex
from html import unescape
from pathlib import Path

from aiohttp.test_utils import TestClient
from convergences_cli.main import run
from convergences_node.archive.model import NewRecord
from convergences_protocol.element import ElementId
from convergences_protocol.erasure import Erasure

from .small_town import KEY, SmallTown


async def test_a_receipt_says_what_it_proves_and_who_has_checked_it(client: TestClient, town: SmallTown) -> None:
    await town.cosign()
    element = town.elements["Festival des Murs"]
    html = await (await client.get(f"/e/{element}/recu")).text()
    text = re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", html)))
    assert "prouve que la fiche « Festival des Murs » a été inscrite dans l’archive de Saint-Denis le 20" in text
    assert "Vérifié par Plaine Commune le 20 novembre 2026" in text
    assert "Il ne prouve pas que ce que dit la fiche est vrai" in text
    assert f'href="/api/v1/elements/{element}/receipt" download' in html
    assert str(client.make_url(f"/e/{element}/recu")) in text
    assert re.search(r'<svg[^>]*class="code"', html)
    assert "style=" not in html


async def test_the_command_on_the_page_verifies_the_file_on_the_page(
    client: TestClient, town: SmallTown, tmp_path: Path
) -> None:
    """As a person would: keep the file, type the command, with no node and no network."""
    await town.cosign()
    element = town.elements["Festival des Murs"]
    html = await (await client.get(f"/e/{element}/recu")).text()
    (typed,) = re.findall(r"<pre[^>]*>(.*?)</pre>", html, re.S)
    answer = await client.get(f"/api/v1/elements/{element}/receipt")
    name = answer.headers["Content-Disposition"].split('"')[1]
    (tmp_path / name).write_bytes(await answer.read())
    program, verb, file, *options = shlex.split(unescape(typed))
    assert (program, verb, file) == ("convergences", "verify", name)
    assert options == ["--key", KEY.public.hex()]
    assert await asyncio.to_thread(run, [verb, str(tmp_path / file), *options]) == 0
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes().replace(b"\n\n", b"\n \n", 1))
    assert await asyncio.to_thread(run, [verb, str(tmp_path / file), *options]) == 1


async def test_without_witness_it_says_so(client: TestClient, town: SmallTown) -> None:
    html = await (await client.get(f"/e/{town.elements['Festival des Murs']}/recu")).text()
    assert "Aucune autre archive" in html


async def test_the_receipt_of_what_was_erased_proves_that_it_was_and_no_more(
    client: TestClient, town: SmallTown
) -> None:
    person = await town.add("actor", "Camille Personne", type="person")
    await town.archive.erase(Erasure("asked for", ElementId.parse(person)), at_once=True)
    await town.index.catch_up()
    html = await (await client.get(f"/e/{person}/recu")).text()
    assert "a été effacé" in html
    assert "Camille" not in html


async def test_the_receipt_of_a_withdrawal_says_that_it_is_one(client: TestClient, town: SmallTown) -> None:
    """Those who wrote it took it back: nothing was erased, and its history still says what it was."""
    for language, said in (("fr", "a été retirée de l’archive"), ("en", "was withdrawn from the archive")):
        html = await (await client.get(f"/e/{town.elements['withdrawn']}/recu?lang={language}")).text()
        assert said in html
        assert "effacé" not in html and "erased" not in html


async def test_what_was_never_inscribed_has_no_receipt(client: TestClient, town: SmallTown) -> None:
    assert (await client.get("/e/FR-93066:01a1f82f-1e80-7a5a-8000-ffffffffffff/recu")).status == 404
    (placed,) = await town.archive.append([NewRecord("theme", {"name": "À l’instant"})])
    await town.index.catch_up()
    assert (await client.get(f"/e/{placed.element}/recu")).status in (200, 404)
