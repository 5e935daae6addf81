# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whether what a cut has left of a node is all that was acknowledged, and a node that starts and goes on."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from convergences_node.archive.model import Finding, NewRecord
from convergences_node.archive.reader import ArchiveReader
from convergences_node.archive.verifying import verify_folder
from convergences_node.backup import shelf
from convergences_node.backup.restoring import verify
from convergences_node.bundles.sources import FAILURES, BundleSource
from convergences_node.index.query import Query
from convergences_node.town import Town
from convergences_protocol import checkpoint
from convergences_protocol.element import ElementId
from convergences_protocol.errors import ConvergencesError
from convergences_protocol.merkle import Frontier
from convergences_protocol.recovery import read_sheet
from convergences_protocol.replication.check import check_batch
from convergences_protocol.replication.messages import Batch
from convergences_protocol.replication.views import Held
from convergences_protocol.tiles import Slot

from .workload import migrate_to


@dataclass
class Told:
    """What people were told before the cut."""

    sheet: str = ""
    steps: int = 0
    digests: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    erased: dict[str, str] = field(default_factory=dict)
    backups: list[str] = field(default_factory=list)
    bundled: int = 0
    origins: list[str] = field(default_factory=list)
    acts: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, lines: Sequence[str]) -> Told:
        told = cls()
        for line in lines:
            told.hear(json.loads(line))
        return told

    def hear(self, event: dict[str, Any]) -> None:
        self.acts[event["what"]] += 1
        match event["what"]:
            case "founded":
                self.sheet = event["sheet"]
                self.origins.append(event["origin"])
            case "opened":
                self.steps = event["steps"]
            case "appended":
                self.digests += event["digests"]
                self.names += event["names"]
            case "imported":
                self.names += event["names"]
            case "erasing":
                self.names.remove(event["name"])
            case "erased":
                self.erased[event["element"]] = event["name"]
            case "backed_up":
                self.backups.append(event["file"])
            case "bundled":
                self.bundled = event["records"]
            case "epoch":
                self.origins.append(event["origin"])


async def judge(root: Path, told: Told, steps: int) -> None:
    """AssertionError that says what is missing. `steps`: migrations that the program knows by then."""
    migrate_to(steps)
    try:
        async with Town.open(root / "town") as town:
            for finding in town.archive.findings:
                assert _expected(finding, told), f"found at the start: {finding}"
            await town.archive.read(lambda reader: _all_there(reader, told))
            await _found(town, told)
            await town.archive.append([NewRecord("actor", {"name": "after the cut", "type": "company"})])
    except ConvergencesError as error:
        raise AssertionError(f"the start was refused: {error}") from error
    report = verify_folder(root / "town")
    assert report.sound, f"not sound: {report.faults}"
    _forgotten(root / "town", told)
    _backups(root / "stick", told)
    try:
        await _bundle(root / "stick", told)
    except (*FAILURES, ConvergencesError) as error:
        raise AssertionError(f"the bundle cannot be read: {error!r}") from error


def _expected(finding: Finding, told: Told) -> bool:
    """Records that were written and nobody was told of are shown; and an epoch that was being opened, and that nobody
    was told of, costs another one (docs/decisions/0011). Any other doubt is wrong."""
    if finding.code == "archive.doubt":
        return finding.params["reason"] == "guard_of_another_log" and finding.params["old"] not in told.origins
    return finding.code == "archive.revealed"


def _all_there(reader: ArchiveReader, told: Told) -> None:
    for digest in told.digests:
        assert reader.locate(bytes.fromhex(digest)) is not None, f"record {digest[:12]} was acknowledged, and is lost"
    for element in told.erased:
        entry = reader.current(ElementId.parse(element))
        assert entry is not None and entry.slot is Slot.ERASED, f"{element} was erased, and is back"


async def _found(town: Town, told: Told) -> None:
    """The index has caught up, or was made again."""
    await town.index.catch_up()
    for name in told.names[-2:] + told.names[:1]:
        answer = await town.index.search(Query.from_params({"q": name.rpartition(" ")[2]}))
        assert name in [item.name for item in answer.items], f"{name} is not found"
    for name in list(told.erased.values())[-2:]:
        answer = await town.index.search(Query.from_params({"q": name.rpartition(" ")[2]}))
        assert not answer.items, f"{name} was erased, and is found"


def _forgotten(folder: Path, told: Told) -> None:
    """After a start, no file has the words of what was dropped."""
    for path in folder.glob("*.db*"):
        data = path.read_bytes()
        for name in told.erased.values():
            assert name.encode() not in data, f"{path.name} still says {name}"


async def _bundle(stick: Path, told: Told) -> None:
    """Every log's head on the stick is there with all that it covers, and none is older than what was told."""
    if not told.bundled:
        return
    source, total = BundleSource(stick / "logs"), 0
    for entry in await source.logs():
        remote, frontier = source.log(entry["origin"]), Frontier()
        note, _ = await remote.head()
        head = checkpoint.verify(note, entry["origin"], bytes.fromhex(entry["key"]))
        while frontier.size < head.size:
            headers, bodies, proof = await remote.batch(frontier.size, head.size)
            batch = Batch(0, frontier.size, tuple(headers), tuple(bodies), tuple(proof))
            frontier = check_batch(frontier, batch, Held(head.size, head.root, note)).frontier
        total += head.size
    assert total >= told.bundled, f"the stick has {total} records, {told.bundled} were told"


def _backups(stick: Path, told: Told) -> None:
    """The newest that was acknowledged is whole, opens, and no file with a backup's name is half of one."""
    for each in shelf.kept(stick) if told.backups else []:
        if each.note is not None:
            shelf.check(each)
    if told.backups:
        found = {each.path.name: each for each in shelf.kept(stick)}
        newest = [name for name in told.backups if name in found]
        assert newest and (newest[-1] == told.backups[-1] or max(found) > told.backups[-1]), "the last backup is gone"
        verify(found[newest[-1]].path, read_sheet(told.sheet))
