# SPDX-License-Identifier: AGPL-3.0-or-later
"""A node whose plug is going to be pulled: `python -m tests.drills.workload ROOT SEED`.

It founds a town in ROOT/town with a stick in ROOT/stick, and then does, for ever and by its dice, what nodes do: it
appends, imports, erases, backs up, writes bundles, stops and starts again, migrates, is put into a new epoch. Each
thing that it was told is done it says on standard output, one line of JSON, as a resident or an operator is told.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from random import Random
from typing import Any

from convergences_node.archive import folding, migrations
from convergences_node.archive.model import NewRecord
from convergences_node.founding import create_town
from convergences_node.town import Town
from convergences_node.verbs import perform

MIGRATIONS_MAX = 6
KEEP = 2
"""Backups that stay on the stick."""
WAL_PAGES = 20
"""The log is folded beside every few acts, as a backlog would have it."""
SETTINGS = {"p2p": {"enabled": False}, "discovery": {"zeroconf": False}}


def say(what: str, **more: Any) -> None:
    """Told to somebody: from here on it must survive."""
    os.write(1, json.dumps({"what": what, **more}).encode() + b"\n")


def step(number: int) -> Any:
    """A migration of a released program's successor: a table, and every row of another one touched."""

    def migrate(database: Any) -> None:
        database.execute(f"CREATE TABLE drill{number} (n INTEGER) STRICT")
        database.execute(f"INSERT INTO drill{number} SELECT place FROM entries")
        database.execute("UPDATE choices SET value = value")

    migrate.__name__ = f"drill{number}"
    return migrate


def migrate_to(count: int) -> None:
    """Be the program that knows so many migrations more than ours."""
    migrations.STEPS = (*migrations.STEPS[:1], *(step(number) for number in range(count)))


class Node:
    """The town, and what it has been told about."""

    def __init__(self, root: Path, dice: Random) -> None:
        self.folder, self.stick, self.dice = root / "town", root / "stick", dice
        self.elements: list[str] = []
        self.count = 0
        self.steps = 0

    async def live(self) -> None:
        """For ever."""
        founded = await create_town(self.folder, "FR-93066", "town", "Saint-Denis", settings=SETTINGS)
        self.stick.mkdir()
        say("founded", origin=founded.origin, sheet="\n".join(founded.recovery_sheet))
        while True:
            async with Town.open(self.folder) as town:
                say("opened", steps=self.steps)
                for _ in range(self.dice.randrange(3, 12)):
                    await self.act(town)
            say("closed")
            if self.steps < MIGRATIONS_MAX and self.dice.random() < 0.5:
                self.steps += 1
                migrate_to(self.steps)

    async def act(self, town: Town) -> None:
        """One thing."""
        act = self.dice.choices(
            (self.append, self.take_in, self.erase, self.back_up, self.bundle, self.epoch), (8, 3, 3, 2, 1, 1)
        )[0]
        await act(town)

    async def append(self, town: Town) -> None:
        names = [self._name() for _ in range(self.dice.randrange(1, 5))]
        placed = await town.archive.append([NewRecord("actor", {"name": name, "type": "company"}) for name in names])
        self.elements += [str(each.element) for each in placed]
        say("appended", digests=[each.header_digest.hex() for each in placed], names=names)

    async def take_in(self, town: Town) -> None:
        """An import that is not acknowledged as a whole: what is told is how many rows are in."""
        names = [self._name() for _ in range(self.dice.randrange(3, 30))]
        path = self.folder.parent.parent / "rows.csv"
        rows = "".join(f"{name.rpartition(' ')[2]},{name},association\n" for name in names)
        path.write_text("id,name,type\n" + rows, "utf-8")
        report = await perform(town, "import", {"path": str(path), "kind": "actor"}, lambda event: None)
        if report["created"] == len(names):
            say("imported", names=names)

    async def erase(self, town: Town) -> None:
        """A right to be forgotten, at once: the words are to be gone from the files."""
        if not self.elements:
            return
        element = self.elements.pop(self.dice.randrange(len(self.elements)))
        shown = await perform(town, "show", {"element": element}, lambda event: None)
        say("erasing", name=shown["item"]["name"])  # from here on it may be gone, and nobody may rely on it
        await perform(town, "erase", {"element": element, "reason": "asked", "now": True}, lambda event: None)
        say("erased", element=element, name=shown["item"]["name"])

    async def back_up(self, town: Town) -> None:
        made = await perform(town, "backup", {"target": str(self.stick), "keep": KEEP}, lambda event: None)
        say("backed_up", file=Path(made["path"]).name, records=made["records"])

    async def bundle(self, town: Town) -> None:
        written = await perform(town, "bundle_write", {"path": str(self.stick / "logs")}, lambda event: None)
        say("bundled", records=written["records"])

    async def epoch(self, town: Town) -> None:
        if self.dice.random() < 0.3:
            event = await town.archive.open_epoch("drill")
            await town.membership.own_epoch()
            say("epoch", origin=event.origin)

    def _name(self) -> str:
        self.count += 1
        return f"organisation {self.count} {self.dice.randrange(1 << 30):08x}"


if __name__ == "__main__":
    folding.WAL_PAGES = WAL_PAGES  # type: ignore[attr-defined]  # its own name for the bound that it folds at
    asyncio.run(Node(Path(sys.argv[1]), Random(int(sys.argv[2]))).live())
