# SPDX-License-Identifier: AGPL-3.0-or-later
"""`bundle write` and `bundle read`, as verbs of a node, running or not. See `verbs.BundleWrite`, `verbs.BundleRead`."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convergences_protocol import checkpoint
from convergences_protocol.errors import Fault, LocalError, RemoteError

from convergences_node.archive.connection import ARCHIVE_NAME
from convergences_node.archive.model import Event, LogState
from convergences_node.archive.reader import ArchiveReader
from convergences_node.faults import reason_of, why_of
from convergences_node.index.files import files_named
from convergences_node.network.http_tiles import NOTE_BYTES_MAX, Gone, split_note

from .files import read_files, write_files
from .places import Place, damaged, log_base, no_bundle, place_at
from .reading import BundleTransport
from .writing import read_index, write_bundle

if TYPE_CHECKING:
    from convergences_node.network.network import Network
    from convergences_node.town import Town
    from convergences_node.verbs import BundleRead, BundleWrite, Json, Tell

QUIET_S = 1.5
"""So long without a change, and nothing owed: all that can come has come. A new charter takes less to be followed."""
STALLED_S = 60.0
"""So long without a change though something is owed: a damaged stick, or a disk that does not answer."""
LOOK_S = 0.3


async def bundle_write(town: Town, params: BundleWrite, tell: Tell) -> Json:
    """See `verbs.BundleWrite`."""
    loop, path = asyncio.get_running_loop(), Path(params.path)

    def told(done: int, total: int) -> None:
        loop.call_soon_threadsafe(tell, {"what": "bundle", "done": done, "total": total})

    named, knows_all = await _named(town), not town.index.rebuilding

    def write() -> dict[str, Any]:
        with closing(ArchiveReader.open(town.folder, town.archive.revealed)) as reader:
            place = place_at(path, writing=True)
            written = write_bundle(reader, place, told)
            blobs = write_files(town.blobs.store, place, named, knows_all=knows_all and not written.left_alone)
            place.close()
            return {**asdict(written), "blobs": blobs}

    try:
        return {"path": str(path), **await asyncio.to_thread(write)}
    except OSError as error:
        raise LocalError(
            f"the bundle could not be written to {path}: {error.strerror or error}; what it had before is whole",
            hint="is the stick full, pulled out, or write protected?",
            fault=Fault("", "bundle_unwritable", {"file": str(path), "reason": why_of(error)}),
        ) from error
    except sqlite3.Error as error:  # it is this node's card that fails, not the stick
        fault = Fault("", "file_unreadable", {"file": ARCHIVE_NAME, "reason": str(error)})
        raise LocalError(f"{ARCHIVE_NAME} of the node could not be read: {error}", fault=fault) from error


async def bundle_read(town: Town, params: BundleRead, tell: Tell) -> Json:
    """See `verbs.BundleRead`."""
    path = Path(params.path)
    with closing(await asyncio.to_thread(place_at, path)) as place:
        index = await asyncio.to_thread(read_index, place)
        if not index:
            raise no_bundle(path)
        before = await _sizes(town)
        transport = BundleTransport(path, place, index, town.archive)
        async with _network(town) as network:
            sizes = await asyncio.to_thread(_sizes_there, place, transport.origins)
            try:
                await network.attach(transport, transport.key)
                await _Reading(town, transport, sizes).finish(tell)
            finally:
                cut_short = transport.gone
                await transport.stop()
                refused = network.left.pop(transport.key, None)
        blobs, failure = await asyncio.to_thread(read_files, town.blobs.store, place, await _named(town))
        failure = transport.failure or failure
        if failure is None and (refused or cut_short):  # false, or too short for what it is
            failure = damaged(str(path), refused or "is cut")
        why = {"reason": None, "fault": None} if failure is None else reason_of(failure)
        logs = await _logs(town, transport.origins, before, sizes)
        return {"path": str(path), "sound": failure is None, **why, "logs": logs, "blobs": blobs}


async def _named(town: Town) -> dict[str, int]:
    """The files that the records which are known by now name; none while the index is made again."""
    await town.index.catch_up()
    return {} if town.index.rebuilding else await town.index.ask(files_named)


@asynccontextmanager
async def _network(town: Town) -> AsyncIterator[Network]:
    """The running node's network, or one that reaches nobody."""
    if town.network is not None:
        yield town.network
        return
    from convergences_node.network.network import Network

    network = town.network = Network(town)
    await network.begin()
    try:
        yield network
    finally:
        town.network = None
        await network.stop()


class _Reading:
    """Waits until the machine has taken from the bundle what there is to take."""

    def __init__(self, town: Town, transport: BundleTransport, there: dict[str, int | None]) -> None:
        self._town, self._transport, self._there = town, transport, there
        self._changed = asyncio.Event()
        self._last = time.monotonic()

    async def finish(self, tell: Tell) -> None:
        unsubscribe = self._town.archive.subscribe(self._heard)
        try:
            while not self._transport.gone:
                await self._show()
                done, total = await self._progress()
                tell({"what": "bundle", "done": done, "total": total})
                if time.monotonic() - self._last >= (QUIET_S if done >= total else STALLED_S):
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._changed.wait()
                self._changed.clear()
        finally:
            unsubscribe()

    def _heard(self, event: Event) -> None:
        self._last = time.monotonic()
        self._changed.set()

    async def _show(self) -> None:
        try:
            await self._transport.show()
        except (RemoteError, ValueError) as error:
            self._transport.failure = self._transport.failure or damaged("checkpoint", f"of the bundle: {error}")
            self._transport.drop(self._transport.key)

    async def _progress(self) -> tuple[int, int]:
        """How many records of the logs that are kept here have come, of how many in the bundle."""
        kept = {identity.origin: identity for identity in self._town.membership.identities() if identity.keep}
        kept.pop(self._town.membership.own.origin, None)
        sizes, done, total = await _sizes(self._town), 0, 0
        for origin in self._transport.origins:
            identity, size = kept.get(origin), self._there[origin]
            if identity is not None and size is not None:
                if identity.end is not None and not identity.past_end:
                    size = min(size, identity.end.size)
                done, total = done + min(size, sizes.get(origin, 0)), total + size
        return done, total


async def _sizes(town: Town) -> dict[str, int]:
    return await town.archive.read(lambda reader: {state.origin: state.size for state in reader.logs()})


async def _logs(
    town: Town, origins: Sequence[str], before: dict[str, int], there: dict[str, int | None]
) -> list[dict[str, Any]]:
    states = await town.archive.read(lambda reader: {state.origin: state for state in reader.logs()})
    kept = {identity.origin for identity in town.membership.identities() if identity.keep}
    return [
        _log(origin, states.get(origin), before.get(origin, 0), kept) | {"size": there[origin]}
        for origin in sorted(origins)
    ]


def _log(origin: str, state: LogState | None, before: int, kept: set[str]) -> dict[str, Any]:
    return {
        "origin": origin,
        "territory": origin.split("/")[1],
        "kept": state is not None and origin in kept,
        "before": before,
        "after": state.size if state else 0,
        "wanted": state.wanted if state else 0,
    }


def _sizes_there(place: Place, origins: Sequence[str]) -> dict[str, int | None]:
    """What the logs' heads in the bundle say, unverified: for telling how far the reading is. Asked at its beginning:
    of a stick that was pulled out nobody can say any more what is missing."""
    return {origin: _size_there(place, origin) for origin in origins}


def _size_there(place: Place, origin: str) -> int | None:
    try:
        note, _ = split_note(place.read(log_base(origin) + "checkpoint", NOTE_BYTES_MAX))
        return checkpoint.parse(note).size
    except (Gone, RemoteError):
        return None
