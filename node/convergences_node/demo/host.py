# SPDX-License-Identifier: AGPL-3.0-or-later
"""One process of the demo: `python -m convergences_node.demo.host FOLDER…` serves the nodes of these folders.

It stops on SIGTERM, and as soon as its standard input is closed: whoever started it has then gone, however that
happened, and nothing of a demo should stay behind on somebody's machine.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from convergences_node.config import load_config
from convergences_node.serve import run, write_logs


def main(arguments: Sequence[str]) -> None:
    folders = [Path(argument) for argument in arguments]
    write_logs(load_config(folders[0]).logs)
    asyncio.run(serve_all(folders))


async def serve_all(folders: Sequence[Path]) -> None:
    """Serve every folder's node until told to stop; one that fails stops the others, and the process says so."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_reader(sys.stdin.fileno(), _listen, stop)
    async with asyncio.TaskGroup() as nodes:
        for folder in folders:
            nodes.create_task(run(folder, stop=stop), name=str(folder))


def _listen(stop: asyncio.Event) -> None:
    """Nothing is ever said on standard input; that it can be read means that it was closed."""
    if not os.read(sys.stdin.fileno(), 1):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stop.set()


if __name__ == "__main__":
    main(sys.argv[1:])
