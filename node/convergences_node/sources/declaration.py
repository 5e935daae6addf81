# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a person declares of a source, in `sources/<name>.toml` of the node's folder.

    licence = "etalab-2.0"
    gone = "end"                     # what has disappeared there: leave, end, withdraw
    shrink = 0.2                     # held back if more than a fifth disappears at once
    mapping = "known"                # what comes with the node; or a file beside this one; or written out below

    [where]
    url = "https://ville.example/agenda.ics"   # or file = "…", or folder = "…" with pattern = "*.csv"

    [when]
    hours = 6                        # or at = "03:30"

The tables of a mapping (`[source]`, `[file]`, `[[element]]`: `imports/mapping.py`) may follow in the same file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path, PurePath
from typing import Any, Literal

import msgspec
from convergences_protocol.element import is_element_text
from convergences_protocol.errors import Fault, LocalError
from msgspec.structs import replace

from convergences_node.faults import NotFound
from convergences_node.imports.formats import format_named
from convergences_node.imports.known import known_formats, known_mapping
from convergences_node.imports.mapping import (
    MAPPING_BYTES_MAX,
    Column,
    Mapping,
    Part,
    Relation,
    load_mapping,
    read_mapping,
)
from convergences_node.toml_file import check_size, read_toml, tables_of

from .servers import server_problems

FOLDER = "sources"
SOURCES_MAX = 500
"""Sources of one node; a town has a few dozen."""
HOURS_MAX = 24 * 31
BYTES_MAX = 256 * 1024**2
"""What is fetched at most, unless the declaration says more."""
BYTES_CEILING = 4 * 1024**3
FILES_MAX = 1000
"""Files of one folder that are one source."""
SHRINK = 0.2
KNOWN = "known"
PAIR = "pair"
"""In the place of a mapping: documents of linked data in the words of PAIR, which need none."""
ORGANISES = {"action": "organises"}
"""How what a source brings is related to the actor that it is declared for, by kind."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
_AT = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_MAPPING_TABLES = ("source", "file", "element")


class Where(Part):
    """Exactly one of an address, a file and a folder."""

    url: str | None = None
    file: str | None = None
    folder: str | None = None
    pattern: str = "*"
    """Which files of the folder."""
    node: str | None = None
    """The address of another node: its records come as they are, without a mapping."""
    territories: list[str] = msgspec.field(default_factory=list)
    """Whose records of that node, by their codes; empty: its own."""
    void: str | None = None
    """The address of a server of linked data that says what it has at `/.well-known/void`."""
    kinds: list[str] = msgspec.field(default_factory=list)
    """Which kinds of what comes from a node; empty: all."""
    private: bool = False
    """The address is one of this machine or of the local network, and it is meant."""
    bytes_max: int = BYTES_MAX
    """The most that is fetched or read."""

    @property
    def is_server(self) -> bool:
        """Whether what comes needs no mapping, because it says itself what it is."""
        return self.node is not None or self.void is not None


class When(Part):
    """Every so many hours, or at an hour of every day, by the node's time zone."""

    hours: int = 24
    at: str | None = None


class Declaration(Part):
    """The whole file, but for the mapping's own tables."""

    where: Where
    when: When = msgspec.field(default_factory=When)
    title: str | None = None
    """What residents call it, on the pages of what it brings."""
    licence: str | None = None
    language: str | None = None
    actor: str | None = None
    """The element of the actor whose source it is: what it brings is related to it, where there is a word for how."""
    gone: Literal["leave", "end", "withdraw"] = "leave"
    shrink: float = SHRINK
    mapping: str | None = None
    proposed: bool = False
    """The mapping was guessed, and nobody has looked at it yet."""
    tables: dict[str, Any] = msgspec.field(default_factory=dict)
    """The mapping's own tables, as they were written."""


def sources_folder(folder: Path) -> Path:
    """Where the declarations of a node are."""
    return folder / FOLDER


def declared(folder: Path) -> Iterator[str]:
    """The names of a node's sources, in their order."""
    found = sorted(path.stem for path in sources_folder(folder).glob("*.toml"))
    yield from [name for name in found if _NAME.fullmatch(name)][:SOURCES_MAX]


def is_stopped(folder: Path, name: str) -> bool:
    """Whether a person has stopped this source: it stays declared, and is not run."""
    return _stop_mark(folder, name).exists()


def set_stopped(folder: Path, name: str, stopped: bool) -> None:
    """Stop a source, or let it go on. The mark is a file beside the declaration, which stays as its author wrote it."""
    if stopped:
        _stop_mark(folder, name).touch()
    else:
        _stop_mark(folder, name).unlink(missing_ok=True)


def _stop_mark(folder: Path, name: str) -> Path:
    return path_of(folder, name).with_suffix(".stopped")


def load(folder: Path, name: str) -> Declaration:
    """The declaration of that name. Raises `NotFound`, or `LocalError` with the place and the reason."""
    path = path_of(folder, name)
    absent = NotFound(
        f"no source {name!r} is declared here",
        hint="convergences source list",
        fault=Fault("name", "source_unknown", {"name": name}),
    )
    return parse(read_toml(path, MAPPING_BYTES_MAX, absent), f"{FOLDER}/{name}.toml")


def path_of(folder: Path, name: str) -> Path:
    """Where a source of that name is declared. Raises `LocalError` for what cannot be a name."""
    if not _NAME.fullmatch(name):
        raise LocalError(
            f"{name[:60]!r} cannot be a source's name",
            hint="small letters, digits and hyphens, 60 at most, such as agenda-mairie",
            fault=Fault("name", "source_name", {"given": name[:60]}),
        )
    return sources_folder(folder) / f"{name}.toml"


def parse(data: bytes, name: str) -> Declaration:
    """The declaration that a TOML text says. Raises `LocalError` with the place and the reason."""
    check_size(data, MAPPING_BYTES_MAX, name)
    tables = tables_of(data, name)
    own = {key: value for key, value in tables.items() if key not in _MAPPING_TABLES}
    try:
        found = msgspec.convert(own, Declaration)
    except msgspec.ValidationError as error:
        raise _wrong(name, str(error)) from None
    if found.tables:
        raise _wrong(name, "tables is not a setting")
    found = replace(found, tables={key: tables[key] for key in _MAPPING_TABLES if key in tables})
    for problem in _problems(found):
        raise _wrong(name, problem)
    if "element" in found.tables:
        read_mapping(found.tables, name)
    return found


def _wrong(name: str, reason: str) -> LocalError:
    return LocalError(
        f"{name}: {reason}",
        hint="docs/sources.md describes a declaration",
        fault=Fault("", "declaration_wrong", {"file": name, "reason": reason}),
    )


def _problems(found: Declaration) -> Iterator[str]:
    """What is wrong, the first thing first."""
    where, when = found.where, found.when
    if sum(one is not None for one in (where.url, where.file, where.folder, where.node, where.void)) != 1:
        yield "where: give exactly one of url, file, folder, node and void"
    if where.url is not None and not re.fullmatch(r"https?://[^\s/?#]+[^\s]*", where.url):
        yield f"where.url: {where.url[:100]!r} is not an address such as https://ville.example/agenda.ics"
    yield from server_problems(where, found.mapping is not None or bool(found.tables))
    if not 0 < where.bytes_max <= BYTES_CEILING:
        yield f"where.bytes_max: between 1 and {BYTES_CEILING}"
    if "/" in where.pattern or ".." in where.pattern:
        yield "where.pattern: the name of files, such as *.csv"
    if not 1 <= when.hours <= HOURS_MAX:
        yield f"when.hours: between 1 and {HOURS_MAX}"
    if when.at is not None and not _AT.fullmatch(when.at):
        yield f"when.at: {when.at[:20]!r} is not an hour such as 03:30"
    if not 0 <= found.shrink <= 1:
        yield "shrink: a share between 0 and 1"
    if found.actor is not None and not is_element_text(found.actor):
        yield "actor: an element's id, such as FR-93066:0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b"
    if found.mapping is None and "element" not in found.tables and _format(found) not in (None, *known_formats()):
        yield "no mapping: write it out below, or name a file of it"
    if found.mapping is not None and "element" in found.tables:
        yield "mapping: named, and written out too"
    if found.mapping == PAIR and found.tables:
        yield "mapping: pair reads linked data by itself, leave [source] and [file] out"


def _format(found: Declaration) -> str | None:
    given = found.tables.get("file", {}).get("format")
    return given if isinstance(given, str) else None


def mapping_of(folder: Path, name: str, found: Declaration, format: str, today: date) -> Mapping:
    """The mapping of a source, with what the declaration says of all its rows; `format` is that of what was fetched."""
    mapping = _mapping(folder, name, found, format)
    said = mapping.source
    source = replace(
        said,
        licence=said.licence or found.licence,
        language=said.language or found.language,
        fetched=today.isoformat(),
        titles=said.titles | ({_code(said.name, name): found.title} if found.title else {}),
    )
    elements = mapping.element
    if found.actor is not None:
        elements = [
            replace(one, relations=[*one.relations, Relation(predicate=verb, subject="actor", value=found.actor)])
            if (verb := ORGANISES.get(one.kind))
            else one
            for one in elements
        ]
    return replace(mapping, source=source, element=elements)


def _code(named: str | Column, name: str) -> str:
    """The name that records of a source have; of one whose rows name theirs, that of those which do not."""
    return named if isinstance(named, str) else str(named.value or name)


def _mapping(folder: Path, name: str, found: Declaration, format: str) -> Mapping:
    if "element" in found.tables:
        return read_mapping(found.tables, f"{FOLDER}/{name}.toml")
    if found.mapping not in (None, KNOWN):
        relative = PurePath(str(found.mapping))
        return load_mapping(sources_folder(folder) / relative)
    format_named(format)
    known = known_mapping(format, name)
    if known is None:
        raise LocalError(
            f"no mapping comes with the node for the format {format}",
            hint=f"convergences source preview proposes one; known: {', '.join(known_formats())}",
            fault=Fault("", "mapping_unknown", {"format": format}),
        )
    return (
        replace(known, file=msgspec.convert(found.tables["file"], type(known.file)))
        if "file" in found.tables
        else known
    )


def paths_of(folder: Path, where: Where) -> list[Path]:
    """The files of a source that is a file or a folder; a relative path begins at the node's folder."""
    if where.file is not None:
        # A pipe or a device would be waited for without end.
        return [path] if (path := folder / where.file).is_file() else []
    found = sorted(path for path in (folder / str(where.folder)).glob(where.pattern) if path.is_file())
    if len(found) > FILES_MAX:
        raise LocalError(
            f"{where.folder} has more than {FILES_MAX} files that match {where.pattern}",
            fault=Fault("", "source_files", {"folder": str(where.folder), "limit": FILES_MAX}),
        )
    return found
