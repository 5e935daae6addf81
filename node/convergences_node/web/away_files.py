# SPDX-License-Identifier: AGPL-3.0-or-later
"""The pages for when the node is out of reach: what a browser installs, what keeps pages, and what it shows then.

All of it lives in the reader's browser (`front/src/away_worker.js`), and only where the reader came by https
(`arriving.keeps_pages`). The worker is one file, told here what belongs to this town: when any of that changes, the
browser sees another file and takes it in the place of the old one.
"""

from __future__ import annotations

import hashlib
import importlib.metadata

import msgspec
from aiohttp import web

from convergences_node.web import static_files
from convergences_node.web.asking import messages_of, town_of
from convergences_node.web.dates import month
from convergences_node.web.etag import conditional
from convergences_node.web.messages import LANGUAGES, Messages, catalogue
from convergences_node.web.pages import answer_page
from convergences_node.web.problems import Problem

MANIFEST = "application/manifest+json"
PAPER, ACCENT = "#fdfcfa", "#0b5864"
"""Of style.css, in the light."""
LIST = "/hors-ligne"
SCRIPT = "away.js"
WORKER = "away_worker.js"


async def away_page(request: web.Request) -> web.Response:
    """What this device keeps for when the node is out of reach: its browser writes the list into this page."""
    town = town_of(request).web_settings
    plain = f"http://{town.local_name or town.certificate.host}/" if town.certificate else ""
    return answer_page(request, "away.html", {"sheet": static_files.address("certificate.css"), "plain": plain})


async def away_worker(request: web.Request) -> web.Response:
    """The script that keeps, in a reader's browser, the pages that were opened there (Service Workers)."""
    program = static_files.body_if_built(WORKER)
    if program is None:
        raise Problem("not-found")
    body = b"self.TOLD=" + _told(town_of(request).web_settings.name, program) + b";\n" + program
    return conditional(request, body, static_files.MEDIA_TYPES["js"])


def _told(town: str, program: bytes) -> bytes:
    files = [static_files.address(name) for name in ("style.css", "certificate.css", "icon.svg")]
    script = static_files.address_if_built(SCRIPT)
    pages = {code: f"{LIST}?lang={code}" for code in LANGUAGES}
    told = {
        "shell": [*files, *([script] if script else []), *pages.values()],
        "pages": pages,
        "sentences": {code: _sentences(catalogue(code)) for code in LANGUAGES},
    }
    known = msgspec.json.encode([town, importlib.metadata.version("convergences"), told])
    return msgspec.json.encode({"version": hashlib.sha256(known + program).hexdigest()[:12], **told})


def _sentences(messages: Messages) -> dict[str, str | list[str]]:
    """What the worker says, and what it says a day and an hour with: in the words of every other page
    (`dates.instant`), and not in those of a browser's own language."""
    pieces = ("instant", "first_of_month", "hour_only", "hour_minute")
    said: dict[str, str | list[str]] = {piece: messages.text(f"date.{piece}") for piece in pieces}
    months = [month(messages, number) for number in range(1, 13)]
    return said | {"months": months, "copy": messages.text("away.copy"), "away": messages.text("away.away")}


async def manifest_show(request: web.Request) -> web.Response:
    """What a telephone needs to put the town on its first screen (Web Application Manifest)."""
    town, language = town_of(request).web_settings, messages_of(request).language
    shown = {
        "id": "/",
        "name": town.name,
        "short_name": town.name,
        "description": catalogue(language).text("site.about", town=town.name),
        "lang": language,
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": PAPER,
        "theme_color": ACCENT,
        "icons": [{"src": static_files.address("icon.svg"), "type": "image/svg+xml", "sizes": "any", "purpose": "any"}],
    }
    return conditional(request, msgspec.json.encode(shown), MANIFEST, vary=("Accept-Language",))
