# SPDX-License-Identifier: AGPL-3.0-or-later
"""The verbs about sources but for `preview`. Parameters and answers: `params.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from convergences_protocol.errors import Fault, LocalError

from convergences_node.doing import may_write
from convergences_node.fault_sentences import fault_sentence, said_in
from convergences_node.faults import NotFound, fault_from_json

from .comparing import differences
from .declaration import Declaration, declared, is_stopped, load, parse, path_of, set_stopped
from .keeper import turn
from .memory import Memory, State
from .running import Asked, run_source

if TYPE_CHECKING:
    from convergences_node.params import Json, Tell
    from convergences_node.sources.params import (
        SourceAdd,
        SourceList,
        SourceRemove,
        SourceRun,
        SourceStatus,
        SourceStop,
    )
    from convergences_node.town import Town


async def add(town: Town, params: SourceAdd, tell: Tell) -> Json:
    """See `params.SourceAdd`."""
    may_write(town)
    path = path_of(town.folder, params.name)
    found = parse(params.text.encode(), params.name)
    if found.proposed:
        raise LocalError(
            f"the mapping of {params.name} was guessed, and nobody has said that it is right",
            hint="look at each line, mend it, and take `proposed = true` away",
            fault=Fault("", "source_proposed", {"name": params.name}),
        )
    if path.exists() and not params.replace:
        raise LocalError(
            f"a source {params.name} is declared here already",
            hint="--replace declares it anew",
            fault=Fault("name", "source_declared", {"name": params.name}),
        )
    if found.actor is not None:
        await town.index.catch_up()
    if found.actor is not None and await town.index.element(found.actor) is None:
        raise NotFound(
            f"no element {found.actor} is known here",
            hint="convergences search shows ids",
            fault=Fault("actor", "element_unknown", {"id": found.actor}),
        )
    await asyncio.to_thread(_write, path, params.text)
    return {"name": params.name, "file": str(path), **_declared(found)}


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    path.parent.mkdir(mode=0o700, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


async def remove(town: Town, params: SourceRemove, tell: Tell) -> Json:
    """See `params.SourceRemove`."""
    path = path_of(town.folder, params.name)
    load(town.folder, params.name)
    async with turn(town):
        path.unlink()
        set_stopped(town.folder, params.name, False)
        with Memory(town.folder) as memory:
            memory.forget(params.name)
    return {"name": params.name}


async def stop(town: Town, params: SourceStop, tell: Tell) -> Json:
    """See `params.SourceStop`."""
    load(town.folder, params.name)
    async with turn(town):
        set_stopped(town.folder, params.name, not params.resume)
    return {"name": params.name, "state": "resumed" if params.resume else "stopped"}


async def run(town: Town, params: SourceRun, tell: Tell) -> Json:
    """See `params.SourceRun`."""
    may_write(town)
    names = [params.name] if params.name is not None else list(declared(town.folder))
    if params.name is not None and is_stopped(town.folder, params.name):
        raise LocalError(
            f"the source {params.name} is stopped",
            hint=f"convergences source stop {params.name} --resume",
            fault=Fault("name", "source_is_stopped", {"name": params.name}),
        )
    names = [name for name in names if not is_stopped(town.folder, name)]
    asked = Asked(params.accept, params.whole, params.dry_run)
    results = []
    async with turn(town):
        with Memory(town.folder) as memory:
            for name in names:
                found = load(town.folder, name)
                state = await run_source(town, memory, name, found, asked, tell)
                results.append(_told(town.folder, name, found, state))
    return {"sources": results}


async def list_sources(town: Town, params: SourceList, tell: Tell) -> Json:
    """See `params.SourceList`."""
    return {"sources": await asyncio.to_thread(lambda: list(_all(town.folder)))}


def _all(folder: Path) -> Iterator[dict[str, Json]]:
    names = list(declared(folder))
    if not names:
        return
    with Memory(folder) as memory:
        for name in names:
            state = memory.state(name)
            try:
                yield _told(folder, name, load(folder, name), state)
            except LocalError as error:
                yield {
                    "name": name,
                    "outcome": "failed",
                    "sentence": {lang: said_in(error, lang) for lang in ("fr", "en")},
                    "due": _time(state.due),
                }


async def status(town: Town, params: SourceStatus, tell: Tell) -> Json:
    """See `params.SourceStatus`."""
    found = load(town.folder, params.name)
    with Memory(town.folder) as memory:
        state = memory.state(params.name)
    return {
        **_told(town.folder, params.name, found, state),
        "report": state.report,
        "edited": await differences(town, state.beside),
    }


def _told(folder: Path, name: str, found: Declaration, state: State) -> dict[str, Json]:
    """A source in one line: what it is, how it went, why it is held back, when it is due."""
    reason = state.reason
    counts = {key: value for key, value in state.report.items() if type(value) is int}
    return {
        "name": name,
        **_declared(found),
        "outcome": _outcome(folder, name, found, state),
        "reason": reason,
        "sentence": {lang: fault_sentence(fault_from_json(reason), lang) for lang in ("fr", "en")} if reason else None,
        "tried": _time(state.tried),
        "succeeded": _time(state.succeeded),
        "due": _time(state.due),
        "failures": state.failures,
        "rows": state.rows,
        "counts": counts,
        "gone_done": state.gone,
        "edited_count": len(state.beside),
        "refused": _refused(state),
    }


def _refused(state: State) -> int:
    """Rows of the last import that were refused for what they say, and not because people have edited what they name:
    those are shown by themselves."""
    edited = state.report.get("edited", state.beside)
    return max(0, int(state.report.get("refused_count", 0)) - len(edited))


def _outcome(folder: Path, name: str, found: Declaration, state: State) -> str:
    if is_stopped(folder, name):
        return "stopped"
    return "proposed" if found.proposed else state.outcome


def _declared(found: Declaration) -> dict[str, Json]:
    where = found.where
    return {
        "where": where.url or where.file or where.folder or where.node or where.void,
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
