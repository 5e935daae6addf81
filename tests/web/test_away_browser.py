# SPDX-License-Identifier: AGPL-3.0-or-later
"""A real browser reads on when the node is out of reach, and only where it may: by https, or on the machine itself."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port
from axe_playwright_python.async_playwright import Axe
from convergences_node.archive.model import NewRecord
from convergences_node.certificate.reading import LOOPBACK
from convergences_node.web.app import make_app
from convergences_node.web.listening import make_runner
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.async_api import BrowserContext, Error, Page, async_playwright, expect

from .browsing import PATIENCE_MS, SCRIPTED
from .proxied import HOST, caddy, listening, needs_caddy
from .small_town import SmallTown, small_town
from .test_away import certificate_in
from .test_browser import ARGUMENTS, CHROMIUM

pytestmark = SCRIPTED

SAID_AS_EVERYWHERE = re.compile(r"du \d+(er)? \w+ 20\d\d à \d+\sh( \d\d)?\b")
COPY = ".copy"
KEPT = """async () => {
    const found = [];
    for (const name of await caches.keys())
        if (/pages|parts/.test(name))
            for (const key of await (await caches.open(name)).keys()) found.push(new URL(key.url).pathname);
    return found;
}"""


DATES_BELOW = """() => [...document.querySelectorAll('#kept li')].every((it) => {
    const [link, day] = [it.querySelector('a'), it.querySelector('.soft')].map((each) => each.getBoundingClientRect());
    return day.top >= link.bottom && link.height >= 44 && link.left === it.getBoundingClientRect().left;
})"""


class Node:
    """A town's pages on one port, to be stopped and started."""

    def __init__(self, town: SmallTown) -> None:
        self.town, self.port = town, unused_port()
        self.status = 200
        self._runner: web.AppRunner | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        app = make_app(self.town)
        # The worst that could be: an operator's page that does not say that it must not be kept.
        app.router.add_get("/operateur", self._page)
        app.router.add_get("/passing", self._page)
        self._runner = make_runner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _page(self, request: web.Request) -> web.Response:
        html = '<!doctype html><html lang="fr"><title>Page</title><main><p>Ici</p></main></html>'
        return web.Response(status=self.status, text=html, content_type="text/html")


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    certificate = certificate_in(tmp_path / "https")
    async with small_town(tmp_path / "node", certificate=certificate) as town:
        made = Node(town)
        await made.start()
        yield made
        await made.stop()


@asynccontextmanager
async def browsing(folder: Path | None = None, *arguments: str) -> AsyncIterator[BrowserContext]:
    """A browser in French; with a folder, as a person has it, with what it remembers."""
    async with async_playwright() as playwright, AsyncExitStack() as stack:
        started: dict[str, Any] = {"executable_path": str(CHROMIUM), "args": [*ARGUMENTS, *arguments]}
        if folder is None:
            browser = await playwright.chromium.launch(**started)
            stack.push_async_callback(browser.close)
            context = await browser.new_context(locale="fr")
        else:
            context = await playwright.chromium.launch_persistent_context(str(folder), locale="fr", **started)
            stack.push_async_callback(context.close)
        context.set_default_timeout(PATIENCE_MS)
        yield context


async def kept(page: Page, *paths: str) -> None:
    """Wait until these are kept."""
    await holds(page, lambda held: held.issuperset(paths))


async def holds(page: Page, wanted: Callable[[set[str]], bool]) -> None:
    async with asyncio.timeout(PATIENCE_MS / 1000):
        while not wanted(set(await page.evaluate(KEPT))):  # noqa: ASYNC110  a browser's own state
            await asyncio.sleep(0.05)


async def is_open_to_everyone(page: Page) -> None:
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


async def test_what_was_opened_is_read_when_the_node_is_stopped_and_anew_when_it_answers(node: Node) -> None:
    (placed,) = await node.town.archive.append([NewRecord("actor", {"name": "Fanfare d'hier", "type": "collective"})])
    await node.town.index.catch_up()
    element = f"/e/{placed.element}"
    async with browsing() as context:
        page = await context.new_page()
        await page.goto(f"{node.address}/")
        await kept(page, "/")  # the first page too, which came before anybody kept it
        for path in (element, "/operateur", "/passing"):
            await page.goto(node.address + path)
        await kept(page, element, "/passing")
        await node.stop()

        await page.goto(node.address + element)
        await expect(page.locator(COPY)).to_contain_text("Vous lisez une copie gardée sur cet appareil, du ")
        await expect(page.locator(COPY)).to_have_text(SAID_AS_EVERYWHERE)
        await expect(page.locator("h1")).to_contain_text("Fanfare d'hier")
        assert await page.evaluate("getComputedStyle(document.querySelector('.copy')).borderRadius") == "10px", (
            "no style"
        )
        await is_open_to_everyone(page)
        await page.goto(f"{node.address}/")
        await page.reload()
        await expect(page.locator(COPY)).to_be_visible()
        await page.goto(f"{node.address}/affiche")
        await expect(page.locator(COPY)).to_contain_text("n’est pas gardée")
        await expect(page.locator("#kept a")).to_have_count(3)
        assert await page.evaluate(DATES_BELOW), "each page's day stands under its name, whose whole line is the link"
        await is_open_to_everyone(page)
        assert "/operateur" not in await page.evaluate(KEPT)
        other = await context.new_page()  # its page of the browser's own would get in the way of what is opened next
        with pytest.raises(Error):
            await other.goto(f"{node.address}/operateur")
        await other.close()

        await node.town.change(placed, "actor", {"name": "Fanfare neuve", "type": "collective"})
        await node.town.index.catch_up()
        node.status = 410
        await node.start()
        await page.goto(node.address + element)
        await expect(page.locator("h1")).to_contain_text("Fanfare neuve")
        await expect(page.locator(COPY)).to_have_count(0)
        await page.goto(f"{node.address}/passing")
        await holds(page, lambda held: "/passing" not in held)


async def test_whoever_reads_may_forget_all_of_it(node: Node) -> None:
    async with browsing() as context:
        page = await context.new_page()
        await page.goto(f"{node.address}/chiffres")
        await kept(page, "/chiffres")
        await page.goto(f"{node.address}/hors-ligne")
        await expect(page.locator("#kept a")).to_have_count(1)
        await page.click("#forget")
        await expect(page.locator("#forgotten")).to_be_visible()
        await page.goto(f"{node.address}/chiffres")
        assert await page.evaluate("caches.keys()") == []
        assert await page.evaluate("navigator.serviceWorker.getRegistrations().then((found) => found.length)") == 0
        await page.goto(f"{node.address}/hors-ligne")
        await is_open_to_everyone(page)
        await page.click("#keep")
        await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        await expect(page.locator("#forget")).to_be_visible()


async def test_by_http_nothing_is_kept_and_nothing_is_missed(node: Node) -> None:
    async with browsing(None, f"--host-resolver-rules=MAP {HOST}.local 127.0.0.1") as context:
        page = await context.new_page()
        said: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("request", lambda request: asked.append(request.url))
        for path, width in (("/", 1280), ("/certificat", 1280), ("/certificat", 320)):
            await page.set_viewport_size({"width": width, "height": 800})
            await page.goto(f"http://{HOST}.local:{node.port}{path}")
            assert not await page.evaluate("window.isSecureContext || 'serviceWorker' in navigator")
            assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "too wide"
            await is_open_to_everyone(page)
        # Printed, it is the paper to compare with: one sheet.
        printed = await page.pdf(prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
        assert not [url for url in asked if "away" in url or "hors-ligne" in url or "manifest" in url]
    # A browser says of every page by http that one header has no meaning there.
    assert [each for each in said if not each.startswith("The Cross-Origin-Opener-Policy")] == []


@needs_caddy
async def test_behind_the_real_proxy_pages_are_read_by_https_and_kept(tmp_path: Path) -> None:
    """The proxy answers by itself when the node is gone: that is no page, and the copy is shown in its place."""
    certificate = certificate_in(tmp_path / "published")
    async with (
        small_town(tmp_path / "node", certificate=certificate, proxies_trusted=LOOPBACK) as town,
        AsyncExitStack() as running,
    ):
        port = await running.enter_async_context(listening(make_app(town)))
        async with (
            caddy(tmp_path / "https", port) as there,
            browsing(tmp_path / "browser", *believing(there.signed)) as context,
        ):
            page = await context.new_page()
            await page.goto(f"{there.address}/chiffres")
            assert await page.evaluate("window.isSecureContext")
            await kept(page, "/chiffres")
            await page.goto(f"{there.address}/certificat")
            await expect(page.locator(COPY)).to_contain_text("connaît déjà")
            await running.aclose()
            await page.goto(f"{there.address}/chiffres")
            await expect(page.locator(COPY)).to_contain_text("copie gardée")
            await page.goto(f"{there.address}/affiche")
            await expect(page.locator(COPY)).to_contain_text("n’est pas gardée")


def believing(signed: Path) -> list[str]:
    """What makes a browser believe this proxy, as one does that has taken the root: its list cannot be written here."""
    found = x509.load_pem_x509_certificate((signed / "pki/authorities/local/intermediate.crt").read_bytes())
    public = found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pin = base64.b64encode(hashlib.sha256(public).digest()).decode()
    return [f"--host-resolver-rules=MAP {HOST}.local 127.0.0.1", f"--ignore-certificate-errors-spki-list={pin}"]
