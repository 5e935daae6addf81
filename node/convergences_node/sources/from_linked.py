# SPDX-License-Identifier: AGPL-3.0-or-later
"""What runs of a source of linked data have in common: its documents are read as one archive of PAIR
(`linked/pair_import.py`), held up against last time, and taken in whole or not at all.
"""

from __future__ import annotations

import asyncio
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec
from convergences_protocol.errors import Fault, LocalError
from msgspec.structs import replace

from convergences_node.archive.beside import source_key
from convergences_node.imports.contexts import NotBundled
from convergences_node.imports.contexts import load as context_at
from convergences_node.imports.verb import desk_of

from .fetching import FetchFailed
from .losses import Losses
from .memory import State
from .running import REFUSED_KEPT_MAX, Held, Runner

if TYPE_CHECKING:
    from convergences_node.linked.pair_import import Bringing


class LinkedRun(Runner):
    """Of linked data, wherever its documents are."""

    async def _take_in(self, paths: list[Path], found: State) -> State:
        """Look, hold back if need be, write, end what disappeared, remember. Raises `FetchFailed`, `Held`."""
        from convergences_node.linked.pair_elements import Reading
        from convergences_node.linked.pair_graph import Graph
        from convergences_node.linked.pair_import import Bringing

        said = {"licence": self._declaration.licence, "language": self._declaration.language}
        try:
            graph = await asyncio.to_thread(Graph, paths)
        except LocalError as error:
            raise unread(error) from None
        with graph:
            reading = Reading(graph, ZoneInfo(self._town.config.http.timezone))
            desk = desk_of(self._town, {})
            told = {name: value for name, value in said.items() if value}
            bringing = Bringing(self._town, desk, reading, self._asked.dry_run, told)
            await bringing.name_all()
            return await self._hold_up(bringing, found)

    async def _hold_up(self, bringing: Bringing, found: State) -> State:
        keys = {source_key(*each) for each in bringing.remembered()}
        if not keys:
            raise Held(Fault("source", "source_empty"))
        before = [key for page in self._memory.pages(self._name) for key in page]
        missing = [key for key in before if key not in keys]
        losses = Losses(self._town, self._memory, self._name, self._declaration, self._asked)
        await losses.look(missing)
        report = await bringing.write_all(self._tell)
        await self._keep_titles({server for server, _ in bringing.remembered()})
        gone = await losses.end(missing, self._declaration.gone)
        if not self._asked.dry_run:
            await asyncio.to_thread(self._memory.replace_rows, self._name, keys)
        kept = report | {name: report[name][:REFUSED_KEPT_MAX] for name in ("refused", "not_held")}
        return replace(found, rows=len(keys), report=kept, gone=dict(gone), beside=bringing.authoring.beside)


def unread(error: LocalError) -> FetchFailed:
    """Why a document cannot be read, without where it lay for the time of reading: that tells nobody anything."""
    fault = error.fault or Fault("source", "source_wrong", {"reason": str(error)[:300]})
    if fault.code == "file_unreadable":
        fault = Fault("source", "linked_broken", {"reason": fault.params["reason"]})
    return FetchFailed(fault)


def digest_of(paths: list[Path]) -> str:
    """Of the bytes of all documents, in their order."""
    whole = sha256()
    for path in paths:
        whole.update(sha256(path.read_bytes()).digest())
    return whole.hexdigest()[:40]


def with_contexts(data: bytes) -> bytes:
    """A JSON-LD document with the contexts inside that it only names. Raises `FetchFailed` for one unknown here."""
    try:
        document = msgspec.json.decode(data)
        if isinstance(document, dict) and "@context" in document:
            given = document["@context"]
            named = given if isinstance(given, list) else [given]
            document["@context"] = [
                context_at(each)["document"]["@context"] if isinstance(each, str) else each for each in named
            ]
        return msgspec.json.encode(document)
    except NotBundled as error:
        reason = f"its context {error.address[:200]} is not known here"
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        reason = "a document is not JSON-LD, or was cut"
    raise FetchFailed(Fault("source", "source_wrong", {"reason": reason}))
