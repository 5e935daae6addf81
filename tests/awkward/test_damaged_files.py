# SPDX-License-Identifier: AGPL-3.0-or-later
"""A file thrown away, torn or with a flipped byte: found, said in one line, mended, or refused with a next step.

What the archive does by itself is in `tests/archive/test_damage.py`; here is the whole node.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from convergences_node.archive.connection import ARCHIVE_NAME
from convergences_node.archive.guard import GUARD_NAME
from convergences_node.archive.model import ArchiveFull
from convergences_node.config import CONFIG_NAME
from convergences_node.index.store import INDEX_NAME
from convergences_node.membership_stored import CHARTER_CHOICE
from convergences_node.town import Town
from convergences_protocol.errors import LocalError

from .cluster import Cluster, Node, warnings

DICE = random.Random(11)


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for _ in range(40):
        data[DICE.randrange(len(data))] ^= 1 << DICE.randrange(8)
    path.write_bytes(data)


INDEX_DAMAGES: dict[str, Callable[[Path], object]] = {
    "thrown away": Path.unlink,
    "emptied": lambda path: path.write_bytes(b""),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "no database": lambda path: path.write_bytes(b"not a database" * 1000),
    "flipped bytes": _flip,
}


@pytest.mark.parametrize("damage", INDEX_DAMAGES)
async def test_an_index_that_is_damaged_is_built_again(
    cluster: Cluster, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    """Nothing is lost with it: one line says why, and every question has its answer again."""
    town = await cluster.start(await cluster.found("saint-denis"))
    names = [f"in the archive {number}" for number in range(20)]
    await town.write(*names)
    await town.until_finds(*names)
    await cluster.stop(town)
    INDEX_DAMAGES[damage](town.folder / INDEX_NAME)
    caplog.clear()
    await cluster.start(town)
    await town.until_finds(*names)
    lines = [line for line in warnings(caplog.records) if "index" in line]
    assert len(lines) <= 1
    assert lines or damage == "flipped bytes", "a flipped byte may lie where nothing is kept"
    await town.write("and one more")
    await town.until_finds(*names, "and one more")


FILES: dict[str, tuple[str, bytes, str]] = {
    "the settings torn": (CONFIG_NAME, b"[node\nname = ", "is not TOML"),
    "the settings no text": (CONFIG_NAME, b"\xff\xfe\x00", "is not UTF-8"),
    "a setting wrong": (CONFIG_NAME, b"[node]\nname = 'x'\nterritory = 'FR-93066'\nkind = 'city'\n", "node.kind"),
    "the node's secret torn": ("node.secret", b"00ff", "node.secret is damaged"),
    "the node's key torn": ("keys/node.key", b"convergences sealed key 1\nabc", "node.key is damaged"),
    "the archive no database": (ARCHIVE_NAME, b"\0" * 8192, "archive.db is damaged"),
}


@pytest.mark.parametrize("damage", FILES)
async def test_a_file_that_cannot_be_made_again_is_refused_with_a_next_step(cluster: Cluster, damage: str) -> None:
    """The sentence names the file, the hint says what to do, and put right again the node goes on as before."""
    town = await cluster.start(await cluster.found("saint-denis"))
    await town.write("kept")
    await cluster.stop(town)
    name, content, sentence = FILES[damage]
    path = town.folder / name
    whole = path.read_bytes()
    path.write_bytes(content)
    with pytest.raises(LocalError) as refused:
        async with Town.open(town.folder):
            pass
    assert sentence in str(refused.value)
    assert refused.value.hint
    path.write_bytes(whole)
    await cluster.start(town)
    await town.until_finds("kept")
    assert (await town.ask("status"))["doubts"] == []


@pytest.mark.parametrize("content", [None, b"", b"convergences guard 1\nsha256 00\n"], ids=["gone", "empty", "torn"])
async def test_a_guard_that_is_lost_costs_an_epoch_and_no_record(
    cluster: Cluster, caplog: pytest.LogCaptureFixture, content: bytes | None
) -> None:
    """One line, a new epoch that is enrolled by itself, and both logs are searched."""
    agglomeration, town = await cluster.cluster("saint-denis")
    await town.write("before")
    await agglomeration.until_finds("before")
    await cluster.stop(town)
    guard = town.folder / GUARD_NAME
    guard.unlink()
    if content is not None:
        guard.write_bytes(content)
    caplog.clear()
    await cluster.start(town)
    assert len([line for line in warnings(caplog.records) if "archive.doubt" in line]) == 1
    await town.write("after")
    await agglomeration.until_enrolled(town.origin)
    await agglomeration.until_finds("before", "after")


async def test_a_choice_of_charter_that_cannot_be_read_is_said_and_can_be_made_again(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """The town lives on by itself, says what to do, and a new invitation puts it right."""
    agglomeration, town = await cluster.cluster("saint-denis")
    await town.write("before")
    await agglomeration.until_finds("before")
    await cluster.stop(town)
    with sqlite3.connect(town.folder / ARCHIVE_NAME) as db:
        db.execute("UPDATE choices SET value = substr(value, 1, 20) WHERE name = ?", (CHARTER_CHOICE,))
    db.close()
    caplog.clear()
    await cluster.start(town)
    assert len([line for line in warnings(caplog.records) if "convergences join" in line]) == 1
    await town.write("alone")
    await town.until_finds("before", "alone")
    await cluster.join(town, agglomeration)
    await agglomeration.until_finds("before", "alone")


async def test_a_full_disk_at_either_end_refuses_and_goes_on_when_there_is_room(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """The town's: the resident is told, what was acknowledged stays. The agglomeration's: it takes up where it was."""
    agglomeration, town = await cluster.cluster("saint-denis")
    await cluster.stop(agglomeration, town)
    town.pages_max = agglomeration.pages_max = _pages(town) + 40
    await cluster.start(agglomeration)
    await cluster.start(town)
    kept: list[str] = []
    with pytest.raises(ArchiveFull, match="no room left, and nothing was written"):
        for number in range(400):
            await _add(town, f"fits {number}")
            kept.append(f"fits {number}")
    assert len(kept) > 10
    assert await town.finds(kept[0], kept[-1])
    await cluster.stop(agglomeration, town)
    agglomeration.pages_max = _pages(agglomeration) + 4
    town.pages_max = None
    await cluster.start(agglomeration)
    await cluster.start(town)
    caplog.clear()
    await _add(town, "there is room again")
    for number in range(60):
        await _add(town, f"more {number}")

    async def refused() -> bool:
        return any("the archive is full" in record.getMessage() for record in caplog.records)

    await agglomeration.until(refused)
    assert all(peer["misdeeds"] == 0 for peer in (await agglomeration.ask("peers"))["peers"])
    await cluster.stop(agglomeration)
    agglomeration.pages_max = None
    await cluster.start(agglomeration)
    await agglomeration.until_finds(kept[0], kept[-1], "there is room again", "more 59")
    assert await agglomeration.headers(town.origin) == await town.headers(town.origin)


async def _add(node: Node, name: str) -> None:
    fields = {"name": name, "type": "association", "description": "x" * 2000}
    await node.ask("add", kind="actor", fields=fields)


def _pages(node: Node) -> int:
    return (node.folder / ARCHIVE_NAME).stat().st_size // 4096
