# SPDX-License-Identifier: AGPL-3.0-or-later
"""`backup`, as a verb of a node, running or not; and what is remembered of the last one. See `verbs.Backup`."""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import logging
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convergences_protocol.errors import Fault, LocalError

from convergences_node.blobs.store import Blob
from convergences_node.faults import reason_of
from convergences_node.vault.leaving import leave

from . import making
from .contents import ALL, FORMAT, OWN, Facts
from .media import alone_here
from .stick import usual_target

if TYPE_CHECKING:
    from convergences_node.town import Town
    from convergences_node.verbs import Backup, Json, Tell

log = logging.getLogger(__name__)

LAST_CHOICE = "backup"
"""Where the archive remembers the last backup: when, where, or why there is none."""
_WORKING: set[Path] = set()
"""Folders of nodes that are being backed up: one at a time each."""


async def backup(town: Town, params: Backup, tell: Tell) -> Json:
    """See `verbs.Backup`."""
    if params.vault:
        return await leave(town, tell, params.wait)
    settings = town.config.backup
    target = params.target or usual_target(settings.folder)
    if not target:
        raise LocalError(
            "where to put the backup is not said",
            hint="plug in a stick, or give a folder",
            fault=Fault("", "backup_nowhere"),
        )
    archive = params.archive or settings.archive
    if archive not in (OWN, ALL):
        raise LocalError(f"--archive is {OWN} or {ALL}", fault=Fault("", "backup_archive", {"own": OWN, "all": ALL}))
    keep = settings.keep if params.keep is None else params.keep
    if not 1 <= keep <= 1_000:
        raise LocalError("from 1 to 1000 backups are kept", fault=Fault("", "backup_kept"))
    try:
        made, said = await back_up(town, Path(target), archive, keep, tell)
    except LocalError as error:
        await remember(town, {"failed_at": town.now(), "target": target, **reason_of(error)})
        raise
    return {
        **await last_backup(town),
        **said,
        "removed": [path.name for path in made.removed],
        "same_disk": made.same_disk,
        "recipient": made.note.recipient,
        "sha256": made.note.sha256,
        "records": made.note.size,
    }


async def back_up(town: Town, target: Path, archive: str, keep: int, tell: Tell) -> tuple[making.Made, dict[str, Any]]:
    """Make a backup, and remember what is said of it."""
    alone = await alone_here(town, await asyncio.to_thread(_room, target))
    made = await make_backup(town, target, archive, keep, tell, alone.blobs)
    media = {"media": len(alone.blobs), "media_left_out": alone.left_out}
    said = {"made_at": town.now(), "path": str(made.path), "bytes": made.note.size_bytes, "archive": archive}
    await remember(town, said | media)
    return made, said | media


def _room(target: Path) -> int:
    """A quarter of what is free: files are the part of a backup that most likely comes back from elsewhere."""
    try:
        return shutil.disk_usage(target).free // 4
    except OSError:
        return 0  # there is no such folder, or no stick any more: writing it says so


async def make_backup(
    town: Town, target: Path, archive: str, keep: int, tell: Tell, blobs: Sequence[Blob] = ()
) -> making.Made:
    """Make a backup in a thread of its own; one at a time of each node, and one that was given up is one until its
    thread has seen that."""
    loop, stop = asyncio.get_running_loop(), threading.Event()

    def told(done: int, total: int) -> None:
        loop.call_soon_threadsafe(tell, {"what": "backup", "done": done, "total": total})

    order = making.Order(
        town.folder,
        target,
        await _facts(town, archive),
        town.archive.keys.node,
        town.archive.revealed,
        keep,
        told,
        stop,
        blobs,
    )
    if town.folder in _WORKING:
        raise LocalError("a backup is being made already", fault=Fault("", "backup_under_way"))

    def work() -> making.Made:
        try:
            return making.make(order)
        finally:
            _WORKING.discard(order.folder)

    _WORKING.add(order.folder)
    try:
        # A stick that syncs for a minute holds the thread for as long, whoever waits for it.
        making_it = loop.run_in_executor(None, work)
        making_it.add_done_callback(lambda done: done.exception())  # perhaps nobody waits for it any more
        return await asyncio.shield(making_it)
    finally:
        stop.set()


async def _facts(town: Town, archive: str) -> Facts:
    own = await town.archive.read(lambda reader: reader.own_log())
    assert own.recovery_key is not None and own.head_note is not None, "one's own log has both"
    return Facts(
        FORMAT,
        own.territory,
        town.config.node.name,
        town.config.node.kind,
        own.origin,
        own.key.hex(),
        own.recovery_key.hex(),
        own.size,
        own.head_note.decode(),
        town.now(),
        archive,
        importlib.metadata.version("convergences"),
    )


async def remember(town: Town, what: dict[str, Any]) -> None:
    """Note how the last attempt went; of a failed one, the last good one stays known. A card that takes no write, or
    is full, is backed up all the same: then this node knows of it for as long as it runs."""
    value = {**await last_backup(town), **what}
    if "made_at" in what:
        for name in ("failed_at", "target", "reason", "fault"):
            value.pop(name, None)
    town.backup_unnoted = json.dumps(value, ensure_ascii=False)
    if town.read_only is not None:
        return
    try:
        await town.archive.choose(LAST_CHOICE, town.backup_unnoted)
    except LocalError as error:
        log.warning("how the backup went is known until the node stops, and could not be noted: %s", error)
    else:
        town.backup_unnoted = None


async def last_backup(town: Town) -> dict[str, Any]:
    """`{made_at, path, bytes, archive}` of the last one; if a later one failed, also `{failed_at, target, reason,
    fault}`."""
    text = town.backup_unnoted or await town.archive.read(lambda reader: reader.choice(LAST_CHOICE))
    found: dict[str, Any] = json.loads(text) if text else {}
    return found
