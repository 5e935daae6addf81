# SPDX-License-Identifier: AGPL-3.0-or-later
"""The same file a second time: where nothing can come of it, it is not read row by row again.

What an import does follows from the file's bytes, the mapping, the program, and what the node's logs say (rows known,
edits, erasures, themes). If all of these are as they were when the last import of that file ended, then every row that
was taken is there unchanged, and every row that was refused would be refused again: the report says so without looking.
Only digests are remembered, with the report, beside the archive; losing them costs one reading.
"""

from __future__ import annotations

import asyncio
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from .mapping import Mapping

if TYPE_CHECKING:
    from convergences_node.town import Town

DIGEST_BYTES = 1 << 20
TAKEN = ("created", "changed", "unchanged")


async def outcome_before(town: Town, path: Path, mapping: Mapping) -> dict[str, Any] | None:
    """The report of this very import, if it was done and nothing has been written since; None if it is to be done."""
    from convergences_node.sources.memory import Memory

    digest = await _digest(town, path, mapping)
    if not digest:
        return None
    with Memory(town.folder) as memory:
        report = memory.imported(digest)
    if report is None:
        return None
    return {**report, "created": 0, "changed": 0, "unchanged": sum(report[name] for name in TAKEN), "relations": 0,
            "themes": 0}  # fmt: skip


async def remember_outcome(town: Town, path: Path, mapping: Mapping, report: dict[str, Any]) -> None:
    """It is done, and this is what came of it."""
    from convergences_node.sources.memory import Memory

    if digest := await _digest(town, path, mapping):
        with Memory(town.folder) as memory:
            memory.keep_imported(digest, report)


async def _digest(town: Town, path: Path, mapping: Mapping) -> bytes:
    """Of everything that an import follows from; empty for what is no file."""
    logs = await town.archive.read(lambda reader: sorted((log.origin, log.size) for log in reader.logs()))
    said = msgspec.json.encode([msgspec.to_builtins(mapping), version("convergences"), logs])
    return await asyncio.to_thread(_of_file, path, said)


def _of_file(path: Path, said: bytes) -> bytes:
    whole = sha256(said)
    if not path.is_file():  # a pipe would be emptied by looking; what is not there is said by who reads it
        return b""
    with path.open("rb") as file:
        while chunk := file.read(DIGEST_BYTES):
            whole.update(chunk)
    return whole.digest()
