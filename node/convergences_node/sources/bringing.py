# SPDX-License-Identifier: AGPL-3.0-or-later
"""A source brought to where it can be read: fetched or found, how it is to be read, and what tells it again."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from convergences_protocol.errors import Fault, LocalError
from msgspec.structs import replace

from convergences_node.imports.mapping import MAPPING_BYTES_MAX, Mapping
from convergences_node.imports.rows import sniff
from convergences_node.imports.text import SAMPLE_BYTES, detect_encoding, known_encoding

from .declaration import KNOWN, Declaration, mapping_of, paths_of, sources_folder
from .fetching import Bounds, FetchFailed, Validators, fetch

if TYPE_CHECKING:
    from convergences_node.town import Town

DIGEST_BYTES = 1 << 20


@dataclass(slots=True)
class Brought:
    """What came: its files, and what tells it again. `new` is false where the server said that nothing has changed."""

    paths: list[Path]
    new: bool = True
    validators: Validators = field(default_factory=Validators)
    charset: str | None = None


async def bring(town: Town, declaration: Declaration, into: Path, known: Validators) -> Brought:
    """The files of a source: fetched, or where they are. Raises `FetchFailed`."""
    where = declaration.where
    assert not where.is_server, "what comes from a node or from linked data is no file"
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
        raise FetchFailed(error.fault or Fault("source", "source_wrong", {"reason": str(error)[:300]})) from None
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
        # Python has codecs that are none of text, such as base64.
        codecs.getincrementaldecoder(known_encoding(said))().decode(sample)
    except (LocalError, LookupError, UnicodeError):
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


def digest(paths: list[Path], mapping: Mapping) -> str:
    """Of the bytes, and of the mapping by which they are read; the day does not matter."""
    whole = sha256(msgspec.json.encode(replace(mapping, source=replace(mapping.source, fetched=None))))
    for path in paths:
        of = sha256()
        with path.open("rb") as file:
            while chunk := file.read(DIGEST_BYTES):
                of.update(chunk)
        whole.update(of.digest())
    return whole.hexdigest()[:40]


def declared_digest(folder: Path, declaration: Declaration) -> str:
    """Of what is declared, and of the program: a newer one may read the same bytes better."""
    of = sha256(msgspec.json.encode(declaration) + version("convergences").encode())
    if declaration.mapping not in (None, KNOWN):
        with contextlib.suppress(OSError):
            of.update((sources_folder(folder) / str(declaration.mapping)).read_bytes()[:MAPPING_BYTES_MAX])
    return of.hexdigest()[:24]
