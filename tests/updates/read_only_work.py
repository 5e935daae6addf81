# SPDX-License-Identifier: AGPL-3.0-or-later
"""The next version of the program on a card that takes no write: `python -m tests.updates.read_only_work ROOT [BYTES]`.

It knows one migration more of each database than what wrote them. It reads the node in ROOT, tries to write, backs it
up to ROOT/stick, and says as JSON what came of each. BYTES is how large a copy in memory may be.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

from convergences_node.archive import older
from convergences_node.archive.model import NewRecord
from convergences_node.archive.reader import ArchiveReader
from convergences_node.archive.verifying import verify_folder
from convergences_node.index.query import Query
from convergences_node.read_only import ReadOnlyCard, passing_places
from convergences_node.town import Town
from convergences_node.updates.places import ROOT_VARIABLE
from convergences_node.verbs import perform
from convergences_protocol.errors import ConvergencesError

from .migrating_work import NOW, OPTIONS, be


async def look(node: Path, stick: Path, told: dict[str, Any]) -> dict[str, Any]:
    """What the town's people and its operator get."""
    async with Town.open(node, clock=lambda: NOW, options=OPTIONS) as town:
        await town.index.catch_up()

        async def find(name: str) -> bool:
            answer = await town.index.search(Query.from_params({"q": name}))
            return name in [item.name for item in answer.items]

        async def located(digest: str) -> bool:
            ask = partial(ArchiveReader.locate, header_digest=bytes.fromhex(digest))
            return await town.archive.read(ask) is not None

        try:
            await town.archive.append([NewRecord("actor", {"name": "après", "type": "company"})])
            refused = False
        except ReadOnlyCard:
            refused = True
        backup = await perform(town, "backup", {"target": str(stick)}, lambda event: None)
        return {
            "read": all([await located(digest) for digest in told["digests"]]),
            "found": all([await find(name) for name in told["names"]]),
            "gone": not any([await find(name) for name in told["gone"]]),
            "refused": refused,
            "choice": await town.archive.read(lambda reader: reader.choice("golden")),
            "findings": [finding.code for finding in town.archive.findings],
            "records": backup["records"],
            "sound": verify_folder(node).sound,
            "copied": copies(node),
        }


def copies(node: Path) -> int:
    """Archives in memory."""
    return len([path for place in passing_places(node) for path in place.glob("archive*")])


def main(root: Path, bytes_max: int) -> dict[str, Any]:
    """Everything, or why nothing."""
    os.environ[ROOT_VARIABLE] = str(root / "system")
    older.BYTES_MAX = bytes_max
    be("confirmed")
    node, told = root / "node", json.loads((root / "told.json").read_text())
    try:
        seen = asyncio.run(look(node, root / "stick", told))
    except ConvergencesError as error:
        seen = {"fault": error.fault.code if error.fault else str(error)}
    return {**seen, "left": copies(node)}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
