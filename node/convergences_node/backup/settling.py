# SPDX-License-Identifier: AGPL-3.0-or-later
"""After a town was made again: run its node until its old logs are whole and the charter names the new one.

Or for as long as one cares to wait: the node goes on with it whenever it runs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convergences_protocol.errors import Fault, LocalError

from convergences_node.archive.reader import ArchiveReader
from convergences_node.faults import why_of
from convergences_node.verbs import Json

if TYPE_CHECKING:
    from convergences_node.town import Town

LOOK_S = 0.5

Tell = Callable[[dict[str, Json]], None]


async def settle(folder: Path, wait_s: float, tell: Tell) -> dict[str, Json]:
    """Run the node of `folder` until its old logs are whole and its charter names the new one, or `wait_s` have passed.

    Answer: as `settled`.
    """
    from convergences_node import serve

    towns: list[Town] = []
    ready, stop = asyncio.Event(), asyncio.Event()

    def came_up(town: Town) -> None:
        towns.append(town)
        ready.set()

    running = asyncio.create_task(serve.run(folder, came_up, stop))
    try:
        await asyncio.wait([running, asyncio.ensure_future(ready.wait())], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            _came_to_an_end(running)
        return await settled(towns[0], wait_s, tell)
    finally:
        stop.set()
        await asyncio.gather(running, return_exceptions=True)


def _came_to_an_end(running: asyncio.Task[Any]) -> None:
    """Say why the node did not even come up. What was put back stays: it is whole."""
    try:
        running.result()
    except OSError as error:
        raise LocalError(
            f"the town is in its folder again, and could not be started here: {error.strerror or error}",
            hint="stop what uses its ports, then: convergences serve",
            fault=Fault("", "rebuild_not_started", {"reason": why_of(error)}),
        ) from error
    raise LocalError(
        "the town is in its folder again, and stopped at once",
        hint="convergences serve says why",
        fault=Fault("", "rebuild_stopped"),
    )


async def settled(town: Town, wait_s: float, tell: Tell) -> dict[str, Json]:
    """Wait for it at a running town.

    Answer: `{territory, state: "settled" | "waiting" | "alone", origin, doubt, logs: [{origin, size, root, target,
    wanted, cosigned: {by, size, time}}]}`; `logs` are the town's former ones.
    """
    deadline = time.monotonic() + wait_s
    while True:
        logs = await _formers(town)
        done, total = sum(log["size"] for log in logs), sum(max(log["size"], log["target"]) for log in logs)
        tell({"what": "rebuild", "done": done, "total": total})
        whole = done == total and not any(log["wanted"] for log in logs)
        if whole and town.doubt_reason is None:
            state = "settled"
        elif not town.membership.joined and not town.peers():
            state = "alone"
        elif time.monotonic() >= deadline:
            state = "waiting"
        else:
            await asyncio.sleep(LOOK_S)
            continue
        own = town.membership.own
        return {
            "territory": own.territory,
            "state": state,
            "origin": own.origin,
            "doubt": town.doubt_reason,
            "logs": logs,
        }


async def _formers(town: Town) -> list[dict[str, Any]]:
    network = town.network
    return [
        log | {"target": network.target(log["origin"]) if network else 0}
        for log in await town.archive.read(lambda reader: _read_formers(reader, town.membership.former_origins))
    ]


def _read_formers(reader: ArchiveReader, origins: Sequence[str]) -> list[dict[str, Any]]:
    found = []
    for origin in origins:
        state = reader.log(origin)
        if state is None:
            continue
        others = [row for row in reader.cosignatures(origin) if row.cosigner != origin and row.size <= state.size]
        last = max(others, key=lambda row: (row.size, row.time), default=None)
        found.append(
            {
                "origin": origin,
                "size": state.size,
                "root": state.root.hex(),
                "wanted": state.wanted,
                "cosigned": {"by": last.cosigner, "size": last.size, "time": last.time} if last else None,
            }
        )
    return found
