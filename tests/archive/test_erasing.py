# SPDX-License-Identifier: AGPL-3.0-or-later
"""What was erased is gone from the files: the words are looked for in every byte of the folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from convergences_node.archive.archive import Archive
from convergences_node.archive.model import NewRecord, SourceRow
from convergences_node.archive.options import Options
from convergences_protocol.erasure import GRACE_SECONDS, Erasure

from .making import NOW, RemoteLog, Town, key_of

WORDS = [b"Jeanne Deroin", b"rue de la Charronnerie", b"W931234567"]
OPTIONS = Options(clock=lambda: NOW, machine=lambda: "board 1")


def found_in(folder: Path) -> set[tuple[str, bytes]]:
    """The words that are anywhere in the folder's files, and in which."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {(path.name, word) for path in files for word in WORDS if word in path.read_bytes()}


def person(at: int = 0) -> NewRecord:
    """Long enough to fill pages of its own, so that freed pages are looked into as well."""
    text = f"{WORDS[0].decode()} habitait {WORDS[1].decode()}. " * 150
    source = SourceRow("associations", WORDS[2].decode(), bytes(32)) if at == 0 else None
    return NewRecord("actor", {"name": WORDS[0].decode(), "type": "person", "description": text}, source=source)


@pytest.mark.parametrize("at_once", [False, True])
async def test_erased_words_are_in_no_file(tmp_path: Path, at_once: bool) -> None:
    """Hidden first, gone after seven days or at the operator's word; while the node runs, and after it stopped."""
    now = NOW
    options = replace(OPTIONS, clock=lambda: now)
    async with await Archive.create(tmp_path, "FR-93066", key_of("n"), key_of("r").public, options=options) as archive:
        placed = await archive.append([person(at) for at in range(20)])
        others = [NewRecord("actor", {"name": f"neighbour {at}", "type": "company"}) for at in range(200)]
        await archive.append(others)
        assert found_in(tmp_path)
        for each in placed:
            assert each.element is not None
            await archive.erase(Erasure("asked for", each.element), at_once=at_once)
        if not at_once:
            assert found_in(tmp_path), "hidden, and not yet dropped"
            now += GRACE_SECONDS
            await archive.sweep_erasures()
        assert found_in(tmp_path) == set()
        kept = await archive.read(lambda reader: sum(e.body is not None for e in reader.entries(placed[0].origin, 0)))
        assert kept == len(others)
    assert found_in(tmp_path) == set()


async def test_words_that_arrive_after_their_erasure_never_reach_a_file(tmp_path: Path) -> None:
    """In another town's log, with the record or alone."""
    neighbour = Town("FR-93059")
    records = neighbour.make(person(1), person(1))
    remote = RemoteLog(neighbour, records)
    async with await Archive.create(tmp_path, "FR-93066", key_of("n"), key_of("r").public, options=OPTIONS) as archive:
        await archive.keep_log(neighbour.identity)
        await archive.erase(Erasure("asked for", origin=neighbour.origin, ranges=((1, 3),)))
        await archive.sweep_erasures(lambda erasure, origin, index: True)
        await archive.keep_batch(*remote.batch(0, missing={2}))
        wanted = records[1].header.body_digest
        assert wanted is not None and records[1].body is not None
        assert await archive.keep_bodies([(wanted, records[1].body)]) == 0
        assert found_in(tmp_path) == set()


async def test_a_cut_between_dropping_and_folding_is_finished_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drop has committed, the words are still in the write-ahead log: opening the archive ends it."""
    archive = await Archive.create(tmp_path / "live", "FR-93066", key_of("n"), key_of("r").public, options=OPTIONS)
    async with archive:
        (placed,) = await archive.append([person()])
        assert placed.element is not None
        with monkeypatch.context() as patch:
            patch.setattr("convergences_node.archive.erasing.fold", lambda tables: False)
            await archive.erase(Erasure("asked for", placed.element), at_once=True)
        image = tmp_path / "image"
        image.mkdir()
        for path in (tmp_path / "live").iterdir():
            if path.is_file() and not path.name.endswith("-shm"):
                (image / path.name).write_bytes(path.read_bytes())
        assert found_in(image)
    (image / "keys").mkdir()
    for path in (tmp_path / "live" / "keys").iterdir():
        (image / "keys" / path.name).write_bytes(path.read_bytes())
    async with await Archive.open(image, options=OPTIONS):
        assert found_in(image) == set()


async def test_an_element_that_was_erased_is_not_imported_again(tmp_path: Path) -> None:
    """The source's row is still known to be that element, and the element to be erased; no word of either is kept."""
    async with await Archive.create(tmp_path, "FR-93066", key_of("n"), key_of("r").public, options=OPTIONS) as archive:
        (placed,) = await archive.append([person()])
        assert placed.element is not None
        await archive.erase(Erasure("asked for", placed.element), at_once=True)
        known = await archive.read(lambda reader: reader.source("associations", WORDS[2].decode()))
        assert known is not None and known[0] == placed.element
        element = known[0]
        assert await archive.read(lambda reader: reader.is_erased(element))
        assert found_in(tmp_path) == set()
