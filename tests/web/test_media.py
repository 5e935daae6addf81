# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pictures and documents on pages: in their space before they are there, in words for who sees nothing, and safe."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from convergences_node.archive.model import NewRecord
from convergences_node.blobs.store import Readers
from convergences_protocol.element import ElementId

from tests.media.pictures import PDF, drawn, written

from .small_town import SmallTown

WEBP = written(drawn(160, 90), "WEBP")
SMALL = written(drawn(40, 22), "WEBP")


def medium(data: bytes = WEBP, alt: str = "Des enfants plantent un pommier", **more: Any) -> dict[str, Any]:
    sides = {"width": 160, "height": 90}
    return {
        "digest": sha256(data).hexdigest(),
        "type": "image/webp",
        "bytes": len(data),
        "alt": alt,
        **(sides if more.get("type") != "application/pdf" else {}),
        **more,
    }


def small() -> dict[str, Any]:
    return {"digest": sha256(SMALL).hexdigest(), "bytes": len(SMALL), "width": 40, "height": 22}


async def written_down(town: SmallTown, kind: str, name: str, **fields: Any) -> str:
    element = await town.add(kind, name, **fields)
    await town.index.catch_up()
    return element


async def page(client: TestClient, address: str, **params: str) -> str:
    answer = await client.get(address, params=params)
    assert answer.status == 200, await answer.text()
    return await answer.text()


async def test_a_picture_is_shown_with_its_words_its_size_and_its_maker(town: SmallTown, client: TestClient) -> None:
    """With smaller sizes to choose from; and it stands for the page elsewhere."""
    await town.blobs.add_bytes(WEBP)
    await town.blobs.add_bytes(SMALL)
    said = medium(sizes=[small()], credit="Zoé <b>", licence="https://creativecommons.org/licenses/by/4.0/")
    element = await written_down(town, "content", "Le verger", type="photo", media=[said])
    html = await page(client, f"/e/{element}")
    (image,) = re.findall(r"<img[^>]*>", html)
    assert 'alt="Des enfants plantent un pommier"' in image and 'width="160" height="90"' in image
    assert f'src="/media/{said["digest"]}"' in image and 'loading="lazy"' in image
    assert f"/media/{small()['digest']} 40w, /media/{said['digest']} 160w" in image
    assert "Zoé &lt;b&gt;" in html and 'rel="license noopener"' in html
    assert re.search(rf'<meta property="og:image" content="http://[^/]+/media/{said["digest"]}">', html)
    assert f'"image": ["http://{client.host}:{client.port}/media/{said["digest"]}"' in html


async def test_a_logo_and_a_banner_are_on_the_actors_space(town: SmallTown, client: TestClient) -> None:
    await town.blobs.add_bytes(WEBP)
    logo, banner = medium(alt="Un vélo"), medium(alt="Le canal")
    element = await written_down(town, "actor", "Les Vélos", type="association", logo=logo, banner=banner)
    for address in (f"/e/{element}", "/acteurs/les-velos"):
        html = await page(client, address)
        assert re.search(r'class="logo"><img[^>]*alt="Un vélo"', html.replace("\n", "")), address
        assert re.search(r'class="head-picture"><img[^>]*alt="Le canal"', html.replace("\n", "")), address
    assert 'class="monogram"' not in html and 'class="band"' not in html


@pytest.mark.parametrize("language", ["fr", "en"])
async def test_what_is_not_here_yet_is_said_in_its_space(town: SmallTown, client: TestClient, language: str) -> None:
    """Neither a broken picture nor a lie: the shape, the words, and that it is asked for."""
    document = medium(PDF, "Compte rendu", type="application/pdf")
    element = await written_down(town, "content", "Le verger", type="photo", media=[medium(), document])
    html = await page(client, f"/e/{element}", lang=language)
    assert "<img" not in html and f"/media/{document['digest']}" not in html and "og:image" not in html
    assert 'viewBox="0 0 160 90" role="img" aria-label="Des enfants plantent un pommier"' in html
    words = {"fr": ("demandée aux autres villes", "demandé aux autres villes"), "en": ("other towns are asked",) * 2}
    assert all(said in html for said in words[language])


async def test_a_document_is_to_be_saved_under_words(town: SmallTown, client: TestClient) -> None:
    await town.blobs.add_bytes(PDF)
    said = medium(PDF, "Compte rendu / 2026 : « été »", type="application/pdf")
    element = await written_down(town, "content", "Assemblée", type="document", media=[said])
    html = await page(client, f"/e/{element}")
    assert f'href="/media/{said["digest"]}" download="Compte rendu 2026 été.pdf"' in html
    assert "PDF, 1\u00a0ko" in html
    answer = await client.get(f"/media/{said['digest']}")
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"] == "attachment"


async def test_a_file_is_what_its_bytes_say_and_can_do_nothing(town: SmallTown, client: TestClient) -> None:
    """Whatever a record calls it, HTML, SVG and scripts are no files here; a picture runs and fetches nothing."""
    await town.blobs.add_bytes(WEBP)
    shown = await client.get(f"/media/{sha256(WEBP).hexdigest()}")
    assert shown.headers["Content-Type"] == "image/webp" and await shown.read() == WEBP
    assert shown.headers["X-Content-Type-Options"] == "nosniff" and "immutable" in shown.headers["Cache-Control"]
    assert shown.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
    assert shown.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    part = await client.get(f"/media/{sha256(WEBP).hexdigest()}", headers={"Range": "bytes=0-3"})
    assert part.status == 206 and await part.read() == b"RIFF"
    for bad in (b"<html><script>alert(1)</script>", b"<svg onload='alert(1)'/>", b"", b"GIF89a<script>"):
        await town.blobs.add_bytes(bad)
        assert (await client.get(f"/media/{sha256(bad).hexdigest()}")).status == 404, bad
        assert (await client.get(f"/blobs/{sha256(bad).hexdigest()}")).headers["Content-Disposition"] == "attachment"


async def test_what_is_not_public_is_not_shown(town: SmallTown, client: TestClient) -> None:
    for readers in (Readers.PEERS, Readers.NODE):
        data = WEBP + readers.encode()
        await town.blobs.add_bytes(data, readers)
        assert (await client.get(f"/media/{sha256(data).hexdigest()}")).status == 404


async def test_the_history_says_that_pictures_changed(town: SmallTown, client: TestClient) -> None:
    """Without their digests, which tell nobody anything."""
    element = await written_down(town, "content", "Le verger", type="photo")
    own = ElementId.parse(element)
    entry = await town.archive.read(lambda reader: reader.current(own, [reader.own_log().origin]))
    assert entry is not None
    fields = {"name": "Le verger", "type": "photo", "media": [medium()]}
    await town.archive.append([NewRecord("content", fields, element=own, previous=entry.digest)])
    await town.index.catch_up()
    html = await page(client, f"/e/{element}/histoire")
    assert "Fichiers" in html and medium()["digest"] not in html


async def test_a_frame_in_another_site_shows_the_picture(town: SmallTown, client: TestClient) -> None:
    """From this node alone, as the frame's policy wants; nothing where it is not here."""
    await town.blobs.add_bytes(WEBP)
    said = [medium(b"elsewhere", "Pas là"), medium()]
    element = await written_down(town, "content", "Le verger", type="photo", media=said)
    html = await page(client, f"/cadre/e/{element}")
    (image,) = re.findall(r"<img[^>]*>", html)
    assert f'src="/media/{medium()["digest"]}"' in image and "Pas là" not in html


async def test_other_systems_are_told_where_pictures_are(town: SmallTown, client: TestClient) -> None:
    """GoGoCarto's `images` and `files`, Archipelago's `pair:image`, an Atom enclosure: whole addresses."""
    document = medium(PDF, "Le plan", type="application/pdf")
    place = await written_down(
        town, "place", "Jardin", type="park", location=[489360000, 23540000], pictures=[medium(), document]
    )
    base = f"http://{client.host}:{client.port}/media/"
    made = await (await client.get(f"/api/elements/{place}.json")).json()
    found = made["data"][0] if isinstance(made["data"], list) else made["data"]
    assert found["images"] == [base + medium()["digest"]] and found["files"] == [base + document["digest"]]
    linked = await (await client.get(f"/e/{place}", headers={"Accept": "application/ld+json"})).json(content_type=None)
    assert base + medium()["digest"] in str(linked["pair:image"])
    turtle = await (await client.get(f"/e/{place}", headers={"Accept": "text/turtle"})).text()
    assert re.search(rf"pair#?:?image>? <{base}{medium()['digest']}>", turtle), turtle
    feed = await page(client, f"/e/{place}.atom")
    assert re.search(rf'<link rel="enclosure" href="{base}{document["digest"]}" type="application/pdf"', feed)
