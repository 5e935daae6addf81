# SPDX-License-Identifier: AGPL-3.0-or-later
"""An import: two passes over a file, and between the good rows and the bad ones no influence.

The first pass (`survey.py`) judges every row by itself and says which element each good one is: the one that an earlier
import made of it, or a new one. The second resolves what rows name of each other and of the themes' tree, compares each
with what was imported last time, and authors only what is new or has changed, a batch at a time. What people have
edited, withdrawn or erased here since is left as they left it, and said in the report. A row that has vanished from the
file is left alone: a table may be a part of the whole.

Memory is bounded by the batch, whatever the file. An import that is cut short is finished by importing again.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from convergences_protocol.element import ElementId
from convergences_protocol.errors import Fault

from convergences_node.archive.model import NewRecord
from convergences_node.faults import Conflict
from convergences_node.territories.communes import communes

from .convert import BadRow, Converted, convert
from .decide import Decision, Resolved, changed, decide, implied
from .desk import Desk, Key, Known
from .mapping import Mapping
from .report import Report
from .rows import Dialect, Row, read_rows, sniff
from .survey import Planned, Survey
from .themes import Themes
from .transforms import BadCell, Label, Reference

BATCH_ROWS = 250
"""A batch is one transaction; local appends of people wait for at most that much."""
ATTEMPTS_MAX = 3

Tell = Callable[[dict[str, Any]], None]


async def import_file(desk: Desk, path: Path, mapping: Mapping, tell: Tell, *, dry_run: bool = False) -> dict[str, Any]:
    """Import the file and answer the report. Never raises because of what the file holds."""
    said = mapping.file
    dialect = await asyncio.to_thread(sniff, path, said.format, said.encoding, said.delimiter)
    with Survey() as survey:
        run = _Run(desk, path, dialect, mapping, survey, tell, dry_run)
        await run.judge()
        await run.write()
    return run.report.to_json(dry_run=dry_run, dialect=asdict(dialect))


class _Run:
    """One import under way."""

    def __init__(
        self, desk: Desk, path: Path, dialect: Dialect, mapping: Mapping, survey: Survey, tell: Tell, dry_run: bool
    ) -> None:
        self.desk = desk
        self.path = path
        self.dialect = dialect
        self.mapping = mapping
        self.survey = survey
        self.tell = tell
        self.dry_run = dry_run
        self.report = Report()
        self._communes = communes() if mapping.places else None  # held, so that no row reads them again

    # ----------------------------------------------------------------------------------------------------- first pass
    async def judge(self) -> None:
        """Judge every row, and give every good one its element."""
        rows = read_rows(self.path, self.dialect)
        while batch := await asyncio.to_thread(self._judge_batch, rows):
            good = [one for one in batch if isinstance(one, Converted)]
            known = await self.desk.known([row.key for row in good])
            planned: dict[Key, Planned] = {}
            for row in good:
                self._plan(row, known.get(row.key), planned)
            self.survey.add(planned.items())
            self.tell({"what": "check", "done": self.report.rows, "total": None})

    def _judge_batch(self, rows: Iterator[Row]) -> list[Converted | BadRow]:
        """Read and convert a batch; refused rows are reported at once. Empty at the end of the file."""
        batch: list[Converted | BadRow] = []
        for row in islice(rows, BATCH_ROWS):
            self.report.rows += 1
            try:
                batch.append(convert(row, self.mapping))
            except BadRow as error:
                batch.append(error)
                self.report.refuse(row.line, error.faults)
        return batch

    def _plan(self, row: Converted, known: Known | None, planned: dict[Key, Planned]) -> None:
        key = row.key
        taken = planned[key].line if key in planned else self.survey.line_of(key)
        if taken is not None:
            self.report.refuse(row.line, [Fault("row", "row_taken", {"line": taken})])
        elif known and known.gone:
            self.report.refuse(row.line, [Fault("row", f"row_{known.gone}")])
        else:
            planned[key] = Planned(row.line, known.element if known else self.desk.new_id())

    # ---------------------------------------------------------------------------------------------------- second pass
    async def write(self) -> None:
        """Author what is new or has changed."""
        themes = Themes(self.desk, await self.desk.themes())
        rows = read_rows(self.path, self.dialect)
        done = 0
        while batch := await asyncio.to_thread(self._good_batch, rows):
            await self._write_batch([one for one in batch if one is not None], themes)
            done += len(batch)
            self.tell({"what": "import", "done": done, "total": self.report.rows})
        self.report.themes = themes.created

    def _good_batch(self, rows: Iterator[Row]) -> list[tuple[Converted, ElementId] | None]:
        """The next rows: those that the first pass let through, and None for the others, which have been reported."""
        return [self._good(row) for row in islice(rows, BATCH_ROWS)]

    def _good(self, row: Row) -> tuple[Converted, ElementId] | None:
        try:
            converted = convert(row, self.mapping)
        except BadRow:
            return None
        planned = self.survey.find(converted.key)
        return (converted, planned.element) if planned is not None and planned.line == row.line else None

    async def _write_batch(self, good: Sequence[tuple[Converted, ElementId]], themes: Themes) -> None:
        """Author one batch; if somebody edits one of its elements meanwhile, look again and try again."""
        resolved = await self._resolve(good, themes)
        # Their ids are in the rows by now: they are authored before them, in the same append.
        new_themes = themes.take_new()
        for attempt in range(1, ATTEMPTS_MAX + 1):
            known = await self.desk.known([key for one in resolved for key in one.remembered()])
            edited = await self.desk.edited(changed(resolved, known))
            decision = decide(resolved, known, edited)
            try:
                await self._append([*new_themes, *decision.records])
                break
            except Conflict:
                if attempt == ATTEMPTS_MAX:
                    raise
        self._count(decision)

    async def _append(self, records: list[NewRecord]) -> None:
        if records and not self.dry_run:
            await self.desk.append(records)

    async def _resolve(self, good: Sequence[tuple[Converted, ElementId]], themes: Themes) -> list[Resolved]:
        """The rows with everything they name found; those that name what is not there are refused."""
        others = await self._others([row for row, _ in good])
        resolved: list[Resolved] = []
        for row, element in good:
            try:
                fields = self._fields(row, themes, others)
                resolved.append(Resolved(row, element, fields, implied(row, element, others)))
                self.report.leave_out(row.line, row.left_out)
            except BadRow as error:
                self.report.refuse(row.line, error.faults)
        return resolved

    async def _others(self, rows: Sequence[Converted]) -> dict[Key, ElementId]:
        """The elements that these rows name: in this file, or imported before."""
        keys = {(one.source, one.source_id) for row in rows for one in row.references()}
        found = {key: planned.element for key in keys if (planned := self.survey.find(key)) is not None}
        known = await self.desk.known(sorted(keys - found.keys()))
        return found | {key: one.element for key, one in known.items() if not one.gone}

    def _fields(self, row: Converted, themes: Themes, others: dict[Key, ElementId]) -> dict[str, Any]:
        """The row's fields with everything it names found. Raises `BadRow`."""
        fields: dict[str, Any] = {}
        faults: list[Fault] = []
        for name, value in row.fields.items():
            try:
                found = [one for item in _as_list(value) for one in self._found(row, name, item, themes, others)]
            except BadCell as error:
                faults.append(error.at(name))
                continue
            if isinstance(value, list) and row.kind.by_name[name].many:
                found = list(dict.fromkeys(found))
            if found or not _is_open(value):
                fields[name] = found if isinstance(value, list) else found[0]
        if faults:
            raise BadRow(faults)
        return fields

    def _found(self, row: Converted, name: str, item: Any, themes: Themes, others: dict[Key, ElementId]) -> list[Any]:
        column = row.columns.get(name)
        if isinstance(item, Label):
            assert column is not None, "only a column gives labels"
            return list(themes.find(item.text, column))
        if not isinstance(item, Reference):
            return [item]
        element = others.get((item.source, item.source_id))
        if element is None and column is not None and column.unknown != "leave_out":
            raise BadCell("row_unknown", given=str(item))
        return [str(element)] if element else []

    def _count(self, decision: Decision) -> None:
        self.report.created += decision.created
        self.report.changed += decision.changed
        self.report.unchanged += decision.unchanged
        self.report.relations += decision.relations
        for line, problem in decision.refused:
            self.report.refuse(line, [problem])


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_open(value: Any) -> bool:
    return any(isinstance(item, Label | Reference) for item in _as_list(value))
