# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a reader is told of the town hall's certificate, and what a browser is given to keep pages for later: not in a
browser, which `test_away_browser.py` is for."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient
from convergences_node.certificate.reading import LOOPBACK, PUBLISHED, Certificate, read_certificate
from convergences_node.certificate.root import make_root
from convergences_node.founding import create_town
from convergences_node.town import Town
from convergences_node.web.messages import catalogue
from convergences_node.web.page_certificate import STEPS
from convergences_node.web.static_files import address_if_built
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from .small_town import asking, small_town

BY_HTTPS = {"X-Forwarded-Proto": "https", "Host": "stains.local"}
BY_HTTP = {"Host": "stains.local"}


def certificate_in(folder: Path) -> Certificate:
    """One that was published in this folder."""
    place = (folder / PUBLISHED).parent
    place.mkdir(parents=True)
    make_root(place, "stains", datetime(2026, 11, 20, tzinfo=UTC))
    found = read_certificate(folder)
    assert found is not None
    return found


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return certificate_in(tmp_path / "https")


@pytest.fixture
async def secured(tmp_path: Path, certificate: Certificate) -> AsyncIterator[TestClient]:
    """A town that has https beside http."""
    async with (
        small_town(tmp_path / "node", certificate=certificate, proxies_trusted=LOOPBACK) as town,
        asking(town) as client,
    ):
        yield client


async def text(client: TestClient, path: str, **headers: str) -> str:
    answer = await client.get(path, headers=headers)
    assert answer.status == 200
    return await answer.text()


@pytest.mark.parametrize("language", ["fr", "en"])
async def test_the_page_shows_the_fingerprint_of_the_file_that_it_gives(
    secured: TestClient, certificate: Certificate, language: str
) -> None:
    page = await text(secured, f"/certificat?lang={language}")
    given = await secured.get("/certificat.crt")
    assert given.headers["Content-Type"] == "application/x-x509-ca-cert"
    found = x509.load_der_x509_certificate(await given.read())
    digits = found.fingerprint(SHA256()).hex().upper()
    assert digits == certificate.fingerprint.replace(":", "")
    shown = page.partition('class="fingerprint"')[2].partition("</p>")[0]
    assert (
        "".join(c for c in shown.partition(">")[2].replace("<span>", "").replace("</span>", "") if c != " ") == digits
    )
    assert "http://stains.local/certificat" in page
    assert 'href="https://stains.local/"' in page


async def test_whoever_has_it_already_is_told_so(secured: TestClient) -> None:
    told = catalogue("fr").text("certificate.here")
    assert told in await text(secured, "/certificat?lang=fr", **BY_HTTPS)
    assert told not in await text(secured, "/certificat?lang=fr", **BY_HTTP)


async def test_without_https_nobody_hears_of_it(client: TestClient) -> None:
    for path in ("/certificat", "/certificat.crt"):
        assert (await client.get(path)).status == 404
    page = await text(client, "/chiffres")
    for each in ("/certificat", "/hors-ligne", "manifest", "away"):
        assert f'"{each}' not in page
        assert f"/{each}" not in page


async def test_the_same_page_offers_to_be_kept_by_https_alone(secured: TestClient) -> None:
    """Both are drawn once and kept here, each for its own readers."""
    for _ in range(2):
        by_https, by_http = await text(secured, "/chiffres", **BY_HTTPS), await text(secured, "/chiffres", **BY_HTTP)
        assert 'rel="manifest"' in by_https
        assert 'rel="canonical" href="https://stains.local/chiffres"' in by_https
        assert 'rel="manifest"' not in by_http
        assert 'rel="canonical" href="http://stains.local/chiffres"' in by_http
        for page in (by_https, by_http):
            assert 'href="/certificat"' in page


async def test_what_a_stranger_says_of_itself_makes_nothing_secure(tmp_path: Path) -> None:
    async with small_town(tmp_path / "node", records=False) as town, asking(town) as client:
        assert "manifest" not in await text(client, "/chiffres", **BY_HTTPS)


async def test_the_manifest_names_the_town_and_needs_no_other_host(secured: TestClient) -> None:
    answer = await secured.get("/manifeste.webmanifest?lang=fr")
    assert answer.headers["Content-Type"].startswith("application/manifest+json")
    told = json.loads(await answer.read())
    assert told["name"] == "Saint-Denis"
    assert told["lang"] == "fr"
    for icon in told["icons"]:
        assert (await secured.get(icon["src"])).status == 200
    assert "manifest-src 'self'" in (await secured.get("/chiffres")).headers["Content-Security-Policy"]


@pytest.mark.skipif(address_if_built("away_worker.js") is None, reason="the pages' scripts are not built: make front")
async def test_all_that_a_browser_installs_is_there(secured: TestClient) -> None:
    worker = await text(secured, "/hors-ligne.js")
    told = json.loads(worker.partition("=")[2].partition(";\n")[0])
    assert len(told["shell"]) >= 6
    for address in told["shell"]:
        answer = await secured.get(address)
        assert answer.status == 200, address
        assert "no-store" not in answer.headers["Cache-Control"]
    assert (await secured.get("/hors-ligne.js")).headers["Cache-Control"] == "no-cache"


async def test_a_town_opened_with_a_certificate_believes_the_proxy_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "node"
    await create_town(folder, "FR-93066", "town", "Saint-Denis")
    async with Town.open(folder) as town:
        assert town.web_settings.certificate is None
        assert "127.0.0.1" not in town.web_settings.proxies_trusted
    certificate = certificate_in(folder)
    async with Town.open(folder) as town:
        assert town.web_settings.certificate == certificate
        assert set(LOOPBACK) <= set(town.web_settings.proxies_trusted)


def test_every_step_is_said_in_both_languages() -> None:
    for language in ("fr", "en"):
        said = {key for key in catalogue(language).texts if key.startswith("certificate.steps.")}
        wanted = {
            f"certificate.steps.{device}.{each}"
            for device, many in STEPS.items()
            for each in ("title", *range(1, many + 1))
        }
        assert said == wanted
