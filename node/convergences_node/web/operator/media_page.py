# SPDX-License-Identifier: AGPL-3.0-or-later
"""The operator puts pictures and documents on the town's own entries from a page, changes them, and takes them away.

Two pages: one to find the entry, one for what it shows. Each button does what `convergences media` does; a file is read
as it comes, into a folder that is gone when the answer is. This file is imported when somebody asks for its pages.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from convergences_protocol.element import ElementId
from convergences_protocol.errors import ConvergencesError, LocalError
from convergences_protocol.kinds import KINDS
from convergences_protocol.kinds.media import ALT_CHARS_MAX, CREDIT_CHARS_MAX, LICENCE_CHARS_MAX, Media

from convergences_node.accounts import Session
from convergences_node.asking import caught_up
from convergences_node.blobs.store import FOLDER
from convergences_node.index.query import TEXT_CHARS_MAX, Query
from convergences_node.index.views import ElementView
from convergences_node.media.named import address, media_of
from convergences_node.media.verb import uses_of
from convergences_node.web import words
from convergences_node.web.cards import Reading, card
from convergences_node.web.media_shown import bytes_in_words
from convergences_node.web.operator.drawing import Faults, answer_private, faults_of
from convergences_node.web.operator.log_in import operating_of, session_of
from convergences_node.web.operator.uploads import (
    UPLOAD_BYTES_MAX,
    UPLOAD_SECONDS_MAX,
    kept_on_the_card,
    read_upload_form,
)
from convergences_node.web.pages import reading_of
from convergences_node.web.problems import Problem

MEDIA = "/operateur/images"
FOUND_MAX = 20
DIGITS_SHOWN = 12
_KINDS = tuple(name for name in words.KINDS_SHOWN if uses_of(KINDS[name]))
_UNFIT = re.compile(r"[^\w .-]+")


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture or a document that an entry has."""

    digest: str
    use: str
    alt: str
    credit: str
    licence: str
    src: str
    width: int
    height: int
    size: str
    here: bool
    is_picture: bool


# ------------------------------------------------------------------------------------- which entry
async def media_page(request: web.Request, session: Session) -> web.StreamResponse:
    """The town's own entries, by name; without one, those written last."""
    town, reading = operating_of(request).town, reading_of(request)
    text = request.query.get("q", "").strip()[:TEXT_CHARS_MAX]
    own = town.config.node.territory
    await caught_up(town)
    answer = await town.index.search(Query(text=text, kinds=_KINDS, territories=(own,), limit=FOUND_MAX))
    found = [(f"{MEDIA}/{item.id}", card(reading, item)) for item in answer.items if item.territory == own]
    return answer_private(request, "operator_media.html", {"session": session, "text": text, "found": found})


# ------------------------------------------------------------------------------------- what it shows
async def element_media_page(request: web.Request, session: Session) -> web.StreamResponse:
    """What an entry shows, and a form for one more; `?remplace=` names the one whose place it takes."""
    return await _draw(request, session, replaces=request.query.get("remplace", ""))


async def media_remove(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """Take one away; the entry's history keeps it."""
    messages = reading_of(request).messages
    params = {"element": request.match_info["element"], "file": fields.get("file", "")}
    try:
        await operating_of(request).perform("media_remove", params)
    except ConvergencesError as error:
        return await _draw(request, session, faults=faults_of(error, messages))
    return await _draw(request, session, told=messages.text("operator.media.removed"))


async def media_add(request: web.Request) -> web.StreamResponse:
    """Put a file on the entry; a form of another shape, and so with its own reading of it, and its own door."""
    session = await session_of(request)
    if session is None:
        raise Problem("form-refused")
    town = operating_of(request).town
    try:
        with kept_on_the_card():
            folder = await asyncio.to_thread(_folder, town.folder, town.now())
    except LocalError as error:
        return await _draw(request, session, faults=faults_of(error, reading_of(request).messages, "file"))
    try:
        fields, called = await read_upload_form(request, session.token, folder / "file")
        return await _add(request, session, fields, folder / "file", called)
    except LocalError as error:
        return await _draw(request, session, faults=faults_of(error, reading_of(request).messages, "file"))
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, True)


async def _add(
    request: web.Request, session: Session, fields: dict[str, str], file: Path, called: str | None
) -> web.StreamResponse:
    messages = reading_of(request).messages
    said = {name: text for name in ("use", "alt", "credit", "licence") if (text := fields.get(name, "").strip())}
    missing = {name: messages.text(f"operator.media.no_{name}") for name in ("use", "alt") if name not in said}
    replaces = fields.get("replaces", "")
    if called is None and not replaces:
        missing["file"] = messages.text("operator.media.no_file")
    if missing:
        return await _draw(request, session, fields=fields, faults=missing, replaces=replaces)
    if called is None:
        return await _describe(request, session, fields, replaces)
    # Under the name that its sender knows, so that a sentence can say it.
    with kept_on_the_card():
        path = await asyncio.to_thread(file.rename, file.with_name(_UNFIT.sub("_", called)[-80:].strip(". ") or "file"))
    params = {"element": request.match_info["element"], "path": str(path), **said}
    try:
        await operating_of(request).perform("media_add", params | ({"replaces": replaces} if replaces else {}))
    except ConvergencesError as error:
        faults = faults_of(error, messages, "file")
        return await _draw(request, session, fields=fields, faults=faults, replaces=replaces)
    return await _draw(request, session, told=messages.text("operator.media.added"))


async def _describe(
    request: web.Request, session: Session, fields: dict[str, str], replaces: str
) -> web.StreamResponse:
    """Other words for one that is there; who empties who made it, or its licence, takes that away."""
    messages = reading_of(request).messages
    said = {name: fields.get(name, "").strip() for name in ("alt", "credit", "licence")}
    params = {"element": request.match_info["element"], "file": replaces, **said}
    try:
        await operating_of(request).perform("media_describe", params)
    except ConvergencesError as error:
        return await _draw(request, session, fields=fields, faults=faults_of(error, messages, "alt"), replaces=replaces)
    return await _draw(request, session, told=messages.text("operator.media.described"))


def _folder(node: Path, now: int) -> Path:
    """A new folder beside the files that are kept; one that a power cut has left there is removed."""
    beside = node / FOLDER
    beside.mkdir(exist_ok=True)
    for left in beside.glob("upload-*"):
        if now - left.stat().st_mtime > 2 * UPLOAD_SECONDS_MAX:
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix="upload-", dir=beside))


async def _draw(
    request: web.Request,
    session: Session,
    *,
    fields: dict[str, str] | None = None,
    faults: Faults | None = None,
    told: str = "",
    replaces: str = "",
) -> web.StreamResponse:
    town, reading = operating_of(request).town, reading_of(request)
    view = await _view(request)
    kept = [_kept(reading, name, medium) for name, medium in media_of(view.item.kind, view.fields)]
    changed = next((one for one in kept if replaces and one.digest.startswith(replaces)), None)
    given = fields or ({"alt": changed.alt, "credit": changed.credit, "licence": changed.licence} if changed else {})
    values = {
        "session": session,
        "told": told,
        "it": card(reading, view.item),
        "path": f"{MEDIA}/{view.item.id}",
        "kept": kept,
        "uses": [changed.use] if changed else uses_of(KINDS[view.item.kind]),
        "changed": changed,
        "given": given,
        "megabytes": UPLOAD_BYTES_MAX // 1024**2,
        "most": {"alt": ALT_CHARS_MAX, "credit": CREDIT_CHARS_MAX, "licence": LICENCE_CHARS_MAX},
        "own": view.item.territory == town.config.node.territory,
    }
    return answer_private(request, "operator_media_element.html", values, faults=faults)


async def _view(request: web.Request) -> ElementView:
    try:
        element = ElementId.parse(request.match_info["element"])
    except ValueError:
        raise Problem("not-found") from None
    view = await operating_of(request).town.index.element(str(element))
    if view is None or not uses_of(KINDS[view.item.kind]):
        raise Problem("not-found")
    return view


def _kept(reading: Reading, field: str, medium: Media) -> Kept:
    use = field if field in ("logo", "banner") else "picture" if medium.is_picture else "document"
    smallest = medium.sizes[0] if medium.sizes else medium
    return Kept(
        medium.digest[:DIGITS_SHOWN],
        use,
        medium.alt,
        medium.credit,
        medium.licence,
        address(smallest.digest),
        smallest.width,
        smallest.height,
        bytes_in_words(reading, medium.bytes),
        reading.is_here(smallest.digest),
        medium.is_picture,
    )
