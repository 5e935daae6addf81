# SPDX-License-Identifier: AGPL-3.0-or-later
"""A node that is only asked: the real archive, index and web application, over an index that was made for measuring.

`python -m benchmarks.search_node FOLDER PORT` serves on 127.0.0.1 until SIGTERM. The archive holds this node's own log
and, still empty, those of the invented towns, so that every answer says of each of them how fresh and how whole it is.
What a node does besides answering (peers, clockwork, following the archive) does not run; the interpreter and its
memory are told what a node tells them (`serve.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from aiohttp import web
from convergences_node.allocating import collect_seldom, keep_little
from convergences_node.archive.archive import Archive
from convergences_node.blobs.blobs import Blobs
from convergences_node.blobs.settings import BlobsSection
from convergences_node.index.index import Index
from convergences_node.linked import layout
from convergences_node.membership import Membership
from convergences_node.serve import SWITCH_SECONDS
from convergences_node.web.app import make_app, make_runner
from convergences_node.web.town_door import PeerSeen, TownStatus, WebSettings
from convergences_protocol.charter import Charter
from convergences_protocol.errors import Refused
from convergences_protocol.keys import SigningKey
from convergences_protocol.origin import LogIdentity

from benchmarks.search import ORIGIN
from benchmarks.territory import BIRTH_MS, TOWNS

TERRITORY = "FR-200057867"
NOW = BIRTH_MS // 1000


@dataclass
class AskedTown:
    """What `town_door.Town` asks of the town behind the pages."""

    archive: Archive
    index: Index
    web_settings: WebSettings
    blobs: Blobs

    def now(self) -> int:
        return NOW

    def charter(self) -> Charter | None:
        return None

    def peers(self) -> Sequence[PeerSeen]:
        return ()

    def status(self) -> TownStatus:
        return TownStatus(ready=True, state="well", clock_plausible=True, started_at=NOW)

    async def join_answer(self, data: bytes) -> bytes:
        raise Refused([])

    async def message_answer(self, data: bytes) -> bytes:
        raise Refused([])


async def make(folder: Path) -> None:
    """An archive that keeps the logs of every invented town; `index.db` is put beside it by whoever measures."""
    key, recovery = (SigningKey.from_seed(sha256(word).digest()) for word in (b"node", b"recovery"))
    async with await Archive.create(folder, TERRITORY, key, recovery.public, name="benchmark") as archive:
        for town in TOWNS:
            keys = [SigningKey.from_seed(sha256(f"{town} {use}".encode()).digest()).public for use in ("log", "end")]
            await archive.keep_log(LogIdentity(ORIGIN.format(town), *keys))


@contextlib.asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[web.Application]:
    """The application over the node in `folder`. No bound on a client's pace: the benchmark is one client."""
    async with await Archive.open(folder) as archive, await Index.open(folder, archive, follow=False) as index:
        if index.rebuilding:
            raise RuntimeError(f"the index in {folder} does not fit this program: build it again")
        settings = WebSettings(TERRITORY, "benchmark", linked=folder / layout.FOLDER, requests_per_second=0.0)
        blobs = Blobs(folder, BlobsSection(), Membership(archive, agglomeration=True))
        yield make_app(AskedTown(archive, index, settings, blobs))


async def serve(folder: Path, port: int) -> None:
    """Answer until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    sys.setswitchinterval(SWITCH_SECONDS)
    keep_little()
    async with opened(folder) as app:
        runner = make_runner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            collect_seldom()
            await stop.wait()
        finally:
            await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
