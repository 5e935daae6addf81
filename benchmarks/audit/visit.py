# SPDX-License-Identifier: AGPL-3.0-or-later
"""One visit to a page in a real browser, on a slowed line and processor: what it loads, paints, moves, says and asks.

Paints are the browser's own entries (W3C Paint Timing, Largest Contentful Paint, Layout Instability). The machine may
be busy with other things, so a page that seems late is opened again a few times and its best time counts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, CDPSession, Page

CPU_SLOWED = 4
LINE_BYTES_A_SECOND = 1_600_000 / 8
LATENCY_MS = 40
"""Of a phone on the hall's Wi-Fi, or of a line at home: the node is in town."""
TRIES_MAX = 4
ABSENT = ("not-there", "-gone", "certificate")
"""Pages that answer that they are not there. The demo has no https beside it, and so no certificate to show; where
there is one, tests/web/test_away_browser.py looks at the page."""
OPEN_MS_MAX = 60_000
READY_MS_MAX = 1_000
"""First paint, on the slowed line and processor: a page that comes later feels broken."""
LARGEST_MS_MAX = 2_500
"""Largest paint: the "good" bound of Web Vitals."""

MEASURE = """() => new Promise(done => {
  let largest = 0, shift = 0;
  const see = (type, heed) => new PerformanceObserver(list => list.getEntries().forEach(heed))
    .observe({type, buffered: true});
  see('largest-contentful-paint', entry => { largest = entry.startTime; });
  see('layout-shift', entry => { if (!entry.hadRecentInput) shift += entry.value; });
  setTimeout(() => {
    const first = performance.getEntriesByName('first-contentful-paint')[0];
    done({first: first ? first.startTime : performance.now(), largest: largest || performance.now(), shift,
      overflow: document.documentElement.scrollWidth - window.innerWidth,
      map: !!document.querySelector('.map, iframe[src*="vue=carte"]')});
  }, 150);
})"""


@dataclass(frozen=True)
class Way:
    """How a page is looked at."""

    language: str
    width: int
    height: int
    scheme: str


@dataclass
class Seen:
    """What was seen of a page."""

    page: str
    path: str
    language: str
    width: int
    scheme: str
    status: int = 0
    bytes: int = 0
    has_map: bool = False
    axe: list[str] = field(default_factory=list)
    other_hosts: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    first_paint_ms: int = 0
    largest_paint_ms: int = 0
    home_paint_ms: int = 0
    """First paint of the home page right afterwards, if this one was late: a busy machine is late with all of them."""
    layout_shift: float = 0.0
    overflow_px: int = 0

    @property
    def is_problem(self) -> bool:
        """Whether the page is one that says what is not, or no longer, there."""
        return self.page.endswith(ABSENT)


def visit(browser: Browser, address: str, name: str, path: str, way: Way, picture: Path | None) -> Seen:
    """Open a page as that reader would; again, if it came late."""
    best: Seen | None = None
    for _ in range(TRIES_MAX):
        seen = _visit(browser, address, name, path, way, None if best else picture)
        best = seen if best is None else _with_paints(best, seen)
        if best.first_paint_ms <= READY_MS_MAX and best.largest_paint_ms <= LARGEST_MS_MAX:
            break
    assert best is not None
    return best


def _with_paints(seen: Seen, again: Seen) -> Seen:
    """What was seen first, with the better paints of the two."""
    if again.first_paint_ms < seen.first_paint_ms:
        seen.first_paint_ms, seen.largest_paint_ms = again.first_paint_ms, again.largest_paint_ms
    return seen


def _visit(browser: Browser, address: str, name: str, path: str, way: Way, picture: Path | None) -> Seen:
    seen = Seen(name, path, way.language, way.width, way.scheme)
    context = browser.new_context(
        viewport={"width": way.width, "height": way.height},
        locale=way.language,
        color_scheme="dark" if way.scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    try:
        page = context.new_page()
        _watch(page, address, seen)
        session = context.new_cdp_session(page)
        _slow_down(session, seen)
        answer = page.goto(address + path, wait_until="load", timeout=OPEN_MS_MAX)
        seen.status = answer.status if answer else 0
        _measure(page, seen)
        if picture is not None:
            session.send("Emulation.setCPUThrottlingRate", {"rate": 1})
            page.screenshot(path=str(picture), full_page=True)
            found = Axe().run(page).response["violations"]
            seen.axe = [f"{rule['id']} ({len(rule['nodes'])}): {rule['nodes'][0]['html'][:120]}" for rule in found]
    finally:
        context.close()
    return seen


def _watch(page: Page, address: str, seen: Seen) -> None:
    def asked(url: str) -> None:
        if not url.startswith((f"{address}/", "data:", "blob:")):
            seen.other_hosts.append(url)

    def said(text: str) -> None:
        # A page that is not there says so with its status, which the browser repeats in its console.
        if not (seen.is_problem and ("404" in text or "410" in text)):
            seen.console.append(text)

    page.on("request", lambda request: asked(request.url))
    page.on("console", lambda message: said(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said(str(error)))


def _slow_down(session: CDPSession, seen: Seen) -> None:
    """Chromium's own throttling; what comes over the line is counted as it comes, compressed, with its headers."""

    def received(event: dict[str, float]) -> None:
        seen.bytes += int(event["encodedDataLength"])

    session.on("Network.loadingFinished", received)
    session.send("Network.enable")
    line = {"downloadThroughput": LINE_BYTES_A_SECOND, "uploadThroughput": LINE_BYTES_A_SECOND, "latency": LATENCY_MS}
    session.send("Network.emulateNetworkConditions", {"offline": False, **line})
    session.send("Emulation.setCPUThrottlingRate", {"rate": CPU_SLOWED})


def _measure(page: Page, seen: Seen) -> None:
    found = page.evaluate(MEASURE)
    seen.first_paint_ms, seen.largest_paint_ms = round(found["first"]), round(found["largest"])
    seen.layout_shift, seen.overflow_px = round(found["shift"], 4), found["overflow"]
    seen.has_map = found["map"]
