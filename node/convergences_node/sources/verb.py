# SPDX-License-Identifier: AGPL-3.0-or-later
"""The verbs about sources: add, preview, run, list, status. Parameters and answers: `verbs.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from convergences_protocol.errors import LocalError, RemoteError

from convergences_node.doing import may_write
from convergences_node.fault_sentences import fault_sentence
from convergences_node.faults import NotFound, fault_from_json, fault_to_json
from convergences_node.imports.convert import BadRow, Converter
from convergences_node.imports.known import known_formats
from convergences_node.imports.rows import Row, read_rows, sniff
from convergences_node.imports.transforms import Label, Reference
from convergences_node.territories.communes import communes

from .comparing import differences
from .declaration import Declaration, Where, declared, load, parse, path_of
from .fetching import FetchFailed, Validators
from .guessing import ROWS_MAX, Proposal, guess
from .keeper import turn
from .memory import Memory, State
from .proposing import declaration_text
from .running import Asked, bring, incoming, read_as, run_source

if TYPE_CHECKING:
    from convergences_node.town import Town
    from convergences_node.verbs import (
        Json,
        SourceAdd,
        SourceList,
        SourcePreview,
        SourceRemove,
        SourceRun,
        SourceStatus,
        Tell,
    )

SHOWN_MAX = 50
PREVIEW = "preview"


async def add(town: Town, params: SourceAdd, tell: Tell) -> Json:
    """See `verbs.SourceAdd`."""
    may_write(town)
    path = path_of(town.folder, params.name)
    found = parse(params.text.encode(), params.name)
    if found.proposed:
        raise LocalError(
            f"the mapping of {params.name} was guessed, and nobody has said that it is right",
            hint="look at each line, mend it, and take `proposed = true` away",
        )
    if path.exists() and not params.replace:
        raise LocalError(f"a source {params.name} is declared here already", hint="--replace declares it anew")
    if found.actor is not None:
        await town.index.catch_up()
    if found.actor is not None and await town.index.element(found.actor) is None:
        raise NotFound(f"no element {found.actor} is known here", hint="convergences search shows ids")
    await asyncio.to_thread(_write, path, params.text)
    return {"name": params.name, "file": str(path), **_declared(found)}


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


async def remove(town: Town, params: SourceRemove, tell: Tell) -> Json:
    """See `verbs.SourceRemove`."""
    path = path_of(town.folder, params.name)
    load(town.folder, params.name)
    async with turn(town):
        path.unlink()
        with Memory(town.folder) as memory:
            memory.forget(params.name)
    return {"name": params.name}


async def run(town: Town, params: SourceRun, tell: Tell) -> Json:
    """See `verbs.SourceRun`."""
    may_write(town)
    names = [params.name] if params.name is not None else list(declared(town.folder))
    asked = Asked(params.accept, params.whole, params.dry_run)
    results = []
    async with turn(town):
        with Memory(town.folder) as memory:
            for name in names:
                found = load(town.folder, name)
                state = await run_source(town, memory, name, found, asked, tell)
                results.append(_told(name, found, state))
    return {"sources": results}


async def list_sources(town: Town, params: SourceList, tell: Tell) -> Json:
    """See `verbs.SourceList`."""
    return {"sources": await asyncio.to_thread(lambda: list(_all(town.folder)))}


def _all(folder: Path) -> Iterator[dict[str, Json]]:
    names = list(declared(folder))
    if not names:
        return
    with Memory(folder) as memory:
        for name in names:
            state = memory.state(name)
            try:
                yield _told(name, load(folder, name), state)
            except LocalError as error:
                yield {
                    "name": name,
                    "outcome": "failed",
                    "sentence": {"fr": str(error), "en": str(error)},
                    "due": state.due,
                }


async def status(town: Town, params: SourceStatus, tell: Tell) -> Json:
    """See `verbs.SourceStatus`."""
    found = load(town.folder, params.name)
    with Memory(town.folder) as memory:
        state = memory.state(params.name)
    return {
        **_told(params.name, found, state),
        "report": state.report,
        "edited": await differences(town, state.beside),
    }


def _told(name: str, found: Declaration, state: State) -> dict[str, Json]:
    """A source in one line: what it is, how it went, why it is held back, when it is due."""
    reason = {key: value for key, value in (state.reason or {}).items() if key != "wait"}
    counts = {key: value for key, value in state.report.items() if type(value) is int}
    return {
        "name": name,
        **_declared(found),
        "outcome": "proposed" if found.proposed else state.outcome,
        "reason": reason or None,
        "sentence": {lang: fault_sentence(fault_from_json(reason), lang) for lang in ("fr", "en")} if reason else None,
        "tried": _time(state.tried),
        "succeeded": _time(state.succeeded),
        "due": _time(state.due),
        "failures": state.failures,
        "rows": state.rows,
        "counts": counts,
        "gone_done": state.gone,
        "edited_count": len(state.beside),
    }


def _declared(found: Declaration) -> dict[str, Json]:
    where = found.where
    return {
        "where": where.url or where.file or where.folder,
        "when": {"hours": found.when.hours} if found.when.at is None else {"at": found.when.at},
        "licence": found.licence,
        "actor": found.actor,
        "gone": found.gone,
        "shrink": found.shrink,
    }


def _time(seconds: int) -> str | None:
    return (
        datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if seconds else None
    )


# ------------------------------------------------------------------------------------------------------------- preview
async def preview(town: Town, params: SourcePreview, tell: Tell) -> Json:
    """See `verbs.SourcePreview`."""
    name, found = _meant(town, params)
    rows_max = max(1, min(params.rows, SHOWN_MAX))
    today = datetime.fromtimestamp(town.now(), UTC).date()
    with incoming(town.folder, PREVIEW) as into:
        try:
            brought = await bring(town, found, into, Validators())
        except FetchFailed as failed:
            raise RemoteError(fault_sentence(failed.fault, "en")) from None
        said = found.tables.get("file", {})
        dialect = await asyncio.to_thread(sniff, brought.paths[0], said.get("format"))
        mapped = "element" in found.tables or found.mapping is not None or dialect.format in known_formats()
        rows = await asyncio.to_thread(lambda: list(islice(read_rows(brought.paths[0], dialect), ROWS_MAX)))
        good = [row for row in rows if row.fault is None]
        if not mapped and not good:
            raise LocalError("no row of it could be read, so that no mapping can be proposed", hint=_first_fault(rows))
        proposal = None if mapped else await asyncio.to_thread(guess, [row.cells for row in good], name)
        text = declaration_text(_where(found.where), name, proposal, dialect.format)
        if proposal is not None:
            found = parse(text.encode(), name)
        format, mapping = await asyncio.to_thread(read_as, town.folder, name, found, brought, today)
        held = communes() if mapping.places else None
        shown = list(_converted(Converter(mapping), rows[:rows_max]))
        del held
    return {
        "name": name,
        "format": format,
        "rows": len(rows),
        "columns": list(dict.fromkeys(column for row in good for column in row.cells))[:200],
        "guessed": proposal is not None,
        "fields": _guesses(proposal) if proposal is not None else [],
        "elements": shown,
        "declaration": text if params.name is None else None,
    }


def _meant(town: Town, params: SourcePreview) -> tuple[str, Declaration]:
    """A declared source by its name, or an address or a path that nobody has declared yet."""
    if params.name is not None:
        return params.name, load(town.folder, params.name)
    if params.where is None:
        raise LocalError("a preview needs the name of a source, an address or a path")
    is_url = params.where.startswith(("http://", "https://"))
    path = Path(params.where)
    where = (
        Where(url=params.where, private=params.private)
        if is_url
        else Where(folder=params.where)
        if path.is_dir()
        else Where(file=params.where)
    )
    return path.stem[:60] or "source", Declaration(where=where)


def _where(where: Where) -> dict[str, Any]:
    defaults = Where()
    names = Where.__struct_fields__
    return {name: value for name in names if (value := getattr(where, name)) != getattr(defaults, name)}


def _first_fault(rows: list[Row]) -> str | None:
    fault = next((row.fault for row in rows if row.fault is not None), None)
    return fault_sentence(fault, "en") if fault is not None else None


def _guesses(proposal: Proposal) -> list[dict[str, Json]]:
    identity = {"field": "id", "columns": proposal.id, "confidence": proposal.id_confidence, "samples": []}
    return [
        identity,
        *(
            {
                "field": one.field,
                "columns": one.column.names,
                "value": one.column.value,
                "transform": one.column.transform,
                "confidence": one.confidence,
                "samples": list(one.samples),
            }
            for one in proposal.guesses
        ),
    ]


def _converted(converter: Converter, rows: list[Row]) -> Iterator[dict[str, Json]]:
    """The first rows as they would be; what is refused, with the reason."""
    for row in rows:
        try:
            one = converter.convert(row)
            left_out = [fault_to_json(fault) for fault in one.left_out]
            fields = {name: _plain(value) for name, value in one.fields.items()}
            yield {"line": row.line, "kind": one.kind.name, "fields": fields, "left_out": left_out}
        except BadRow as error:
            yield {"line": row.line, "refused": [fault_to_json(fault) for fault in error.faults]}


def _plain(value: Any) -> Any:
    """Names of themes and of other rows as words: they are looked up when it is imported."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, Label):
        return value.text
    return str(value) if isinstance(value, Reference) else msgspec.to_builtins(value)
