# SPDX-License-Identifier: AGPL-3.0-or-later
"""An import: one or two passes over a file, and between the good rows and the bad ones no influence.

The first pass (`survey.py`) finds which rows there are. It is made for those who must know before anything is written,
and where rows may name each other: then it judges every row by itself, and says which element each good one is. The
second resolves what rows name of each other and of the themes' tree, compares each with what was imported last time,
and authors only what is new or has changed, a batch at a time. What people have edited, withdrawn or erased here since
is left as they left it, and said in the report. A row that has vanished from the file is left alone: a table may be a
part of the whole (a declared source says more: `sources/`).

Memory is bounded by two batches, whatever the file: one is being written while the next is read. An import that is cut
short is finished by importing again.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from collections.abc import Mapping as Map
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any, Self

from convergences_protocol.element import ElementId
from convergences_protocol.errors import Fault

from convergences_node.archive.beside import source_key
from convergences_node.archive.model import NewRecord
from convergences_node.faults import Conflict
from convergences_node.territories.communes import communes

from .convert import BadRow, Converted, Converter
from .decide import Decision, Resolved, changed, decide, implied, relation_id
from .desk import Desk, Key
from .mapping import Mapping
from .report import FILE_LINES_MAX, Report
from .resolving import resolve
from .rows import Dialect, Row, read_rows, sniff
from .survey import Planned, Survey
from .themes import Themes

BATCH_ROWS = 500
"""A batch is one transaction; local appends of people wait for at most that much."""
ATTEMPTS_MAX = 3

Tell = Callable[[dict[str, Any]], None]


class Import:
    """One import under way: of one file, or of several that are one table. `look` if need be, then `write`."""

    def __init__(
        self,
        desk: Desk,
        paths: Sequence[Path],
        mapping: Mapping,
        tell: Tell,
        *,
        dry_run: bool = False,
        only: Collection[bytes] | None = None,
    ) -> None:
        """`only`: the digests of the rows to import, the first of each; the others are passed over unjudged."""
        self.survey = Survey()
        self.report = Report([path.name for path in paths])
        self.dialects: list[Dialect] = []
        self.themes: Themes | None = None
        """Once it has written: the themes that its rows named."""
        self.kept: set[bytes] = set()
        """Digests of the rows that were refused for what people have done here."""
        self._only = only
        self._desk = desk
        self._paths = paths
        self._mapping = mapping
        self._converter = Converter(mapping)
        self._tell = tell
        self._dry_run = dry_run
        self._looked = False
        self._communes = communes() if mapping.places else None  # held, so that no row reads them again

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.survey.__exit__()

    def told(self) -> dict[str, Any]:
        """The report, with how the first file was read."""
        return self.report.to_json(dry_run=self._dry_run, dialect=asdict(self.dialects[0]))

    def _rows(self) -> Iterator[Row]:
        """The rows to import."""
        return self._every_row() if self._only is None else self._chosen(self._every_row(), set(self._only))

    def _chosen(self, rows: Iterator[Row], wanted: set[bytes]) -> Iterator[Row]:
        for row in rows:
            if not wanted:
                return
            try:
                digest = source_key(*self._converter.identity(row))
            except BadRow:
                continue
            if digest in wanted:
                wanted.discard(digest)  # a second row of that name is refused, as it was before
                yield row

    def _every_row(self) -> Iterator[Row]:
        """The rows of all the files; the lines of the second file begin far above those of the first."""
        for number, (path, dialect) in enumerate(zip(self._paths, self.dialects, strict=True)):
            if number == 0:
                yield from read_rows(path, dialect)
            else:
                first = number * FILE_LINES_MAX
                yield from (replace(row, line=first + row.line) for row in read_rows(path, dialect))

    def _sniff(self) -> list[Dialect]:
        said = self._mapping.file
        return [
            sniff(path, said.format, said.encoding, said.delimiter, said.sheet, said.timezone) for path in self._paths
        ]

    # ----------------------------------------------------------------------------------------------------- first pass
    async def look(self) -> None:
        """Find which rows there are; judge each, and give each good one its element, if rows may name each other."""
        self.dialects = await asyncio.to_thread(self._sniff)
        rows = self._rows()
        judge = self._judge_whole if self._mapping.refers else self._judge_names
        while await judge(rows):
            self._tell({"what": "check", "done": self.report.rows, "total": None})
        self._looked = True

    async def _judge_names(self, rows: Iterator[Row]) -> int:
        """Which rows there are; what else they say is judged when they are written."""
        count, named = await asyncio.to_thread(self._named_batch, rows)
        await asyncio.to_thread(self.survey.claim, [(key, row.line) for row, key in named])
        return count

    def _named_batch(self, rows: Iterator[Row]) -> tuple[int, list[tuple[Row, Key]]]:
        """How many rows were read, and those that have a name; the others are reported, once."""
        named: list[tuple[Row, Key]] = []
        count = 0
        for row in islice(rows, BATCH_ROWS):
            count += 1
            try:
                named.append((row, self._converter.identity(row)))
            except BadRow as error:
                if not self._looked:
                    self.report.refuse(row.line, error.faults)
        if not self._looked:
            self.report.rows += count
        return count, named

    async def _judge_whole(self, rows: Iterator[Row]) -> int:
        count, good = await asyncio.to_thread(self._whole_batch, rows)
        known = await self._desk.known([row.key for row in good])
        planned: dict[Key, Planned] = {}
        for row in good:
            key, before = row.key, known.get(row.key)
            taken = planned.get(key) or self.survey.find(key)
            if taken is not None and taken.element is not None:
                self.report.refuse(row.line, [Fault("row", "row_taken", self.report.place(taken.line))])
            elif before and before.gone:
                self.report.refuse(row.line, [Fault("row", f"row_{before.gone}")])
                planned[key] = Planned(row.line, None)
            else:
                planned[key] = Planned(row.line, before.element if before else self._desk.new_id())
        self.survey.add(planned.items())
        return count

    def _whole_batch(self, rows: Iterator[Row]) -> tuple[int, list[Converted]]:
        """Read and convert a batch; refused rows are reported at once, and are noted as being there."""
        good: list[Converted] = []
        there: dict[Key, Planned] = {}
        implied_here: list[Key] = []
        count = 0
        for row in islice(rows, BATCH_ROWS):
            count += 1
            try:
                key = self._converter.identity(row)
                there[key] = Planned(row.line, None)
                implied_here += [(key[0], relation_id(key[1], one)) for one in self._converter.relations(row, key[0])]
                good.append(self._converter.convert(row, key))
            except BadRow as error:
                self.report.refuse(row.line, error.faults)
        self.survey.add(there.items())
        self.survey.add_relations(implied_here)
        self.report.rows += count
        return count, good

    # ---------------------------------------------------------------------------------------------------- second pass
    async def write(self) -> None:
        """Author what is new or has changed; a batch is signed and stored while the next one is read."""
        if self._mapping.refers and not self._looked:
            await self.look()
        self.dialects = self.dialects or await asyncio.to_thread(self._sniff)
        self.themes = themes = Themes(self._desk, await self._desk.themes())
        rows = self._rows()
        total = self.report.rows if self._looked else None
        done, writing = 0, asyncio.create_task(_nothing())
        try:
            while (batch := await asyncio.to_thread(self._good_batch, rows))[0]:
                resolved = await self._resolve(batch[1], themes)
                # Their ids are in the rows by now: they are authored before them, in the same append.
                new_themes = themes.take_new()
                await writing
                writing = asyncio.create_task(self._write_batch(resolved, new_themes))
                done += batch[0]
                self._tell({"what": "import", "done": done, "total": total})
        finally:
            await writing
        self.report.themes = themes.created

    def _good_batch(self, rows: Iterator[Row]) -> tuple[int, list[tuple[Converted, ElementId | None]]]:
        """How many rows were read, and those that are good; each of the others is reported by one of the passes."""
        count, named = self._named_batch(rows)
        if self._mapping.refers:
            return count, list(self._judged(named))
        taken = self.survey.claim([(key, row.line) for row, key in named])
        return count, list(self._judged_now(named, taken))

    def _judged(self, named: Sequence[tuple[Row, Key]]) -> Iterator[tuple[Converted, ElementId | None]]:
        """Those that the first pass let through."""
        for row, key in named:
            planned = self.survey.find(key)
            if planned is not None and planned.element is not None and planned.line == row.line:
                yield self._converter.convert(row, key), planned.element

    def _judged_now(
        self, named: Sequence[tuple[Row, Key]], taken: Map[Key, int]
    ) -> Iterator[tuple[Converted, ElementId | None]]:
        for row, key in named:
            try:
                if (line := taken.get(key, row.line)) != row.line:
                    raise BadRow([Fault("row", "row_taken", self.report.place(line))])
                yield self._converter.convert(row, key), None
            except BadRow as error:
                self.report.refuse(row.line, error.faults)

    async def _write_batch(self, resolved: Sequence[Resolved], new_themes: list[NewRecord]) -> None:
        """Author one batch; if somebody edits one of its elements meanwhile, look again and try again."""
        for attempt in range(1, ATTEMPTS_MAX + 1):
            known = await self._desk.known([key for one in resolved for key in one.remembered()])
            edited = await self._desk.edited(changed(resolved, known)) if known else ()
            decision = decide(resolved, known, edited)
            try:
                await self._append([*new_themes, *decision.records])
                break
            except Conflict:
                if attempt == ATTEMPTS_MAX:
                    raise
        self._count(decision, known)

    async def _append(self, records: list[NewRecord]) -> None:
        if records and not self._dry_run:
            await self._desk.append(records)

    async def _resolve(self, good: Sequence[tuple[Converted, ElementId | None]], themes: Themes) -> list[Resolved]:
        """The rows with everything they name found; those that name what is not there are refused."""
        others = await self._others([row for row, _ in good]) if self._mapping.refers else {}
        await themes.recall(label for row, _ in good for label in row.labels())
        resolved: list[Resolved] = []
        for row, element in good:
            try:
                fields = resolve(row, themes, others) if row.open else row.fields
                resolved.append(Resolved(row, element, fields, implied(row, element, others)))
                self.report.leave_out(row.line, row.left_out)
            except BadRow as error:
                self.report.refuse(row.line, error.faults)
        return resolved

    async def _others(self, rows: Sequence[Converted]) -> dict[Key, ElementId]:
        """The elements that these rows name: in this file, or imported before."""
        keys = {(one.source, one.source_id) for row in rows for one in row.references()}
        planned = {key: self.survey.find(key) for key in keys}
        found = {key: one.element for key, one in planned.items() if one is not None and one.element is not None}
        known = await self._desk.known(sorted(keys - found.keys()))
        return found | {key: one.element for key, one in known.items() if not one.gone}

    def _count(self, decision: Decision, known: Any) -> None:
        self.report.created += decision.created
        self.report.changed += decision.changed
        self.report.unchanged += decision.unchanged
        self.report.relations += decision.relations
        for line, problem in decision.refused:
            self.report.refuse(line, [problem])
        self.kept.update(source_key(*key) for key in decision.kept)
        for one in decision.edited:
            self.report.keep_beside(known[one.row.key].element, one.fields)


async def _nothing() -> None:
    """Before the first batch, none is being written."""
