# SPDX-License-Identifier: AGPL-3.0-or-later
"""The verb `source_preview`: a source looked at, its first rows as they would be here, and a mapping if it has none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import msgspec
from convergences_protocol.errors import Fault, LocalError, RemoteError
from convergences_protocol.kinds import KINDS

from convergences_node.fault_sentences import fault_sentence
from convergences_node.faults import fault_to_json
from convergences_node.imports.cells import Label, Reference
from convergences_node.imports.convert import BadRow, Converter
from convergences_node.imports.known import known_formats
from convergences_node.imports.rows import Row, read_rows, sniff
from convergences_node.territories.communes import communes

from .bringing import bring, incoming, read_as
from .declaration import PAIR, Declaration, Where, load, parse, sources_folder
from .fetching import FetchFailed, Validators
from .from_pair import is_pair, laid_out
from .guessing import ROWS_MAX, Proposal, propose
from .proposing import declaration_text
from .server_rows import LookedAt, look_at, of_graph, server_at

if TYPE_CHECKING:
    from convergences_node.params import Json, Tell
    from convergences_node.sources.params import SourcePreview
    from convergences_node.town import Town

SHOWN_MAX = 50
COLUMNS_MAX = 200
PREVIEW = "preview"


async def preview(town: Town, params: SourcePreview, tell: Tell) -> Json:
    """See `params.SourcePreview`."""
    name, found = await _meant(town, params)
    rows_max = max(1, min(params.rows, SHOWN_MAX))
    if found.where.is_server:
        return await _preview_server(town, name, found, rows_max, is_declared=params.name is not None)
    today = datetime.fromtimestamp(town.now(), UTC).date()
    with incoming(town.folder, PREVIEW) as into:
        try:
            brought = await bring(town, found, into, Validators())
        except FetchFailed as failed:
            raise RemoteError(fault_sentence(failed.fault, "en"), fault=failed.fault) from None
        said = found.tables.get("file", {})
        mapped = "element" in found.tables or found.mapping is not None
        if found.mapping == PAIR or (not mapped and await asyncio.to_thread(is_pair, brought.paths)):
            return await _preview_pair(town, name, found, brought.paths, rows_max, is_declared=params.name is not None)
        dialect = await asyncio.to_thread(sniff, brought.paths[0], said.get("format"))
        mapped = mapped or dialect.format in known_formats()
        rows = await asyncio.to_thread(lambda: list(islice(read_rows(brought.paths[0], dialect), ROWS_MAX)))
        good = [row for row in rows if row.fault is None]
        if not mapped and not good:
            unread = "no row of it could be read, so that no mapping can be proposed"
            raise LocalError(unread, fault=_unread(rows))
        proposal = None if mapped else await asyncio.to_thread(propose, [row.cells for row in good], name)
        text = declaration_text(_where(found.where), name, proposal, dialect.format)
        if proposal is not None:
            found = parse(text.encode(), name)
        format, mapping = await asyncio.to_thread(read_as, town.folder, name, found, brought, today)
        held = communes() if mapping.places else None
        looked_at = await asyncio.to_thread(lambda: list(_converted(Converter(mapping), rows)))
        del held
    return {
        "name": name,
        "format": format,
        "rows": len(rows),
        "columns": list(dict.fromkeys(column for row in good for column in row.cells))[:COLUMNS_MAX],
        "guessed": proposal is not None,
        "fields": _guesses(proposal) if proposal is not None else [],
        "elements": looked_at[:rows_max],
        "unplaced": sum(_is_unplaced(one) for one in looked_at) if mapping.places else 0,
        "not_held": [],
        "declaration": text if params.name is None else None,
    }


async def _preview_server(
    town: Town, name: str, found: Declaration, rows_max: int, *, is_declared: bool
) -> dict[str, Json]:
    """Of a node, or of a server of linked data."""
    return await _looked(look_at(town, found.where), name, found, rows_max, is_declared=is_declared)


async def _preview_pair(
    town: Town, name: str, found: Declaration, paths: list[Path], rows_max: int, *, is_declared: bool
) -> dict[str, Json]:
    """Of documents in the words of PAIR."""
    with TemporaryDirectory(dir=sources_folder(town.folder), prefix=f".{PREVIEW}.") as beside:
        try:
            documents = await asyncio.to_thread(lambda: list(laid_out(paths, Path(beside))))
        except FetchFailed as failed:
            raise RemoteError(fault_sentence(failed.fault, "en"), fault=failed.fault) from None
        return await _looked(of_graph(town, documents), name, found, rows_max, is_declared=is_declared)


async def _looked(
    looking: Awaitable[LookedAt], name: str, found: Declaration, rows_max: int, *, is_declared: bool
) -> dict[str, Json]:
    """Of what needs no mapping; `not_held` is what no kind can hold of linked data."""
    try:
        looked = await looking
    except FetchFailed as failed:
        raise RemoteError(fault_sentence(failed.fault, "en"), fault=failed.fault) from None
    return {
        "name": name,
        "format": looked.format,
        "rows": len(looked.elements),
        "columns": [],
        "guessed": False,
        "fields": [],
        "elements": looked.elements[:rows_max],
        "unplaced": 0,
        "not_held": looked.not_held[:SHOWN_MAX],
        "declaration": None if is_declared else declaration_text(_where(found.where), name, None, looked.format),
    }


async def _meant(town: Town, params: SourcePreview) -> tuple[str, Declaration]:
    """A declared source by its name, or an address or a path that nobody has declared yet."""
    if params.name is not None and params.text is not None:
        return params.name, parse(params.text.encode(), params.name)
    if params.name is not None:
        return params.name, load(town.folder, params.name)
    if params.where is None:
        needs = "a preview needs the name of a source, an address or a path"
        raise LocalError(needs, fault=Fault("", "preview_of_nothing"))
    if params.where.startswith(("http://", "https://")):
        try:
            server = await server_at(town, params.where, private=params.private)
        except FetchFailed as failed:
            raise RemoteError(fault_sentence(failed.fault, "en"), fault=failed.fault) from None
        where = server or Where(url=params.where, private=params.private)
    else:
        where = await asyncio.to_thread(_here, params.where)
    return Path(params.where).stem[:60] or "source", Declaration(where=where)


def _here(path: str) -> Where:
    return Where(folder=path) if Path(path).is_dir() else Where(file=path)


def _where(where: Where) -> dict[str, Any]:
    defaults = Where()
    names = Where.__struct_fields__
    return {name: value for name in names if (value := getattr(where, name)) != getattr(defaults, name)}


def _unread(rows: list[Row]) -> Fault:
    """What was wrong with the first row, if there was one."""
    return next((row.fault for row in rows if row.fault is not None), Fault("", "source_no_row"))


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


def _is_unplaced(told: dict[str, Json]) -> bool:
    """Whether a row that would be taken is of a kind that has a commune, and has none."""
    return "fields" in told and "town" in KINDS[told["kind"]].by_name and "town" not in told["fields"]


def _plain(value: Any) -> Any:
    """Names of themes and of other rows as words: they are looked up when it is imported."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, Label):
        return value.text
    return str(value) if isinstance(value, Reference) else msgspec.to_builtins(value)
