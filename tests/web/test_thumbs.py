# SPDX-License-Identifier: AGPL-3.0-or-later
"""Small pictures in lists: chosen when a record is taken in, shown once their file is here, in their space, light."""

from __future__ import annotations

import html
import re
from hashlib import sha256
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from convergences_node.media.thumbs import ALT_CHARS_MAX, thumb_of
from convergences_node.web.page_home import PICTURES_MAX

from .small_town import SmallTown
from .test_media import WEBP, medium, page, written_down

THUMB = re.compile(r'<img class="thumb[^>]*>')


def sized(digest: str, width: int, height: int) -> dict[str, Any]:
    return {"digest": digest * 64, "bytes": 9, "width": width, "height": height}


def test_a_logo_comes_first_and_in_its_smallest_form_that_is_large_enough() -> None:
    picture = medium(width=1600, height=900, sizes=[sized("a", 144, 144), sized("b", 400, 225)])
    logo = medium(width=512, height=256, alt="Un vélo", sizes=[sized("c", 128, 64)])
    found = thumb_of("action", {"pictures": [picture]})
    assert found is not None and (found.digest, found.width, found.whole) == ("a" * 64, 144, False)
    found = thumb_of("actor", {"banner": picture, "logo": logo})
    assert found is not None and (found.width, found.height, found.alt, found.whole) == (512, 256, "Un vélo", True)
    long = thumb_of("action", {"pictures": [medium(alt="mot " * 200)]})
    assert long is not None and len(long.alt) <= ALT_CHARS_MAX + 2 and long.alt.endswith("mot …")


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("actor", {}),
        ("actor", {"banner": medium()}),
        ("content", {"media": [medium(type="application/pdf")]}),
        ("content", {"media": []}),
        ("unheard-of", {"pictures": [medium()]}),
    ],
)
def test_what_has_nothing_to_show_in_a_corner_has_no_picture(kind: str, fields: dict[str, Any]) -> None:
    assert thumb_of(kind, fields) is None


async def test_an_answer_says_the_picture_without_another_question(town: SmallTown, client: TestClient) -> None:
    """It is in the card that the index keeps, here and for other programs."""
    await written_down(town, "action", "Plantation", type="event", pictures=[medium()])
    answer = await client.get("/api/v1/search", params={"q": "Plantation"})
    (item,) = (await answer.json())["items"]
    said = {"digest": sha256(WEBP).hexdigest(), "width": 160, "height": 90, "alt": medium()["alt"]}
    assert item["picture"] == said


async def test_a_list_shows_a_picture_once_its_file_is_here(town: SmallTown, client: TestClient) -> None:
    """And not a broken one before, though the card had been drawn and kept; its words are safe in the page."""
    said = medium(alt='Un "pommier" <b>en fleur</b>')
    await written_down(town, "action", "Plantation", type="event", pictures=[said])
    address = "/?q=Plantation"
    assert THUMB.findall(await page(client, address)) == []
    await town.blobs.add_bytes(WEBP)
    town.clock[0] += 60
    (shown,) = THUMB.findall(await page(client, address))
    assert f'src="/media/{said["digest"]}" width="160" height="90"' in shown and 'loading="lazy"' in shown
    assert html.unescape(shown).count(said["alt"]) == 1 and "<b>" not in shown
    assert len(THUMB.findall(await page(client, "/cadre", q="Plantation"))) == 1, "on another site too"


async def test_agendas_have_pictures_and_a_home_page_few(town: SmallTown, client: TestClient) -> None:
    """The first lines of the home page have theirs; the agenda of the day has all."""
    await town.blobs.add_bytes(WEBP)
    for hour in range(10, 22):
        start = f"2026-11-{20 + hour % 8}T{hour}:00+01:00"
        await town.add("action", f"Rendez-vous de {hour} h", type="event", start=start, pictures=[medium()])
    await town.index.catch_up()
    assert 0 < len(THUMB.findall(await page(client, "/"))) <= PICTURES_MAX
    agenda = await page(client, "/", vue="agenda", **{"from": "2026-11-20", "to": "2026-11-30"})
    assert len(THUMB.findall(agenda)) == 12 and agenda.count('class="line action pictured"') == 12
