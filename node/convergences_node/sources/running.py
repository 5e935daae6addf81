# SPDX-License-Identifier: AGPL-3.0-or-later
"""One run of a source: bring it, hold it up against last time, import what changed, see to what disappeared.

Nothing is written before what came has been held up: a source that is suddenly cut, empty, in another format, or of
which more than the declared share has disappeared, is *held back* whole until a person has looked
(`convergences source run NAME --accept`) or it is itself again. What is byte for byte what was imported last time is
not read at all.
"""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from convergences_protocol.errors import ConvergencesError, Fault, LocalError
from msgspec.structs import replace

from convergences_node.faults import Conflict, fault_to_json
from convergences_node.imports.importer import Import
from convergences_node.imports.mapping import MAPPING_BYTES_MAX, Mapping
from convergences_node.imports.rows import sniff
from convergences_node.imports.text import SAMPLE_BYTES, detect_encoding
from convergences_node.imports.verb import TownDesk, themes_of

from .declaration import KNOWN, Declaration, mapping_of, paths_of, sources_folder
from .ending import Vanished, endings, vanished
from .fetching import Bounds, FetchFailed, Validators, fetch
from .memory import Memory, State
from .schedule import next_due, next_try

if TYPE_CHECKING:
    from convergences_node.town import Town

log = logging.getLogger(__name__)

CUT = frozenset(
    {
        "json_cut",
        "json_broken",
        "reader_stopped",
        "xml_broken",
        "xml_entities",
        "sheet_broken",
        "sheet_locked",
        "sheet_too_large",
        "sheet_unknown",
        "file_too_large",
        "zip_too_large",
    }
)
"""Faults of a file, not of a row: what follows them was not read, and has not disappeared."""
REFUSED_KEPT_MAX = 50
"""Refused rows remembered with a source's state; the report of the run itself has more."""
DIGEST_BYTES = 1 << 20

Tell = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """How a run was asked for. `accept`: a person has looked; `whole`: also if nothing has changed there."""

    accept: bool = False
    whole: bool = False
    dry_run: bool = False


class Held(Exception):  # noqa: N818 - what is done with what came
    """What came is held back, for this reason."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


@dataclass(slots=True)
class Brought:
    """What came: its files, and what tells it again. `new` is false where the server said that nothing has changed."""

    paths: list[Path]
    new: bool = True
    validators: Validators = field(default_factory=Validators)
    charset: str | None = None


async def run_source(
    town: Town, memory: Memory, name: str, declaration: Declaration, asked: Asked, tell: Tell
) -> State:
    """Run one source now, and remember how it went. Raises only what is wrong with this node."""
    before = memory.state(name)
    now = town.now()
    try:
        state = await _run(town, memory, name, declaration, asked, before, tell)
    except (FetchFailed, Held) as problem:
        state = _problem(before, problem)
    except ConvergencesError as error:
        log.warning("source %s: %s", name, error)
        state = _problem(before, FetchFailed(Fault("source", "source_wrong", {"reason": str(error)[:300]})))
    when, zone = declaration.when, town.config.http.timezone
    if state.outcome == "failed":
        wait = state.reason.pop("wait", None) if state.reason else None
        due = next_try(when, name, now, zone, state.failures, wait)
    else:
        due = next_due(when, name, now, zone)
    state = replace(
        state, tried=now, due=due, succeeded=now if state.outcome in ("imported", "unchanged") else before.succeeded
    )
    if not asked.dry_run:
        memory.keep_state(name, state)
    return state


def _problem(before: State, problem: FetchFailed | Held) -> State:
    reason = fault_to_json(problem.fault)
    if isinstance(problem, Held):
        return replace(before, outcome="held", reason=reason, failures=0)
    return replace(
        before,
        outcome="failed",
        reason=reason | ({"wait": problem.wait} if problem.wait is not None else {}),
        failures=before.failures + 1,
    )


async def _run(
    town: Town, memory: Memory, name: str, declaration: Declaration, asked: Asked, before: State, tell: Tell
) -> State:
    today = datetime.fromtimestamp(town.now(), UTC).date()
    with incoming(town.folder, name) as into:
        known = Validators(before.etag, before.modified)
        # Bytes that came with another declaration may mean something else now: then they are asked for again.
        sure = before.outcome in ("imported", "unchanged") and not asked.whole and before.digest
        brought = await bring(town, declaration, into, known if sure else Validators())
        declared = await asyncio.to_thread(_declared_digest, town.folder, declaration)
        if not brought.new and before.digest.endswith(declared):
            return replace(before, outcome="unchanged", failures=0, reason=None)
        if not brought.new:
            brought = await bring(town, declaration, into, Validators())
        format, mapping = await asyncio.to_thread(read_as, town.folder, name, declaration, brought, today)
        digest = await asyncio.to_thread(_digest, brought.paths, mapping) + declared
        found = replace(
            before,
            failures=0,
            reason=None,
            etag=brought.validators.etag,
            modified=brought.validators.modified,
        )
        if digest == before.digest and not asked.whole:
            return replace(found, outcome="unchanged")
        if before.format not in ("", format) and not asked.accept:
            raise Held(Fault("source", "source_other_format", {"before": before.format, "now": format}))
        return await _import(
            town,
            memory,
            name,
            declaration,
            asked,
            (brought, mapping, today),
            replace(found, outcome="imported", digest=digest, format=format),
            tell,
        )


async def _import(
    town: Town,
    memory: Memory,
    name: str,
    declaration: Declaration,
    asked: Asked,
    what: tuple[Brought, Mapping, date],
    state: State,
    tell: Tell,
) -> State:
    """Look, hold back if need be, write, end what disappeared, remember."""
    brought, mapping, today = what
    desk = TownDesk(town.archive, town.config.node.territory, await themes_of(town))
    previous = await asyncio.to_thread(memory.count, name)
    with Import(desk, brought.paths, mapping, tell, dry_run=asked.dry_run) as run:
        missing: list[list[bytes]] = []
        if previous:
            await run.look()
            missing = await _hold_up(town, memory, name, run, previous, 1.0 if asked.accept else declaration.shrink)
        await run.write()
        count = await asyncio.to_thread(lambda: run.survey.count)
        cut = _cut(run)
        if not count and (run.report.rows or previous) and not asked.accept:
            raise Held(Fault("source", "source_unreadable" if run.report.rows else "source_empty"))
        done = await _end(town, missing, declaration.gone, today, asked.dry_run)
        if not asked.dry_run and not cut:
            await asyncio.to_thread(lambda: memory.replace_rows(name, run.survey.keys()))
        report = run.told()
        report["refused"] = report["refused"][:REFUSED_KEPT_MAX]
        report["left_out"] = report["left_out"][:REFUSED_KEPT_MAX]
        broken = cut is not None and not asked.accept
        return replace(
            state,
            outcome="held" if broken else state.outcome,
            reason=fault_to_json(Fault("source", "source_broken_off", {"code": cut})) if broken else None,
            digest="" if cut else state.digest,
            etag=None if cut else state.etag,
            modified=None if cut else state.modified,
            rows=count,
            report=report,
            gone=dict(done),
            beside=_plain(run.report.beside),
        )


async def _hold_up(
    town: Town, memory: Memory, name: str, run: Import, previous: int, shrink: float
) -> list[list[bytes]]:
    """The rows that have disappeared since last time. Raises `Held` if that is not to be believed."""
    believed = shrink >= 1
    if (code := _cut(run)) is not None and not believed:
        raise Held(Fault("source", "source_broken_off", {"code": code}))
    if not run.survey.count and not believed:
        raise Held(Fault("source", "source_unreadable" if run.report.rows else "source_empty"))
    missing = await asyncio.to_thread(lambda: list(_missing(memory, name, run)))
    gone = 0
    for page in missing:
        gone += len(await _vanished(town, page))
    standing = previous - sum(map(len, missing)) + gone
    if gone > shrink * standing and not believed:
        said = {"before": standing, "gone": gone, "percent": round(shrink * 100)}
        raise Held(Fault("source", "source_shrunk", said))
    return missing


def _missing(memory: Memory, name: str, run: Import) -> Iterator[list[bytes]]:
    """The rows of last time that are not there any more, a page at a time."""
    for page in memory.pages(name):
        if missing := run.survey.lacks(page):
            yield missing


async def _vanished(town: Town, page: list[bytes]) -> list[Vanished]:
    now = town.now()
    return await town.archive.read(lambda reader: vanished(reader, page, now))


async def _end(town: Town, missing: list[list[bytes]], how: str, today: date, dry_run: bool) -> Counter[str]:
    """End what disappeared; what somebody edits in this very moment is left for a later run."""
    done: Counter[str] = Counter()
    for page in missing:
        records = endings(await _vanished(town, page), how, today, done)
        if records and not dry_run:
            try:
                await town.archive.append(records)
            except Conflict as conflict:
                log.warning("what disappeared could not all be ended: %s", conflict)
    return done


def _cut(run: Import) -> str | None:
    """The fault that says that a file was not read to its end, or None."""
    return next((code for code in run.report.codes if code in CUT), None)


# ------------------------------------------------------------------------------------------------------- what came
async def bring(town: Town, declaration: Declaration, into: Path, known: Validators) -> Brought:
    """The files of a source: fetched, or where they are. Raises `FetchFailed`."""
    where = declaration.where
    if where.url is None:
        paths = await asyncio.to_thread(paths_of, town.folder, where)
        if not paths:
            raise FetchFailed(Fault("source", "source_nowhere", {"where": str(where.file or where.folder)}))
        if sum(path.stat().st_size for path in paths) > where.bytes_max:
            raise FetchFailed(Fault("source", "source_large", {"limit": where.bytes_max}))
        return Brought(paths)
    contact = town.config.http.public_url
    fetched = await fetch(where.url, into, Bounds(where.bytes_max), private=where.private, known=known, contact=contact)
    return Brought([into], fetched.new, fetched.validators, fetched.charset)


def read_as(folder: Path, name: str, declaration: Declaration, brought: Brought, today: date) -> tuple[str, Mapping]:
    """The format of what came, and the mapping to read it by."""
    first = brought.paths[0]
    said = declaration.tables.get("file", {})
    try:
        format = sniff(first, said.get("format")).format
    except LocalError as error:
        raise FetchFailed(Fault("source", "source_wrong", {"reason": str(error)[:300]})) from None
    mapping = mapping_of(folder, name, declaration, format, today)
    if mapping.file.encoding is None and (charset := _charset(first, brought.charset)):
        mapping = replace(mapping, file=replace(mapping.file, encoding=charset))
    return format, mapping


def _charset(path: Path, said: str | None) -> str | None:
    """The server's word for the encoding, where the bytes themselves do not tell better, and do not contradict it."""
    with path.open("rb") as file:
        sample = file.read(SAMPLE_BYTES)
    if said is None or detect_encoding(sample).startswith("utf"):
        return None
    try:
        codecs.getincrementaldecoder(said)().decode(sample)
    except (LookupError, UnicodeError):
        return None
    return said


@contextmanager
def incoming(folder: Path, name: str) -> Iterator[Path]:
    """Where what is fetched waits to be read; gone afterwards, whatever happened."""
    path = sources_folder(folder) / f".{name}.incoming"
    path.parent.mkdir(exist_ok=True)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _digest(paths: list[Path], mapping: Mapping) -> str:
    """Of the bytes, and of the mapping by which they are read; the day does not matter."""
    whole = sha256(msgspec.json.encode(replace(mapping, source=replace(mapping.source, fetched=None))))
    for path in paths:
        of = sha256()
        with path.open("rb") as file:
            while chunk := file.read(DIGEST_BYTES):
                of.update(chunk)
        whole.update(of.digest())
    return whole.hexdigest()[:40]


def _declared_digest(folder: Path, declaration: Declaration) -> str:
    """Of what is declared, and of the program: a newer one may read the same bytes better."""
    of = sha256(msgspec.json.encode(declaration) + version("convergences").encode())
    if declaration.mapping not in (None, KNOWN):
        with contextlib.suppress(OSError):
            of.update((sources_folder(folder) / str(declaration.mapping)).read_bytes()[:MAPPING_BYTES_MAX])
    return of.hexdigest()[:24]


def _plain(beside: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """As JSON can say it."""
    plain: dict[str, dict[str, Any]] = msgspec.to_builtins(beside)
    return plain
