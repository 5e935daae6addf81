# SPDX-License-Identifier: AGPL-3.0-or-later
"""The figures of a town: each bar is as long as its number, and leads to what it counts."""

from __future__ import annotations

import re

from aiohttp.test_utils import TestClient

from .small_town import SmallTown


async def test_every_figure_leads_to_as_many_entries(client: TestClient, town: SmallTown) -> None:
    html = await (await client.get("/chiffres?lang=fr")).text()
    rows = re.findall(
        r'<th scope="row"><a href="([^"]*)"[^>]*>([^<]*)</a><svg.*?width="([\d.]+)".*?<td>([^<]*)</td>', html
    )
    assert len(rows) > 10
    for href, label, _, count in rows:
        found = await (await client.get(href.replace("&amp;", "&"))).text()
        (said,) = re.findall(r'<h2 id="results">([^<]*)</h2>', found)
        number = int(said.split("\u00a0")[0].split(" ")[0])
        # A theme is counted where it is named; the search for it finds its narrower themes too.
        assert number == int(count) or ("theme=" in href and number > int(count)), (label, href)


async def test_a_bar_is_as_long_as_its_number(client: TestClient) -> None:
    html = await (await client.get("/chiffres")).text()
    kinds = html.split('id="picture-kind"')[1].split("</section>")[0]
    widths = [float(text) for text in re.findall(r'<rect width="([\d.]+)"', kinds)]
    counts = [int(text) for text in re.findall(r"<td>(\d+)</td>", kinds)]
    assert widths[0] == 600
    assert all(abs(width - max(2, 600 * count / counts[0])) < 0.1 for width, count in zip(widths, counts, strict=True))


async def test_the_figures_of_a_question_are_an_address_too(client: TestClient) -> None:
    html = await (await client.get("/chiffres", params={"q": "vélo", "kind": "actor", "lang": "fr"})).text()
    assert "1 résultat" in html
    nothing = await client.get("/chiffres", params={"q": "introuvable"})
    assert nothing.status == 200
