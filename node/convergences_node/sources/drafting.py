# SPDX-License-Identifier: AGPL-3.0-or-later
"""A source that somebody is about to declare from a page: what it holds, how it would be read, what they corrected.

Its bytes are brought once, into a file of the node's, and looked at as often as wanted; nothing is imported before it
is declared. A draft is kept in memory, a few at a time: who comes back after the node has started again begins again.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from convergences_protocol.errors import Fault, LocalError
from convergences_protocol.kinds import KINDS, FieldType

from convergences_node.imports.known import known_formats
from convergences_node.imports.mapping import Column
from convergences_node.imports.rows import read_rows, sniff
from convergences_node.territories.gazetteer import folded

from .bringing import bring
from .declaration import PAIR, Declaration, Where, path_of, sources_folder
from .fetching import FetchFailed, Validators
from .from_pair import is_pair
from .given import FILES
from .guessing import ROWS_MAX, Proposal, columns_for, guess_of, propose, town_by_address
from .proposing import Decided, declaration_text
from .sample import Guess, Table
from .server_rows import format_of, server_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from convergences_node.town import Town

DRAFTS_MAX = 5
WAITING = ".draft"
NAME_CHARS_MAX = 60


@dataclass(frozen=True, slots=True)
class Draft:
    """What is known of it; `proposal` is None for a format that the node maps by itself."""

    id: str
    name: str
    where: Where
    local: Path | None
    """Its bytes; None of a server that says itself what it holds: that is asked again whenever somebody looks."""
    format: str
    rows: tuple[dict[str, Any], ...]
    proposal: Proposal | None

    def declaration(self, decided: Decided | None = None) -> str:
        """As TOML: as it will stand, once it is decided; before, of the bytes that are here."""
        meant = ("url", "node", "void", "private") if self.where.file is None else ("file",)
        where: dict[str, Any] = {name: value for name in meant if (value := getattr(self.where, name))}
        if self.local is not None and decided is None:
            where = {"file": str(self.local)}
        return declaration_text(where, self.name, self.proposal, self.format, decided)


class Drafts:
    """The drafts of a running node. Used from one event loop."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._drafts: OrderedDict[str, Draft] = OrderedDict()
        self._declared: OrderedDict[str, str] = OrderedDict()
        self._arriving: set[Path] = set()
        """Files that somebody is sending, or that are being fetched: of two at once, neither removes the other's."""
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def turn(self, id: str) -> asyncio.Lock:
        """Held while a form changes or declares a draft: of a button that is pressed twice, the second comes after."""
        return self._turns.setdefault(id, asyncio.Lock())

    def declared_as(self, id: str) -> str | None:
        """The source that this draft has become."""
        return self._declared.get(id)

    def find(self, id: str) -> Draft | None:
        """That draft, if it is still here."""
        return self._drafts.get(id)

    @contextmanager
    def new_file(self) -> Iterator[Path]:
        """Where the bytes of a new draft go; gone at the end of the block unless a draft holds them by then. What
        another start of the node has left there is removed."""
        folder = sources_folder(self._town.folder) / FILES
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f"*{WAITING}"):
            if left not in self._arriving and not self._is_held(left):
                left.unlink(missing_ok=True)
        arriving = folder / f"{secrets.token_hex(8)}{WAITING}"
        self._arriving.add(arriving)
        try:
            yield arriving
        finally:
            self._arriving.remove(arriving)
            if not self._is_held(arriving):
                arriving.unlink(missing_ok=True)

    def _is_held(self, path: Path) -> bool:
        return any(draft.local == path for draft in self._drafts.values())

    async def of_address(self, url: str, *, private: bool) -> Draft:
        """Fetch an address, and look. Raises `ConvergencesError`."""
        where = Where(url=url, private=private)
        if not re.fullmatch(r"https?://[^\s/?#]+[^\s]*", url):
            raise LocalError("this is no address", fault=Fault("url", "bad_url"))
        with self.new_file() as local:
            try:
                server = await server_at(self._town, url, private=private)
                if server is None:
                    await bring(self._town, Declaration(where=where), local, Validators())
            except FetchFailed as failed:
                raise LocalError(str(failed), fault=replace(failed.fault, path="url")) from None
            if server is not None:
                name = name_of(f"{urlsplit(url).hostname}.html")
                return self._kept(Draft(_new_id(), name, server, None, format_of(server), (), None))
            return await self._drawn_up(name_of(url), where, local)

    async def of_file(self, local: Path, called: str) -> Draft:
        """Look at a file that somebody has put here (`new_file`). Raises `ConvergencesError`."""
        return await self._drawn_up(name_of(called), Where(file=str(local)), local)

    async def _drawn_up(self, name: str, where: Where, local: Path) -> Draft:
        return self._kept(await asyncio.to_thread(_look, name, where, local))

    def _kept(self, draft: Draft) -> Draft:
        """Kept, in the place of the oldest if there are too many."""
        self._drafts[draft.id] = draft
        while len(self._drafts) > DRAFTS_MAX:
            _, oldest = self._drafts.popitem(last=False)
            if oldest.local is not None:
                oldest.local.unlink(missing_ok=True)
        return draft

    async def correct(self, draft: Draft, kind: str, type: str, columns: Mapping[str, Sequence[str]]) -> Draft:
        """The same, with the columns that somebody has chosen of each field (none: it has no column; several: they are
        put together; `BY_ADDRESS` of a commune); of another kind, guessed anew."""
        corrected = await asyncio.to_thread(_corrected, draft, kind, type, columns)
        self._drafts[draft.id] = corrected
        return corrected

    def settle(self, draft: Draft, name: str) -> Draft:
        """Under its own name at last: a file that was put here is where it is kept. It is a draft until it is
        `declared`. Raises `LocalError` for what cannot be a name."""
        path_of(self._town.folder, name)
        draft = replace(draft, name=name)
        if draft.local is not None and draft.where.url is None:
            kept = draft.local.with_name(name)
            draft.local.replace(kept)
            draft = replace(draft, where=Where(file=str(kept.relative_to(self._town.folder))), local=kept)
        self._drafts[draft.id] = draft
        return draft

    def declared(self, draft: Draft) -> None:
        """It is a source now: what was fetched to be looked at goes."""
        self._drafts.pop(draft.id, None)
        self._declared[draft.id] = draft.name
        while len(self._declared) > DRAFTS_MAX:
            self._declared.popitem(last=False)
        if draft.local is not None and draft.where.url is not None:
            draft.local.unlink(missing_ok=True)


def name_of(called: str) -> str:
    """A name for a source, from an address or the name of a file: small letters, digits and hyphens."""
    stem = Path(re.split(r"[\\/]", called.split("?")[0].rstrip("/"))[-1]).stem
    plain = "-".join(re.findall(r"[a-z0-9]+", folded(stem)))[:NAME_CHARS_MAX].strip("-")
    return plain or "source"


def _look(name: str, where: Where, local: Path) -> Draft:
    if is_pair([local]):
        return Draft(_new_id(), name, where, local, PAIR, (), None)
    dialect = sniff(local)
    mapped = dialect.format in known_formats()
    read = list(islice(read_rows(local, dialect), ROWS_MAX))
    rows = tuple(row.cells for row in read if row.fault is None)
    if not rows:
        first = next((row.fault for row in read if row.fault is not None), Fault("", "source_no_row"))
        raise LocalError("no row of it could be read", fault=replace(first, path="") if first.path == "row" else first)
    proposal = None if mapped else propose(rows, name)
    return Draft(_new_id(), name, where, local, dialect.format, rows, proposal)


def _new_id() -> str:
    return secrets.token_urlsafe(12)


def _corrected(draft: Draft, kind: str, type: str, columns: Mapping[str, Sequence[str]]) -> Draft:
    assert draft.proposal is not None, "what the node maps by itself is not corrected"
    table = Table(draft.rows)
    if kind != draft.proposal.kind and kind in KINDS:
        return replace(draft, proposal=guess_of(table, KINDS[kind], draft.name))
    declared = KINDS[draft.proposal.kind].by_name
    kept = [one for one in draft.proposal.guesses if one.field not in columns and one.field != "type"]
    chosen = [
        made
        for name, given in columns.items()
        if given and name in declared and (made := _chosen(draft.proposal, table, name, list(given)))
    ]
    if BY_ADDRESS in columns.get("town", ()) and (town := town_by_address([*kept, *chosen])) is not None:
        chosen.append(town)
    if "type" in declared and type in declared["type"].terms:
        chosen.append(Guess("type", Column(value=type), 1.0))
    order = list(declared)
    found = sorted([*kept, *chosen], key=lambda one: order.index(one.field))
    return replace(draft, proposal=replace(draft.proposal, guesses=found))


def _chosen(before: Proposal, table: Table, name: str, columns: list[str]) -> Guess | None:
    """As it was guessed, where these are the same columns; else as they are read for this field, together."""
    if not set(columns) <= set(table.columns):
        return None
    same = next((one for one in before.guesses if one.field == name and one.column.names == columns), None)
    return same or columns_for(KINDS[before.kind].by_name[name], columns, table)


def correctable(kind: str) -> list[str]:
    """The fields for which a person may choose columns, in their order."""
    return [
        field.name
        for field in KINDS[kind].fields
        if field.name not in BESIDE and (field.type not in FIXED or field.name == "themes")
    ]


BY_ADDRESS = "*"
"""Of a commune: found by postcode, name and address, and in no column of its own."""
PARTS = {"name": 2, "address": 3, "themes": 3, "start": 2, "end": 2, "location": 2}
"""Columns that may be put together for a field: a number, a street and what comes behind; a day and an hour."""


BESIDE = frozenset({"source", "source_id", "fetched", "licence", "language", "recurrence", "exceptions", "timezone"})
FIXED = frozenset(
    {
        FieldType.TERM,
        FieldType.ELEMENT,
        FieldType.DIGEST,
        FieldType.MEDIA,
        FieldType.OUTLINE,
        FieldType.COLOUR,
    }
)
"""Types of which no column of a stranger's is: they stay as they were guessed."""
