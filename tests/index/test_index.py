# SPDX-License-Identifier: AGPL-3.0-or-later
"""The index beside a real archive: it follows, survives what can happen to its file, and forgets what is erased."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from copy import copy
from dataclasses import replace
from pathlib import Path

import pytest
from convergences_node.archive.archive import Archive
from convergences_node.archive.model import NewRecord
from convergences_node.archive.options import Options
from convergences_node.index import following, store
from convergences_node.index.course import Course
from convergences_node.index.index import Index
from convergences_node.index.query import Query
from convergences_node.index.views import Progress
from convergences_protocol.charter import Charter
from convergences_protocol.element import ElementId
from convergences_protocol.erasure import Erasure
from convergences_protocol.origin import LogIdentity

from ..archive.making import NOW, RemoteLog, Town, key_of

OPTIONS = Options(clock=lambda: NOW, machine=lambda: "board 1")
SECRET = "Zygomatique"


def actor(name: str, **more: object) -> NewRecord:
    return NewRecord("actor", {"name": name, "type": "association", **more})


async def names(index: Index, **asked: object) -> list[str]:
    return [item.name for item in (await index.search(Query(**asked))).items]  # type: ignore[arg-type]


async def opened(folder: Path, archive: Archive, follow: bool = False) -> Index:
    return await Index.open(folder, archive, clock=lambda: NOW, follow=follow)


@pytest.fixture
async def archive(tmp_path: Path) -> AsyncIterator[Archive]:
    options = replace(OPTIONS)
    made = await Archive.create(tmp_path, "FR-93066", key_of("FR-93066"), key_of("r").public, options=options)
    async with made:
        yield made


async def test_what_is_appended_is_searchable_by_itself(archive: Archive) -> None:
    async with await opened(archive.folder, archive, follow=True) as index:
        await archive.append([actor("Vélo Club")])
        # Nothing tells from outside when the index's own task has taken it in, so it is asked until it has.
        async with asyncio.timeout(60):
            while not await names(index, text="vélos"):  # noqa: ASYNC110
                await asyncio.sleep(0)
        (coverage,) = await index.coverage()
        assert (coverage.size, coverage.applied, coverage.own, coverage.counts) == (2, 2, True, True)


async def test_questions_without_a_pause_do_not_keep_an_index_from_being_finished(archive: Archive) -> None:
    """A question is always being answered; one of them began before the last writing, and ends some time later."""
    await archive.append([actor("Vélo Club")])
    async with await opened(archive.folder, archive) as index:
        asked, old = (store.open_reader(archive.folder / store.REBUILD_NAME) for _ in range(2))
        for reader in (asked, old):
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM logs").fetchone()
        catching_up = asyncio.create_task(index.catch_up())
        await asyncio.sleep(0.5)
        assert not catching_up.done()
        asked.execute("ROLLBACK")
        asked.execute("BEGIN")
        assert asked.execute("SELECT applied FROM logs").fetchone() == (2,)
        old.execute("ROLLBACK")
        async with asyncio.timeout(60):
            assert await catching_up == 2
        assert not index.rebuilding
        asked.close()
        old.close()
        assert await names(index, text="vélos") == ["Vélo Club"]


async def test_it_goes_on_where_it_was(archive: Archive) -> None:
    await archive.append([actor("Un")])
    async with await opened(archive.folder, archive) as index:
        assert await index.catch_up() == 2
    await archive.append([actor("Deux")])
    async with await opened(archive.folder, archive) as index:
        assert not index.rebuilding
        assert await names(index) == ["Un"], "answers from what it had, before it catches up"
        assert await index.catch_up() == 1
        assert await names(index, sort="name") == ["Deux", "Un"]


def _without_wal(path: Path) -> None:
    for end in ("-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)


def _thrown_away(path: Path) -> None:
    path.unlink()


def _torn(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for place in range(8192, min(len(data), 60_000), 512):
        data[place : place + 64] = bytes(64)
    path.write_bytes(data)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _not_a_database(path: Path) -> None:
    path.write_bytes(b"nothing of the sort" * 500)


def _cut_short(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def _older(path: Path) -> None:
    db = store.open_writer(path)
    db.execute("UPDATE settings SET value = '0' WHERE name = 'version'")
    db.close()


@pytest.mark.parametrize("harm", [_thrown_away, _torn, _empty, _not_a_database, _cut_short, _older])
async def test_a_file_that_cannot_serve_is_built_again(
    archive: Archive, caplog: pytest.LogCaptureFixture, harm: object
) -> None:
    """Whatever happened to it, with one clear line, and nothing lost."""
    await archive.append([actor(f"Club {number}") for number in range(30)])
    async with await opened(archive.folder, archive) as index:
        await index.catch_up()
    _without_wal(archive.folder / store.INDEX_NAME)
    assert callable(harm)
    harm(archive.folder / store.INDEX_NAME)
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        async with await opened(archive.folder, archive) as index:
            assert index.rebuilding
            await index.catch_up()
            assert not index.rebuilding
            assert len((await index.search(Query(limit=200))).items) == 30
    lines = [record.message for record in caplog.records if "index rebuilt" in record.message]
    assert len(lines) == 1, lines
    assert {path.name for path in archive.folder.glob("index*")} <= {"index.db", "index.db-wal", "index.db-shm"}


async def test_an_index_ahead_of_its_archive_is_of_another_one(
    archive: Archive, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An old copy of the archive was put back: what the index read beyond it is not shown as true."""
    await archive.append([actor("Avant")])
    await archive.append([actor("Après")])
    async with await opened(archive.folder, archive) as index:
        await index.catch_up()
    path = archive.folder / store.INDEX_NAME
    db = store.open_writer(path)
    db.execute("UPDATE logs SET applied = 99")
    db.close()
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        async with await opened(archive.folder, archive) as index:
            assert index.rebuilding
            await index.catch_up()
            assert await names(index, sort="name") == ["Après", "Avant"]
    assert "ahead" in caplog.text


async def test_a_rebuild_that_was_cut_goes_on_from_its_cursors(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "BATCH_BYTES_MAX", 2_000)
    await archive.append([actor(f"Club {number}") for number in range(40)])
    index = await opened(archive.folder, archive)
    steps: list[Progress] = []

    def cut(progress: Progress) -> None:
        steps.append(progress)
        if progress.done > 15:
            raise KeyError("the plug was pulled")

    with pytest.raises(KeyError):
        await index.catch_up(cut)
    await index.close()
    assert (archive.folder / store.REBUILD_NAME).exists()
    async with await opened(archive.folder, archive) as index:
        assert index.rebuilding
        assert 0 < len(await names(index, limit=200)) < 40, "the part that is there is searched meanwhile"
        assert await index.catch_up() == 41 - steps[-1].done
        assert len(await names(index, limit=200)) == 40


async def test_a_reindex_tells_how_far_it_is_while_the_old_file_serves(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "BATCH_BYTES_MAX", 2_000)
    await archive.append([actor(f"Club {number}") for number in range(40)])
    async with await opened(archive.folder, archive) as index:
        await index.catch_up()
        steps: list[Progress] = []
        courses: list[Course | None] = []

        def report(step: Progress) -> None:
            steps.append(step)
            courses.append(copy(index.course))

        assert index.course is None
        work = asyncio.create_task(index.reindex(report))
        while not steps:  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert len(await names(index, limit=200)) == 40
        assert await work == 41
        assert [step.done for step in steps] == sorted(step.done for step in steps)
        assert steps[-1].done == steps[-1].total == 41
        seen = [course for course in courses if course is not None]
        assert [(course.done, course.total) for course in seen] == [(step.done, step.total) for step in steps]
        assert [course.seconds_left for course in seen][-1] == 0
        assert index.course is None, "what is read again is read"
        assert len(await names(index, limit=200)) == 40


async def test_a_file_that_fails_while_it_serves_is_built_again(
    archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    await archive.append([actor(f"Club {number}", summary="bal " * 200) for number in range(60)])
    async with await opened(archive.folder, archive) as index:
        await index.catch_up()
        path = archive.folder / store.INDEX_NAME
        data = bytearray(path.read_bytes())
        data[4096:] = bytes(len(data) - 4096)
        with path.open("r+b") as file:
            file.write(data)
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                try:
                    await names(index, text="bal")
                except Exception:
                    await asyncio.sleep(0)
            await index.catch_up()
        assert len(await names(index, text="bal", limit=200)) == 60
        assert caplog.text.count("index rebuilt") == 1


async def test_an_erased_person_is_gone_and_so_are_the_words(archive: Archive) -> None:
    placed = await archive.append([actor(f"Jeanne {SECRET}", summary=f"{SECRET} habitait là"), actor("Club")])
    assert placed[0].element is not None
    async with await opened(archive.folder, archive) as index:
        await index.catch_up()
        await archive.append([actor(f"Autre {number}") for number in range(50)])
        await index.catch_up()
        await archive.erase(Erasure("asked for", placed[0].element), at_once=True)
        await index.catch_up()
        assert await names(index, text=SECRET) == []
        assert await index.element(str(placed[0].element)) is None
        assert [revision.state for revision in await index.history(str(placed[0].element))] == ["erased"]
        assert words_in(archive.folder) == set()
    assert words_in(archive.folder) == set()


async def test_an_erasure_whose_notice_was_missed_is_followed_at_the_start(archive: Archive) -> None:
    (placed,) = await archive.append([actor(f"Jeanne {SECRET}")])
    assert placed.element is not None
    async with await opened(archive.folder, archive) as index:
        await index.catch_up()
    await archive.erase(Erasure("asked for", origin=placed.origin, ranges=((placed.index, placed.index + 1),)))
    async with await opened(archive.folder, archive) as index:
        await index.catch_up()
        assert await names(index) == []
    assert words_in(archive.folder) == set()


def words_in(folder: Path) -> set[str]:
    """The index's files in which the secret word is still to be read."""
    spellings = [spelling.encode() for spelling in (SECRET, SECRET.lower(), "Jeanne", "jeanne")]
    return {path.name for path in folder.glob("index*") if any(word in path.read_bytes() for word in spellings)}


async def test_another_towns_log_is_shown_once_the_charter_names_it(archive: Archive) -> None:
    """Kept first, shown when the charter says so, hidden when it no longer does; its late body comes by itself."""
    stains = Town("FR-93072")
    records = stains.make(actor("Vélo Club de Stains"), actor("En retard"))
    remote = RemoteLog(stains, records)
    await archive.keep_log(stains.identity)
    await archive.keep_batch(*remote.batch(0, missing={2}))
    own = await archive.read(lambda reader: reader.own_log())
    agglomeration = LogIdentity(own.origin, own.key, key_of("r").public)
    async with await opened(archive.folder, archive) as index:
        await index.follow(None)
        assert await names(index) == []
        charter = Charter(agglomeration)
        await index.follow(_Naming(charter, stains.identity))  # type: ignore[arg-type]
        assert await names(index) == ["Vélo Club de Stains"]
        coverage = {each.territory: each for each in await index.coverage()}
        assert coverage["FR-93072"].bodies_wanted == 1
        assert coverage["FR-93072"].counts
        late = records[1]
        assert late.header.body_digest is not None
        assert late.body is not None
        await archive.keep_bodies([(late.header.body_digest, late.body)])
        await index.catch_up()
        assert await names(index, sort="name") == ["En retard", "Vélo Club de Stains"]
    async with await opened(archive.folder, archive) as index:
        await index.catch_up()
        assert len(await names(index)) == 2, "before the charter is told again, its last word holds"
        await index.follow(None)
        assert await names(index) == []


class _Naming:
    """A charter that names one more log."""

    def __init__(self, charter: Charter, identity: LogIdentity) -> None:
        self.charter = charter
        self.identity = identity

    def territories(self) -> list[str]:
        return [*self.charter.territories(), self.identity.territory]

    def counts(self, territory: str) -> list[tuple[str, int | None]]:
        return (
            [(self.identity.origin, None)] if territory == self.identity.territory else self.charter.counts(territory)
        )


async def test_a_log_that_was_cut_back_and_fetched_on_another_branch_is_read_again(archive: Archive) -> None:
    """Even when the other branch is exactly as long."""
    stains = Town("FR-93072")
    common = stains.make(actor("Commun"))
    branches = [RemoteLog(stains, [*common, *stains.make(actor(name))]) for name in ("Une branche", "Autre branche")]
    await archive.keep_log(stains.identity)
    await archive.keep_batch(*branches[0].batch(0))
    async with await opened(archive.folder, archive) as index:
        naming = _Naming(
            Charter(LogIdentity("convergences/FR-93066/0000000000000009", bytes(32), bytes(32))), stains.identity
        )
        await index.follow(naming)  # type: ignore[arg-type]
        assert sorted(await names(index)) == ["Commun", "Une branche"]
        size = len(common) + 1
        await archive.rewind(stains.origin, size)
        await archive.keep_batch(*branches[1].batch(size))
        await index.catch_up()
        assert sorted(await names(index)) == ["Autre branche", "Commun"]


async def test_an_element_shows_what_an_edit_needs(archive: Archive) -> None:
    (placed,) = await archive.append([actor("Club")])
    async with await opened(archive.folder, archive) as index:
        await index.catch_up()
        view = await index.element(str(placed.element))
        assert view is not None
        assert view.digest == placed.header_digest.hex()
        await archive.append([replace(actor("Club rénové"), element=placed.element, previous=placed.header_digest)])
        await index.catch_up()
        assert [(r.state, r.fields and r.fields["name"]) for r in await index.history(str(placed.element))] == [
            ("earlier", "Club"),
            ("current", "Club rénové"),
        ]
        with pytest.raises(ValueError, match="not an element id"):
            await index.element("FR-93066:nonsense")
        assert await index.history(str(ElementId.new("FR-93066", 1, bytes(10)))) == []
