# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pages with pictures in a real browser: for everyone, without a jump, here or not here yet, all from this node."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import TestClient

from benchmarks.audit.limits import SHIFT_MAX
from tests.media.pictures import PDF, drawn, written

from .browsing import SCRIPTED, opened
from .small_town import SmallTown
from .test_browser import DESK, PHONE, keep_picture
from .test_map_browser import address
from .test_media import medium

pytestmark = SCRIPTED

WIDE = written(drawn(1600, 400), "WEBP")
TALL = written(drawn(900, 1200), "WEBP")


@pytest.fixture
async def pages(town: SmallTown) -> dict[str, str]:
    """An actor with a logo and a banner, and a content with a tall picture, one that is not here, and two documents."""
    for data in (WIDE, TALL, PDF):
        await town.blobs.add_bytes(data)
    banner = medium(WIDE, "Le canal au matin", width=1600, height=400)
    tall = medium(TALL, "Le jardin à la tombée du jour", width=900, height=1200, credit="Zoé Martin")
    absent = medium(b"elsewhere", "Une image qui n’est pas encore là", width=800, height=600, licence="CC BY")
    plan = medium(PDF, "Plan des parcelles", type="application/pdf")
    later = medium(b"later", "Compte rendu", type="application/pdf")
    actor = await town.add("actor", "Les Jardins", type="association", logo=tall, banner=banner)
    said = {"type": "article", "media": [tall, absent, plan, later], "text": "Samedi."}
    content = await town.add("content", "La fête", about=[actor], **said)
    await town.index.catch_up()
    return {"actor": f"/e/{actor}", "space": "/acteurs/les-jardins", "content": f"/e/{content}"}


@pytest.mark.parametrize(
    ("size", "language", "dark"),
    [({"width": 320, "height": 640}, "fr", True), (PHONE, "en", False), (DESK, "fr", False)],
    ids=["narrow-fr-dark", "phone-en-light", "desk-fr-light"],
)
async def test_pictures_are_open_to_everyone_and_nothing_jumps(
    pages: dict[str, str], client: TestClient, size: dict[str, int], language: str, dark: bool
) -> None:
    for name, path in pages.items():
        async with opened(address(client, path), size, language, dark) as it:
            await it.page.wait_for_load_state("networkidle")
            await it.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
            await it.page.wait_for_function(
                "[...document.images].every((image) => image.complete && image.naturalWidth > 0)"
            )
            assert await it.shifted() < SHIFT_MAX
            await keep_picture(it.page, f"media-{name}-{size['width']}-{language}")
            await it.is_open_to_everyone()
            it.is_quiet(address(client, "/"))


async def test_a_document_is_saved_under_its_words(pages: dict[str, str], client: TestClient) -> None:
    async with opened(address(client, pages["content"]), DESK) as it:
        async with it.page.expect_download() as waiting:
            await it.page.get_by_role("link", name="Plan des parcelles").click()
        assert (await waiting.value).suggested_filename == "Plan des parcelles.pdf"
