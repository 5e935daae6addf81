# SPDX-License-Identifier: AGPL-3.0-or-later
"""A file imported by hand; the same file again, and only the rows that something may come of are looked at.

What an import does of a row follows from what the row says, the mapping, the program, the themes that it names, and
what has become of its element here. If the file's bytes, the mapping and the program are as they were, and every name
of a theme still means what it meant, then only rows whose elements were touched since can come to something else
(`touched.py`), and those that were refused for what people had done. The others are there unchanged, or would be
refused again: the report says so without looking.

Where rows name each other, one that was touched may change what becomes of any other: then all are read again. Only
digests are remembered, with the report, beside the archive; losing them costs one reading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from convergences_protocol.element import ElementId

from convergences_node.archive.beside import source_key

from .importer import Import, Tell
from .mapping import Mapping
from .report import LISTED_MAX
from .rows import sniff
from .themes import ASKED_MAX, SOURCE
from .touched import Moment, moment, touched

if TYPE_CHECKING:
    from convergences_node.archive.reader import ArchiveReader
    from convergences_node.town import Town

    from .verb import TownDesk

DIGEST_BYTES = 1 << 20
KEPT_MAX = 20_000
"""Rows refused for what people have done here that are remembered: who has refused more reads all of them again."""
OF_PEOPLE = ("row_erased", "row_withdrawn", "row_edited")
"""Why a row is refused for what has become of its element here, and not for what it says."""
NAMES_TODAY = "ics"
"""An agenda whose rules no record holds is written out around the day on which it is read."""


class Remembered(msgspec.Struct):
    """What came of an import."""

    report: dict[str, Any]
    """Without the rows that were refused for what people have done."""
    moment: Moment
    kept: list[bytes]
    """The digests of those rows."""
    names: list[bytes]
    """Of every name of a theme that was looked for, as the archive remembers themes."""
    themes: bytes
    """Digest of what these names meant."""


@dataclass(slots=True)
class Again:
    """One import by hand: what it follows from, and what is remembered of the last one of the same."""

    town: Town
    path: Path
    mapping: Mapping
    desk: TownDesk
    digest: bytes
    """Of the file, the mapping and the program; empty for what is no file."""
    before: Remembered | None
    now: Moment | None

    @classmethod
    async def look(cls, town: Town, path: Path, mapping: Mapping, desk: TownDesk) -> Again:
        from convergences_node.sources.memory import Memory

        digest = await asyncio.to_thread(_digest, path, mapping)
        now = await town.archive.read(partial(moment, territory=town.config.node.territory))
        with Memory(town.folder) as memory:
            found = memory.imported(digest) if digest else None
        return cls(town, path, mapping, desk, digest, _remembered(found), now)

    async def bring(self, tell: Tell, *, dry_run: bool) -> dict[str, Any]:
        """Import what something may come of; the report of all of it."""
        only = await self._rows_to_look_at()
        if only is not None and not only and self.before is not None:
            report = self._whole(None, dry_run)
            if not dry_run and self.before.moment != self.now:
                await self._keep(msgspec.structs.replace(self.before, moment=self.now))
            return report
        with Import(self.desk, [self.path], self.mapping, tell, dry_run=dry_run, only=only) as run:
            await run.write()
            report = run.told() if only is None else self._whole(run, dry_run)
            if not dry_run:
                await self._remember(run, report, partly=only is not None)
        return report

    async def _rows_to_look_at(self) -> set[bytes] | None:
        """The digests of rows that may come to something else than last time; None for all of them."""
        if self.before is None or self.now is None or await self._themes_of(self.before.names) != self.before.themes:
            return None
        refers = self.mapping.refers
        found = await touched(self.town.archive, self.before.moment, self.now, new_too=refers)
        if found is None or (refers and found):
            return None
        return found.union(self.before.kept)

    def _whole(self, run: Import | None, dry_run: bool) -> dict[str, Any]:
        """The report of last time, with what came now of the rows that were looked at."""
        assert self.before is not None, "rows are chosen by what is remembered"
        last, now = self.before.report, run.report if run is not None else None
        kept = sum(now.codes[code] for code in OF_PEOPLE) if now is not None else 0
        created, changed = (now.created, now.changed) if now is not None else (0, 0)
        refused = [entry for entry in run.told()["refused"] if entry["code"] in OF_PEOPLE] if run is not None else []
        return last | {
            "dry_run": dry_run,
            "created": created,
            "changed": changed,
            "unchanged": last["rows"] - last["refused_count"] - kept - created - changed,
            "relations": 0,
            "themes": 0,
            "refused_count": last["refused_count"] + kept,
            "refused": sorted([*last["refused"], *refused], key=lambda entry: int(entry["line"]))[:LISTED_MAX],
            "edited": sorted(now.beside) if now is not None else [],
        }

    async def _remember(self, run: Import, report: dict[str, Any], *, partly: bool) -> None:
        """It is done, and this is what came of it; unless the file was another one at the end, or too much is open."""
        at = await self._until()
        asked = run.themes.asked if run.themes is not None else set()
        same = self.digest and await asyncio.to_thread(_digest, self.path, self.mapping) == self.digest
        if at is None or not same or max(len(asked), len(run.kept)) > min(ASKED_MAX, KEPT_MAX):
            return
        if partly and self.before is not None:
            names, lasting = self.before.names, self.before.report
        else:
            names, lasting = sorted(source_key(SOURCE, name) for name in asked), self._lasting(run, report)
        themes = await self._themes_of(names, run.themes.known if run.themes is not None else {})
        await self._keep(Remembered(lasting, at, sorted(run.kept), names, themes))

    def _lasting(self, run: Import, report: dict[str, Any]) -> dict[str, Any]:
        """The report without rows that may be otherwise next time; where rows name each other, it is all or nothing."""
        if self.mapping.refers:
            return report
        kept = sum(run.report.codes[code] for code in OF_PEOPLE)
        refused = [entry for entry in report["refused"] if entry["code"] not in OF_PEOPLE]
        return report | {"refused": refused, "refused_count": report["refused_count"] - kept}

    async def _until(self) -> Moment | None:
        """Where what is known ends: after this import, if nobody else wrote while it did, else before it."""
        if self.now is None:
            return None
        after = await self.town.archive.read(partial(moment, territory=self.town.config.node.territory))
        alone = after is not None and self.now.came_before(after)
        if after is not None and alone and self.now.records_until(after) == self.desk.appended:
            return after
        return self.now

    async def _keep(self, remembered: Remembered) -> None:
        from convergences_node.sources.memory import Memory

        with Memory(self.town.folder) as memory:
            memory.keep_imported(self.digest, msgspec.to_builtins(remembered))

    async def _themes_of(self, names: Sequence[bytes], known: Map[str, ElementId] | None = None) -> bytes:
        """Digest of what these names mean now: as the node shows themes, or as an import made them once."""
        if not names:
            return b""
        of_names = await self.desk.themes() if known is None else known
        by_key = {source_key(SOURCE, name): str(element) for name, element in of_names.items()}
        return await self.town.archive.read(lambda reader: _meanings(reader, names, by_key))


def _meanings(reader: ArchiveReader, names: Sequence[bytes], by_key: Map[bytes, str]) -> bytes:
    return sha256(msgspec.json.encode([by_key.get(name) or _made_once(reader, name) for name in names])).digest()


def _made_once(reader: ArchiveReader, name: bytes) -> str:
    """The theme that an import made of that name, under whatever name it is now, and whether it stands."""
    made = reader.source_at(name)
    current = reader.current(made[0]) if made is not None else None
    if made is None or current is None:
        return ""
    return str(made[0]) if current.body is not None else f"{made[0]} {current.slot.name}"


def _remembered(found: dict[str, Any] | None) -> Remembered | None:
    try:
        return msgspec.convert(found, Remembered) if found is not None else None
    except msgspec.ValidationError:  # written by another version
        return None


def _digest(path: Path, mapping: Mapping) -> bytes:
    """Of everything that an import follows from, besides what is here; empty for what is no file."""
    if not path.is_file():  # a pipe would be emptied by looking; what is not there is said by who reads it
        return b""
    today = str(date.today()) if (mapping.file.format or sniff(path).format) == NAMES_TODAY else ""
    whole = sha256(msgspec.json.encode([msgspec.to_builtins(mapping), version("convergences"), today]))
    with path.open("rb") as file:
        while chunk := file.read(DIGEST_BYTES):
            whole.update(chunk)
    return whole.digest()
