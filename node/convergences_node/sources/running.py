# SPDX-License-Identifier: AGPL-3.0-or-later
"""One run of a source: bring it, hold it up against last time, import what changed, see to what disappeared.

Nothing is written before what came has been held up: a source that is suddenly cut, empty, in another format, or of
which more than the declared share has disappeared, is *held back* whole until a person has looked
(`convergences source run NAME --accept`) or it is itself again. What is byte for byte what was imported last time is
not read at all.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from convergences_protocol.errors import ConvergencesError, Fault
from msgspec.structs import replace

from convergences_node.faults import Conflict, fault_to_json
from convergences_node.imports.importer import Import
from convergences_node.imports.mapping import Mapping
from convergences_node.imports.titles import keep_titles
from convergences_node.imports.verb import desk_of, themes_of

from .bringing import Brought, bring, declared_digest, digest, incoming, read_as
from .declaration import PAIR, Declaration
from .ending import Vanished, endings, vanished
from .fetching import FetchFailed, Validators
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
        "zip_not_a_workbook",
    }
)
"""Faults of a file, not of a row: what follows them was not read, and has not disappeared."""
REFUSED_KEPT_MAX = 50
"""Refused rows remembered with a source's state; the report of the run itself has more."""
DONE = ("imported", "unchanged")

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


async def run_source(
    town: Town, memory: Memory, name: str, declaration: Declaration, asked: Asked, tell: Tell
) -> State:
    """Run one source now, and remember how it went. Raises only what is wrong with this node."""
    before = memory.state(name)
    wait: int | None = None
    try:
        state = await _runner(declaration)(town, memory, name, declaration, asked, before, tell).run()
    except Held as held:
        state = replace(before, outcome="held", reason=fault_to_json(held.fault), failures=0)
    except ConvergencesError as error:
        wrong = error.fault or Fault("source", "source_wrong", {"reason": str(error)[:300]})
        fault, wait = (error.fault, error.wait) if isinstance(error, FetchFailed) else (wrong, None)
        state = replace(before, outcome="failed", reason=fault_to_json(fault), failures=before.failures + 1)
    now, when, zone = town.now(), declaration.when, town.config.http.timezone
    failed = state.outcome == "failed"
    due = next_try(when, name, now, zone, state.failures, wait) if failed else next_due(when, name, now, zone)
    state = replace(state, tried=now, due=due, succeeded=now if state.outcome in DONE else before.succeeded)
    if not asked.dry_run:
        memory.keep_state(name, state)
    return state


class Runner:
    """One run of a source, of whatever sort, under way."""

    def __init__(
        self, town: Town, memory: Memory, name: str, declaration: Declaration, asked: Asked, before: State, tell: Tell
    ) -> None:
        self._town = town
        self._memory = memory
        self._name = name
        self._declaration = declaration
        self._asked = asked
        self._before = before
        self._tell = tell
        self._today = datetime.fromtimestamp(town.now(), UTC).date()

    async def run(self) -> State:
        """Do it, and answer how the source is now. Raises `FetchFailed`, `Held`."""
        raise NotImplementedError

    async def _keep_titles(self, codes: Collection[str], names: dict[str, str] | None = None) -> None:
        """Write down what residents call what records of these codes are from. What the declaration calls the source
        is said where one code is all that it has: of several, it would not tell one from the other."""
        said, title = dict(names or {}), self._declaration.title
        if title and len(codes) == 1:
            said |= dict.fromkeys(codes, title)
        if said and not self._asked.dry_run:
            await asyncio.to_thread(keep_titles, self._town.folder, said)

    def _validators(self, declared: str) -> Validators:
        """What the server is asked with. Bytes that came with another declaration may mean something else now: then
        they are asked for again, as when all is wanted."""
        before = self._before
        same = before.outcome in DONE and before.digest.endswith(declared) and bool(before.digest)
        return Validators(before.etag, before.modified) if same and not self._asked.whole else Validators()

    def _found(self, digest: str, format: str, validators: Validators | None = None) -> State:
        """How the source is once what came has been taken in; unchanged where it is what came last time."""
        same = digest == self._before.digest and not self._asked.whole
        found = replace(
            self._before,
            outcome="unchanged" if same else "imported",
            failures=0,
            reason=None,
            digest=digest,
            format=format,
        )
        return found if validators is None else replace(found, etag=validators.etag, modified=validators.modified)


def _runner(declaration: Declaration) -> type[Runner]:
    """What runs a source of this sort; those that need no mapping are imported when there is one."""
    if declaration.where.node is not None:
        from .from_node import NodeRun

        return NodeRun
    if declaration.where.void is not None:
        from .from_void import VoidRun

        return VoidRun
    if declaration.mapping == PAIR:
        from .from_pair import PairRun

        return PairRun
    return _Run


class _Run(Runner):
    """Of a file, read by a mapping."""

    async def run(self) -> State:
        """Do it, and answer how the source is now. Raises `FetchFailed`, `Held`."""
        folder, before = self._town.folder, self._before
        declared = await asyncio.to_thread(declared_digest, folder, self._declaration)
        with incoming(folder, self._name) as into:
            brought = await bring(self._town, self._declaration, into, self._validators(declared))
            if not brought.new:
                return replace(before, outcome="unchanged", failures=0, reason=None)
            format, mapping = await asyncio.to_thread(
                read_as, folder, self._name, self._declaration, brought, self._today
            )
            told = await asyncio.to_thread(digest, brought.paths, mapping)
            found = self._found(told + declared, format, brought.validators)
            if found.outcome == "unchanged":
                return found
            if before.format not in ("", format) and not self._asked.accept:
                raise Held(Fault("source", "source_other_format", {"before": before.format, "now": format}))
            return await self._import(brought, mapping, found)

    async def _import(self, brought: Brought, mapping: Mapping, found: State) -> State:
        """Look, hold back if need be, write, end what disappeared, remember."""
        town, asked = self._town, self._asked
        desk = desk_of(town, await themes_of(town) if mapping.labels else {})
        with Import(desk, brought.paths, mapping, self._tell, dry_run=asked.dry_run) as run:
            previous = await asyncio.to_thread(self._memory.count, self._name)
            missing = await self._missing(run, previous) if previous else []
            await run.write()
            await self._keep_titles((), mapping.source.titles)
            count = await asyncio.to_thread(lambda: run.survey.count)
            if not count and run.report.rows and not asked.accept:
                raise Held(_because(run, "source_unreadable"))
            gone = await self._end(missing)
            cut = _cut(run)
            if not asked.dry_run and cut is None:
                await asyncio.to_thread(lambda: self._memory.replace_rows(self._name, run.survey.keys()))
            found = replace(
                found, rows=count, report=_report(run), gone=dict(gone), beside=msgspec.to_builtins(run.report.beside)
            )
        return found if cut is None else self._broken_off(found, cut)

    def _broken_off(self, found: State, cut: Fault) -> State:
        """What could be read is here; it is shown, and all of it is read again the next time."""
        found = replace(found, digest="", etag=None, modified=None)
        if self._asked.accept:
            return found
        return replace(found, outcome="held", reason=fault_to_json(cut))

    async def _missing(self, run: Import, previous: int) -> list[list[bytes]]:
        """The rows that have disappeared since last time. Raises `Held` if that is not to be believed."""
        await run.look()
        missing = await asyncio.to_thread(lambda: list(self._missing_pages(run)))
        if self._asked.accept:
            return missing
        if (cut := _cut(run)) is not None:
            raise Held(cut)
        if not run.survey.count:
            raise Held(_because(run, "source_unreadable") if run.report.rows else Fault("source", "source_empty"))
        gone = 0
        for page in missing:
            gone += len(await self._vanished(page))
        standing = previous - sum(map(len, missing)) + gone
        if gone > self._declaration.shrink * standing:
            said = {"before": standing, "gone": gone, "percent": round(self._declaration.shrink * 100)}
            raise Held(Fault("source", "source_shrunk", said))
        return missing

    def _missing_pages(self, run: Import) -> Iterator[list[bytes]]:
        for page in self._memory.pages(self._name):
            if missing := run.survey.lacks(page):
                yield missing

    async def _vanished(self, page: list[bytes]) -> list[Vanished]:
        now = self._town.now()
        return await self._town.archive.read(lambda reader: vanished(reader, page, now))

    async def _end(self, missing: list[list[bytes]]) -> Counter[str]:
        """End what disappeared; what somebody edits in this very moment is left as it is."""
        done: Counter[str] = Counter()
        for page in missing:
            records = endings(await self._vanished(page), self._declaration.gone, self._today, done)
            if records and not self._asked.dry_run:
                try:
                    await self._town.archive.append(records)
                except Conflict as conflict:
                    log.warning("source %s: what disappeared could not all be ended: %s", self._name, conflict)
        return done


def _report(run: Import) -> dict[str, Any]:
    """The counts, and the first rows that were refused."""
    report = run.told()
    return report | {name: report[name][:REFUSED_KEPT_MAX] for name in ("refused", "left_out")}


def _cut(run: Import) -> Fault | None:
    """That a file was not read to its end, and why; or None."""
    code = next((code for code in run.report.codes if code in CUT), None)
    return _because(run, "source_broken_off", code) if code is not None else None


def _because(run: Import, code: str, of: str | None = None) -> Fault:
    """A fault of the whole, with the first refused row as its reason, or the first that was refused for that."""
    told = next((entry for entry in run.report.refused if of in (None, entry["code"])), None)
    why = {"code": told["code"], "at": told["path"], **told["params"]} if told is not None else {}
    return Fault("source", code, why)
