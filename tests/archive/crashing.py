# SPDX-License-Identifier: AGPL-3.0-or-later
"""A node that is to be killed: `crashing.py FOLDER [STEP COUNT]`.

It opens the archive of FOLDER (or makes it), appends for ever, and writes each header digest to standard output once
it was told that the append is durable. At the COUNT-th time that STEP is reached it kills itself, at once, with no
chance to tidy anything; without a STEP it waits to be killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from hashlib import sha256
from pathlib import Path

from convergences_node.archive.archive import Archive
from convergences_node.archive.connection import ARCHIVE_NAME
from convergences_node.archive.model import NewRecord
from convergences_node.archive.options import Options
from convergences_protocol.keys import SigningKey

WRITERS = 3


def die_at(step: str, count: int) -> Options:
    left = [count]

    def reached(name: str) -> None:
        left[0] -= name == step
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return Options(step=reached, machine=lambda: "board 1")


async def write_for_ever(archive: Archive, number: int) -> None:
    while True:
        names = [f"actor of writer {number}, {at}" for at in range(1 + number)]
        placed = await archive.append([NewRecord("actor", {"name": name, "type": "company"}) for name in names])
        for each in placed:
            sys.stdout.write(f"{each.header_digest.hex()}\n")
        sys.stdout.flush()


async def main(folder: Path, options: Options) -> None:
    if (folder / ARCHIVE_NAME).exists():
        archive = await Archive.open(folder, options=options)
    else:
        key = SigningKey.from_seed(sha256(b"crashing").digest())
        archive = await Archive.create(folder, "FR-93066", key, key.public, options=options)
    await asyncio.gather(*(write_for_ever(archive, number) for number in range(WRITERS)))


if __name__ == "__main__":
    step = (sys.argv[2], int(sys.argv[3])) if len(sys.argv) > 2 else ("never", 1)
    asyncio.run(main(Path(sys.argv[1]), die_at(*step)))
