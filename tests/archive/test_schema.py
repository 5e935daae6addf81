# SPDX-License-Identifier: AGPL-3.0-or-later
"""`schema.sql` is what a person reads, the migrations are what a node runs: both say the same."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest
from convergences_node.archive import migrations
from convergences_node.archive.connection import ARCHIVE_NAME, open_reader, open_writer
from convergences_node.archive.migrations import SCHEMA, STEPS, migrate, statements
from convergences_node.archive.reader import ArchiveReader
from convergences_protocol.errors import LocalError


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
