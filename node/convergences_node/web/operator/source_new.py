# SPDX-License-Identifier: AGPL-3.0-or-later
"""Declaring a source from a page: where it is; what it seems to hold, with its first rows; a handful of questions.

Nothing is imported unseen: what is declared is what was shown last, and whoever changes a column sees the rows again.
This file is imported when somebody asks for its pages: what guesses and converts is a megabyte that a node at rest can
do without.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

from aiohttp import web
from convergences_protocol.errors import ConvergencesError
from convergences_protocol.kinds import KINDS

from convergences_node.accounts import Session
from convergences_node.sources.drafting import BY_ADDRESS, PARTS, Draft, Drafts, correctable
from convergences_node.sources.proposing import Decided
from convergences_node.sources.sample import Guess
from convergences_node.sources.words import words as guessing_words
from convergences_node.town import Town
from convergences_node.web import words
from convergences_node.web.cards import Reading
from convergences_node.web.operator.drawing import Faults, answer_private, faults_of, go_to
from convergences_node.web.operator.log_in import operating_of, session_of
from convergences_node.web.operator.source_rows import Preview, preview_of
from convergences_node.web.operator.sources_page import SOURCES
from convergences_node.web.operator.uploads import kept_on_the_card, read_upload
from convergences_node.web.pages import reading_of
from convergences_node.web.problems import Problem

NEW = "/operateur/source-nouvelle"
ROWS_SHOWN = 3
SURE, LIKELY = 0.8, 0.55
"""Confidence from which a guess is called sure, and likely; below, it wants a look."""
LICENCES = ("etalab-2.0", "ODbL-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC0-1.0")
HOURS = (1, 24, 168)
GONE = ("leave", "end", "withdraw")
PARTS_MAX = max(PARTS.values())
_drafts: WeakKeyDictionary[Town, Drafts] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Line:
    """One field: the column that it would come from, how sure that is, and examples."""

    field: str
    label: str
    columns: tuple[str, ...]
    """As many as may be put together for it, empty where there is none; `BY_ADDRESS` of a commune."""
    fixed: bool
    """What it comes from cannot be chosen."""
    sure: str
    samples: str


def drafts_of(request: web.Request) -> Drafts:
    """The drafts of this node."""
    town = operating_of(request).town
    return _drafts.setdefault(town, Drafts(town))


async def source_new_page(request: web.Request, session: Session) -> web.StreamResponse:
    """Where is it?"""
    return _draw_where(request, session)


def _draw_where(
    request: web.Request, session: Session, faults: Faults | None = None, url: str = ""
) -> web.StreamResponse:
    is_near = "url" in (faults or {}) and "source_private" in (faults or {})
    shown = {name: text for name, text in (faults or {}).items() if name != "source_private"}
    values = {"session": session, "url": url, "is_near": is_near}
    return answer_private(request, "operator_source_new.html", values, faults=shown)


async def source_new_address(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """At an address: fetched, and looked at."""
    url, messages = fields.get("url", "").strip(), reading_of(request).messages
    try:
        draft = await drafts_of(request).of_address(url, private="private" in fields)
    except ConvergencesError as error:
        faults = dict(faults_of(error, messages, "url"))
        if error.fault is not None and error.fault.code == "source_private":
            faults["source_private"] = ""
        return _draw_where(request, session, faults, url)
    return go_to(request, f"{NEW}/{draft.id}")


async def source_new_file(request: web.Request) -> web.StreamResponse:
    """A file of the person's own machine; a form of another shape, and so with its own reading of it."""
    session, drafts = await session_of(request), drafts_of(request)
    if session is None:
        raise Problem("form-refused")
    messages = reading_of(request).messages
    try:
        with kept_on_the_card(), drafts.new_file() as local:
            called = await read_upload(request, session.token, local)
            if called is None:
                return _draw_where(request, session, {"file": messages.text("operator.draft.no_file")})
            draft = await drafts.of_file(local, called)
    except ConvergencesError as error:
        return _draw_where(request, session, faults_of(error, messages, "file"))
    return go_to(request, f"{NEW}/{draft.id}")


async def source_draft_page(request: web.Request, session: Session) -> web.StreamResponse:
    """What it seems to hold."""
    draft = drafts_of(request).find(request.match_info["draft"])
    return go_to(request, NEW) if draft is None else await _draw(request, session, draft)


async def source_draft_form(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """Corrected, and shown again; or, as it was shown last, declared."""
    async with drafts_of(request).turn(request.match_info["draft"]):
        return await _corrected_or_declared(request, session, fields)


async def _corrected_or_declared(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    drafts, messages, id = drafts_of(request), reading_of(request).messages, request.match_info["draft"]
    draft = drafts.find(id)
    if draft is None:
        name = drafts.declared_as(id)
        return go_to(request, f"{SOURCES}/{name}" if name else NEW)
    if draft.proposal is not None:
        before = draft.declaration()
        draft = await drafts.correct(draft, fields.get("kind", ""), fields.get("type", ""), _chosen(fields))
        if draft.declaration() != before:
            told = messages.text("operator.draft.corrected")
            return await _draw(request, session, draft, fields=fields, told=told)
    if fields.get("act") != "add":
        return await _draw(request, session, draft, fields=fields)
    return await _declare(request, session, draft, fields)


def _chosen(fields: dict[str, str]) -> dict[str, list[str]]:
    """The columns chosen for each field of the form, without what is none: `champ.address`, `champ.address.2`."""
    found: dict[str, list[str]] = {}
    for key in (key for key in fields if key.startswith("champ.") and key.count(".") == 1):
        parts = (fields.get(f"{key}.{number}" if number > 1 else key, "") for number in range(1, PARTS_MAX + 1))
        found[key.removeprefix("champ.")] = list(dict.fromkeys(filter(None, parts)))
    return found


async def _declare(request: web.Request, session: Session, draft: Draft, fields: dict[str, str]) -> web.StreamResponse:
    messages, name = reading_of(request).messages, fields.get("name", "").strip()
    if "seen" not in fields:
        faults = {"seen": messages.text("operator.draft.unseen")}
        return await _draw(request, session, draft, fields=fields, faults=faults)
    hours = int(fields["hours"]) if fields.get("hours", "") in map(str, HOURS) else HOURS[1]
    licence = fields.get("licence") if fields.get("licence") in LICENCES else None
    decided = Decided(licence, fields["gone"] if fields.get("gone") in GONE else GONE[0], hours)
    perform, drafts = operating_of(request).perform, drafts_of(request)
    try:
        known = {each["name"] for each in (await perform("source_list", {}))["sources"]}
        if name in known:
            faults = {"name": messages.text("operator.draft.taken", name=name)}
            return await _draw(request, session, draft, fields=fields, faults=faults)
        await perform("source_preview", {"name": name, "text": draft.declaration(), "rows": 1})
        with kept_on_the_card():
            draft = drafts.settle(draft, name)
            await perform("source_add", {"name": name, "text": draft.declaration(decided)})
        drafts.declared(draft)
    except ConvergencesError as error:
        return await _draw(request, session, draft, fields=fields, faults=faults_of(error, messages, "name"))
    return go_to(request, f"{SOURCES}/{name}")


async def _draw(
    request: web.Request,
    session: Session,
    draft: Draft,
    *,
    fields: dict[str, str] | None = None,
    faults: Faults | None = None,
    told: str = "",
) -> web.StreamResponse:
    reading, given = reading_of(request), fields or {}
    preview: Preview | None = None
    try:
        asked = {"name": draft.name, "text": draft.declaration(), "rows": ROWS_SHOWN}
        preview = await preview_of(request, await operating_of(request).perform("source_preview", asked))
    except ConvergencesError as error:
        faults = {**faults_of(error, reading.messages), **(faults or {})}
    values = {
        "session": session,
        "draft": draft,
        "told": told,
        "preview": preview,
        "kinds": [(kind, words.kind_label(reading.messages, kind)) for kind in guessing_words()["kind"]],
        "types": _types(reading, draft),
        "lines": _lines(reading, draft),
        "by_address": BY_ADDRESS,
        "columns": sorted({column for row in draft.rows for column in row}),
        "name": given.get("name", draft.name),
        "licence": given.get("licence", ""),
        "licences": LICENCES,
        "hours": given.get("hours", str(HOURS[1])),
        "every": HOURS,
        "gone": given.get("gone", GONE[0]),
        "gones": GONE,
        "from_file": draft.where.file is not None,
    }
    return answer_private(request, "operator_source_draft.html", values, faults=faults)


def _types(reading: Reading, draft: Draft) -> list[tuple[str, str, bool]]:
    """The types that the rows may be of: term, words, whether it is the one."""
    if draft.proposal is None or "type" not in KINDS[draft.proposal.kind].by_name:
        return []
    kind = KINDS[draft.proposal.kind]
    chosen = next((one.column.value for one in draft.proposal.guesses if one.field == "type"), "")
    return [
        (term, words.term_label(reading.messages, kind.name, "type", term), term == chosen)
        for term in kind.by_name["type"].terms
    ]


def _lines(reading: Reading, draft: Draft) -> list[Line]:
    """What was guessed, then what else there might be."""
    if draft.proposal is None:
        return []
    kind, free = draft.proposal.kind, correctable(draft.proposal.kind)
    guessed = {one.field: one for one in draft.proposal.guesses if one.field != "type"}
    found = []
    for name in [*guessed, *(name for name in free if name not in guessed)]:
        guess = guessed.get(name)
        names = guess.column.names if guess else []
        found.append(
            Line(
                field=name,
                label=words.field_label(reading.messages, kind, name),
                columns=_columns(name, guess),
                fixed=name not in free or len(names) > PARTS.get(name, 1),
                sure="" if guess is None else _sure(guess.confidence),
                samples=" · ".join(guess.samples) if guess else "",
            )
        )
    return found


def _columns(name: str, guess: Guess | None) -> tuple[str, ...]:
    """What a field comes from, with room for what may be put to it."""
    names = guess.column.names if guess is not None else []
    if name == "town" and guess is not None and not names:
        names = [BY_ADDRESS]
    return (*names, *[""] * (PARTS.get(name, 1) - len(names)))


def _sure(confidence: float) -> str:
    return "sure" if confidence >= SURE else "likely" if confidence >= LIKELY else "unsure"
