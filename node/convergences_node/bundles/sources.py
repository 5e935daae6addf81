# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where logs can be copied from before this node belongs anywhere: another node's address, or a bundle's path.

Both list their logs and give each as a `RemoteLog`; neither is believed.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import aiohttp
from convergences_protocol import checkpoint
from convergences_protocol.errors import ConvergencesError, Fault, RemoteError, Unreadable
from convergences_protocol.opening import Opening, read_opening
from convergences_protocol.record import read_header, signature_valid

from convergences_node.network.addresses import is_http
from convergences_node.network.http_peer import fetch, http_log
from convergences_node.network.http_tiles import Gone, RemoteLog
from convergences_node.network.http_transport import LOGS_BYTES_MAX, LOGS_MAX

from .places import Place, log_base, place_at
from .writing import read_index

FAILURES = (RemoteError, Gone, aiohttp.ClientError, TimeoutError, OSError, ValueError, LookupError, TypeError)
"""What reading from a source may raise, and says nothing of this node."""


class LogSource(Protocol):
    """Logs to be copied."""

    name: str

    async def logs(self) -> Sequence[dict[str, Any]]:
        """What is there: `origin`, `key` and more of each. Raises one of `FAILURES`."""

    def log(self, origin: str) -> RemoteLog:
        """One of them."""


def source_at(session: aiohttp.ClientSession, address: str) -> LogSource:
    """The source at an HTTP address, or at the path of a bundle. Raises `LocalError` where no bundle is."""
    return NodeSource(session, address) if is_http(address) else BundleSource(Path(address))


class NodeSource:
    """Another node's files."""

    def __init__(self, session: aiohttp.ClientSession, address: str) -> None:
        self.name = address
        self._session = session

    async def logs(self) -> Sequence[dict[str, Any]]:
        data = await fetch(self._session, f"{self.name.rstrip('/')}/api/v1/logs", LOGS_BYTES_MAX)
        return [dict(entry) for entry in json.loads(data)["logs"][:LOGS_MAX]]

    def log(self, origin: str) -> RemoteLog:
        return http_log(self._session, self.name, origin)


class BundleSource:
    """The same files on a stick."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._place: Place = place_at(path)

    async def logs(self) -> Sequence[dict[str, Any]]:
        return await asyncio.to_thread(read_index, self._place)

    def log(self, origin: str) -> RemoteLog:
        def fetcher(path: str, bytes_max: int) -> Any:
            return asyncio.to_thread(self._place.read, log_base(origin) + path, bytes_max)

        return RemoteLog(fetcher)


def stick_fault(address: str, error: Exception) -> Fault | None:
    """What to say of a bundle that could not be read; None of a node at an address, or of what is whole and does not
    have what is asked for."""
    if is_http(address) or isinstance(error, Gone | Unreadable):
        return None
    named = error.fault if isinstance(error, ConvergencesError) else None
    return named or Fault("", "bundle_damaged", {"file": address})


async def openings(
    source: LogSource, wanted: Callable[[Opening], bool], missed: Callable[[Exception], None]
) -> list[tuple[Opening, int]]:
    """The first records of those logs there that are `wanted`, each with the size of the log's head; false or
    unreadable ones are passed over, and `missed` is told why."""
    found = []
    for entry in await source.logs():
        try:
            remote = source.log(str(entry["origin"]))
            note, _ = await remote.head()
            head = checkpoint.verify(note, str(entry["origin"]), bytes.fromhex(entry["key"]))
            raw = await remote.first(head.size)
            opening = read_opening(read_header(raw))
        except (Unreadable, *FAILURES) as error:
            missed(error)
            continue
        named = (opening.origin, opening.key) == (head.origin, bytes.fromhex(entry["key"]))
        if named and signature_valid(raw) and wanted(opening):
            found.append((opening, head.size))
    return found
