# SPDX-License-Identifier: AGPL-3.0-or-later
"""Lives of a town on a card that is filled up, in a file system of its own; what each saw, as JSON.

    python full_card_work.py CARD STICK [without]

Each life is a process, so that it can be cut off like a machine. `without`: nothing is spare, as where the card was
full before this version came.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp
from convergences_node.archive.spare import SPARE_NAME
from convergences_node.founding import create_town
from convergences_node.index.query import Query
from convergences_node.serve import run
from convergences_node.town import Town
from convergences_node.verbs import perform
from convergences_node.web.operator.log_in import LOG_IN
from convergences_protocol.errors import LocalError

SETTINGS: dict[str, dict[str, Any]] = {
    "p2p": {"enabled": False},
    "discovery": {"zeroconf": False},
    "http": {"host": "127.0.0.1", "port": 0},
}
BLOCK = 4096
ROOM = 8 << 20


def free(card: Path) -> int:
    found = os.statvfs(card)
    return found.f_bavail * found.f_frsize


def fill(card: Path) -> None:
    """Until not one block is left."""
    with (card / "filler").open("ab") as filler:
        size = filler.tell()
        for piece in (1 << 20, BLOCK):
            while free(card) >= piece:
                os.posix_fallocate(filler.fileno(), size, piece)
                size += piece


def clear(card: Path) -> None:
    os.truncate(card / "filler", (card / "filler").stat().st_size - ROOM)


async def add(town: Town, name: str) -> None:
    fields = {"name": name, "type": "association"}
    await perform(town, "add", {"kind": "actor", "fields": fields}, lambda event: None)


async def found(town: Town, text: str) -> int:
    return len((await town.index.search(Query(text=text, limit=50))).items)


async def look(town: Town, stick: Path) -> dict[str, Any]:
    seen: dict[str, Any] = {"free": free(town.folder), "spare": (town.folder / SPARE_NAME).stat().st_size}
    seen["found"] = await found(town, "chorale")
    try:
        await add(town, "Fanfare")
    except LocalError as error:
        seen["refused"] = [type(error).__name__, error.fault.code if error.fault else None]
    status = await perform(town, "status", {}, lambda event: None)
    seen["card"] = next(each["level"] for each in status["signs"] if each["name"] == "card")
    seen["backup"] = (await perform(town, "backup", {"target": str(stick)}, lambda event: None))["path"]
    return seen


async def begin(folder: Path, stick: Path) -> dict[str, Any]:
    await create_town(folder, "FR-93066", "town", "Saint-Denis", settings=SETTINGS)
    async with Town.open(folder) as town:
        for number in range(20):
            await add(town, f"Chorale {number}")
        await town.index.catch_up()
    return {"spare": (folder / SPARE_NAME).stat().st_size}


async def cut_off(folder: Path, stick: Path) -> dict[str, Any]:
    """A start on the full card, and the power goes."""
    async with Town.open(folder) as town:
        say(await look(town, stick))
        os._exit(0)


async def gets_room(folder: Path, stick: Path) -> dict[str, Any]:
    """Without a new start, once there is room, what is added is kept and found; then it is full again."""
    async with Town.open(folder) as town:
        seen = await look(town, stick)
        clear(folder.parent)
        await add(town, "Zouk")
        await town.index.catch_up()
        seen["after"] = await found(town, "zouk")
        fill(folder.parent)
    return seen


async def once_more(folder: Path, stick: Path) -> dict[str, Any]:
    fill(folder.parent)  # with what the last one gave back when it ended
    async with Town.open(folder) as town:
        return await look(town, stick)


async def served(folder: Path, stick: Path) -> dict[str, Any]:
    """All of a node: its operator finds where to log in."""
    seen: dict[str, Any] = {}
    stop, asking = asyncio.Event(), list[asyncio.Task[None]]()

    async def ask(town: Town) -> None:
        async with aiohttp.ClientSession(town.http_address) as session, session.get(LOG_IN) as answer:
            seen["log_in"] = answer.status
        stop.set()

    await run(folder, lambda town: asking.append(asyncio.create_task(ask(town))), stop)
    await asking[0]
    return seen | {"spare": (folder / SPARE_NAME).stat().st_size}


async def refused(folder: Path, stick: Path) -> dict[str, Any]:
    try:
        async with Town.open(folder):
            return {}
    except LocalError as error:
        return {"refused": [type(error).__name__, error.fault.code if error.fault else None]}


def say(seen: dict[str, Any]) -> None:
    print(json.dumps(seen), flush=True)


def live(life: Callable[[Path, Path], Coroutine[Any, Any, dict[str, Any]]], folder: Path, stick: Path) -> None:
    child = os.fork()
    if child:
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, life.__name__
        return
    try:
        say(asyncio.run(life(folder, stick)))
        os._exit(0)
    finally:
        os._exit(1)


def main(card: Path, stick: Path, without: bool) -> None:
    folder = card / "node"
    live(begin, folder, stick)
    if without:
        (folder / SPARE_NAME).unlink()
    fill(card)
    for life in [refused] if without else [cut_off, gets_room, once_more, served]:
        live(life, folder, stick)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), len(sys.argv) > 3)
