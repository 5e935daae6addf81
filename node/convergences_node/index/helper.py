# SPDX-License-Identifier: AGPL-3.0-or-later
"""A second process that indexes while a node takes in a backlog: `python -m convergences_node.index.helper <folder>`.

Checking and writing a backlog keeps one interpreter busy; so does indexing it. The node lends its index to this
process, which reads the archive (and cannot write it), takes in whatever is new, and gives way to the node's own work
(nice). It is told once, by a line of JSON on its standard input, which logs speak and how far one's own logs are
revealed; it goes on until that input is closed, then takes in the rest and ends. It may be killed at any moment: what
it had not committed is taken in again.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from convergences_node.archive.model import Event
from convergences_node.archive.reader import ArchiveReader
from convergences_node.archive.revealed import Revealed
from convergences_node.index.index import Index

T = TypeVar("T")

NICE = 19
"""It takes only what the node leaves: what is stored is safe, and what is searchable a little later is only late."""
LOOK_SECONDS = 0.1
"""How long to wait for more when all that is there has been taken in."""


class _Door:
    """The archive, for reading only, in this process."""

    def __init__(self, folder: Path, revealed: Mapping[str, int]) -> None:
        shown = Revealed()
        self._reader = ArchiveReader.open(folder, shown)
        for number, size in revealed.items():
            shown.hold(int(number), size)

    async def read(self, ask: Callable[[ArchiveReader], T]) -> T:
        with self._reader.snapshot():
            return ask(self._reader)

    def subscribe(self, callback: Callable[[Event], None]) -> Callable[[], None]:
        return lambda: None

    def close(self) -> None:
        self._reader.close()


async def index_until(folder: Path, told: Mapping[str, Any], finish: threading.Event) -> None:
    """Take in what comes until `finish` is set and nothing is left."""
    door = _Door(folder, told["revealed"])
    speakers: dict[str, Sequence[tuple[str, int | None]]] = {
        territory: [(origin, upto) for origin, upto in logs] for territory, logs in told["speakers"].items()
    }
    try:
        async with await Index.open(folder, door, clock=lambda: told["now"], follow=False) as index:
            while True:
                finishing = finish.is_set()
                if not await index.catch_up_as(speakers):
                    if finishing:
                        return
                    await asyncio.sleep(LOOK_SECONDS)
    finally:
        door.close()


def _until_closed(finish: threading.Event) -> None:
    sys.stdin.read()
    finish.set()


def main() -> None:
    """Index the folder named on the command line."""
    os.nice(NICE)
    told = json.loads(sys.stdin.readline())
    finish = threading.Event()
    threading.Thread(target=_until_closed, args=(finish,), daemon=True).start()
    asyncio.run(index_until(Path(sys.argv[1]), told, finish))


if __name__ == "__main__":
    main()
