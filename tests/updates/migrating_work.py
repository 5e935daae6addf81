# SPDX-License-Identifier: AGPL-3.0-or-later
"""A program that opens a node in the course of an update: `python -m tests.updates.migrating_work ROOT ACT`.

ROOT has a `system` that is pretended and the `node`. ACT is what the installer's state says by then: `trial` (this is
the next version, which knows one migration more of each database), `returned` (this is the old one again), `confirmed`.
What it tells somebody is a line on standard output, as in the power cut drill.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from convergences_node.accounts import Accounts
from convergences_node.accounts import migrations as private
from convergences_node.archive import migrations as archive
from convergences_node.archive.model import NewRecord
from convergences_node.archive.options import Options
from convergences_node.town import Town
from convergences_node.updates.places import ROOT_VARIABLE
from convergences_protocol.errors import LocalError

from tests.drills.workload import say

from .pretending import NEW, OLD, put_state, put_system

NOW = 1_795_100_000
OPTIONS = Options(clock=lambda: NOW, machine=lambda: None)
FIRST = (archive.STEPS, private.STEPS)


def next_archive(database: Any) -> None:
    """What a next version may do: a table, a column, every row of another table written again."""
    database.execute("CREATE TABLE next (n INTEGER) STRICT")
    database.execute("INSERT INTO next SELECT place FROM entries")
    database.execute("ALTER TABLE choices ADD COLUMN next TEXT")
    database.execute("UPDATE choices SET value = value")


def next_private(database: Any) -> None:
    """The same, of the private file."""
    database.execute("ALTER TABLE notes RENAME COLUMN value TO worth")
    database.execute("UPDATE notes SET worth = worth || '!'")


def be(act: str) -> None:
    """Become the program that the installer's state speaks of."""
    archive.STEPS, private.STEPS = FIRST
    if act != "returned":
        archive.STEPS, private.STEPS = (*FIRST[0], next_archive), (*FIRST[1], next_private)


def prepare(root: Path, act: str) -> None:
    """The system at that moment."""
    put_system(root / "system", version=OLD if act == "returned" else NEW)
    put_state(root / "system", act)


async def live(node: Path, act: str) -> None:
    """Open the node, and write a record where that is allowed."""
    async with Town.open(node, clock=lambda: NOW, options=OPTIONS) as town:
        assert not town.archive.findings, town.archive.findings
        Accounts(node, lambda: NOW).close()
        say("opened")
        try:
            placed = await town.archive.append([NewRecord("actor", {"name": "après", "type": "company"})])
        except LocalError as error:
            assert act == "trial" and error.fault is not None and error.fault.code == "update_on_trial", error
        else:
            assert act != "trial", "a record is acknowledged that the return would lose"
            say("appended", digest=placed[0].header_digest.hex())


if __name__ == "__main__":
    place, what = Path(sys.argv[1]), sys.argv[2]
    os.environ[ROOT_VARIABLE] = str(place / "system")
    be(what)
    asyncio.run(live(place / "node", what))
