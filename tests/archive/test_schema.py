# SPDX-License-Identifier: AGPL-3.0-or-later
"""`schema.sql` is what a person reads, the migrations are what a node runs: both say the same."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest
from convergences_node.archive import erasing, keeping, migrations, reader, tables
from convergences_node.archive.beside import RUN_BITS
from convergences_node.archive.connection import ARCHIVE_NAME, open_reader, open_writer
from convergences_node.archive.guard import Guard
from convergences_node.archive.migrations import SCHEMA, STEPS, migrate
from convergences_node.archive.reader import ArchiveReader
from convergences_node.archive.revealed import Revealed
from convergences_node.archive.writer import ArchiveWriter
from convergences_node.migrating import statements
from convergences_protocol.errors import LocalError

from .making import Town


def described(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
    """Every table and index, spaces aside; not those of the tool that runs the migrations."""
    rows = connection.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
    return [
        (kind, name, re.sub(r"\s+", " ", re.sub(r"--.*", "", sql)).replace(" )", ")").replace("( ", "("))
        for kind, name, sql in rows
        if "_sqlite_migrations" not in sql
    ]


def test_the_migrations_make_what_schema_sql_says(tmp_path: Path) -> None:
    migrated = open_writer(tmp_path / "migrated.db")
    migrate(migrated)
    read = sqlite3.connect(":memory:")
    read.executescript(SCHEMA.read_text())
    assert described(migrated) == described(read)


def test_every_table_is_strict() -> None:
    """A type that is wrong is refused, not guessed."""
    for statement in statements(SCHEMA.read_text()):
        assert not statement.startswith("CREATE TABLE") or "STRICT" in statement.rpartition(")")[2], statement


def test_a_file_that_is_up_to_date_is_left_alone(tmp_path: Path) -> None:
    connection = open_writer(tmp_path / ARCHIVE_NAME)
    migrate(connection)
    before = connection.total_changes
    migrate(connection)
    assert connection.total_changes == before


def test_a_newer_file_is_refused_with_a_sentence(tmp_path: Path) -> None:
    connection = open_writer(tmp_path / ARCHIVE_NAME)
    migrate(connection)
    connection.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    with pytest.raises(LocalError, match="written by a newer program: its schema is number"):
        migrate(connection)
    with pytest.raises(LocalError, match="newer program"):
        ArchiveReader.open(tmp_path)


def test_another_programs_file_is_refused(tmp_path: Path) -> None:
    connection = open_writer(tmp_path / ARCHIVE_NAME)
    connection.execute("PRAGMA application_id = 252006673")
    with pytest.raises(LocalError, match="not an archive"):
        migrate(connection)


def test_a_migration_cut_in_the_middle_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the same program, started again, finishes it."""

    def second(database: object) -> None:
        database.execute("CREATE TABLE half (n INTEGER) STRICT")  # type: ignore[attr-defined]
        raise KeyboardInterrupt

    connection = open_writer(tmp_path / ARCHIVE_NAME)
    migrate(connection)
    before = described(connection)
    monkeypatch.setattr(migrations, "STEPS", (*STEPS, second))
    with pytest.raises(KeyboardInterrupt):
        migrate(connection)
    assert described(connection) == before
    assert connection.execute("PRAGMA user_version").fetchone() == (len(STEPS),)

    def mended(database: object) -> None:
        database.execute("CREATE TABLE half (n INTEGER) STRICT")  # type: ignore[attr-defined]

    monkeypatch.setattr(migrations, "STEPS", (*STEPS, mended))
    migrate(connection)
    assert connection.execute("PRAGMA user_version").fetchone() == (len(STEPS) + 1,)


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    """Neither by its connection nor by any of its functions."""
    migrate(open_writer(tmp_path / ARCHIVE_NAME))
    connection = open_reader(tmp_path / ARCHIVE_NAME)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("INSERT INTO choices VALUES ('a', 'b')")
    connection.execute("PRAGMA query_only = OFF")
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM logs")


def test_commits_of_the_writer_are_synchronous(tmp_path: Path) -> None:
    connection = open_writer(tmp_path / ARCHIVE_NAME)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA secure_delete").fetchone() == (1,)


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        (reader._BY_DIGEST, "entries_digest"),
        (reader._BODY, "entries_body"),
        (reader._BY_ELEMENT, "entries_element"),
        (keeping.WANTING, "entries_body"),
        (erasing.TWINS, "entries_digest"),
        (erasing.BY_DIGEST, "entries_digest"),
        (erasing.ABOUT, "entries_element"),
    ],
)
def test_every_search_goes_by_its_index(tmp_path: Path, sql: str, index: str) -> None:
    """Run by run, and never through the whole table, whatever SQLite thinks of its statistics."""
    connection = open_writer(tmp_path / ARCHIVE_NAME)
    migrate(connection)
    names = dict.fromkeys(re.findall(r":(\w+)", sql), 0)
    values = names or (0,) * sql.count("?")
    plan = [detail for *_, detail in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert any(re.match(rf"SEARCH .* {index} \((run|<expr>)=\? AND", detail) for detail in plan), plan
    assert not [detail for detail in plan if re.match(r"SCAN (e|b|entries|bodies)\b", detail)], plan


def test_the_schema_and_the_program_part_runs_alike() -> None:
    assert f"place >> {RUN_BITS}, element" in SCHEMA.read_text()


def test_leaves_are_parted_into_runs_as_they_arrive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over restarts too; and whatever the run, a record is found."""
    monkeypatch.setattr(tables, "RUN_BITS", 3)
    town = Town()
    digests = []
    for at in range(3):
        writer = ArchiveWriter(tmp_path, Guard(tmp_path, None), Revealed(), tell=lambda event: None)
        if at == 0:
            writer.begin_log(town.identity, town.opening(), town.key)
        else:
            writer.continue_log(town.origin, town.key, writer.reader.own_log().size)
        actors = town.actors(*(f"actor {at}" for at in range(7)))
        writer.append([actors])
        digests += [actor.header.digest for actor in actors]
        rows = writer.db.execute("SELECT run, count(*) FROM entries GROUP BY run ORDER BY run").fetchall()
        assert all(count == 8 for _, count in rows[:-1])
        assert all(writer.reader.locate(digest) is not None for digest in digests)
        writer.close()
