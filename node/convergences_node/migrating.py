# SPDX-License-Identifier: AGPL-3.0-or-later
"""How a SQLite file of any age is brought to its present schema by numbered steps, or refused.

Each step runs in a transaction together with the mark that it ran, so a power cut in the middle leaves the file before
it or after it. `user_version` counts the steps: a file that counts more than this program knows was written by a newer
one, and is refused rather than guessed at. Whose file it is stands in its header (PRAGMA application_id).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from convergences_protocol.errors import Fault, LocalError

Step = Callable[[Any], None]
"""Takes a `sqlite_utils.Database`. Never changed once it was released."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A file's name, its application id, and what it is, as a sentence says it ("an archive")."""

    name: str
    application_id: int
    what: str


def check_version(connection: sqlite3.Connection, layout: Layout, steps: Sequence[Step]) -> int:
    """How many steps the file has seen. Raises `LocalError` for a file that this program does not know."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    if owner not in (0, layout.application_id):
        raise LocalError(f"{layout.name} is not {layout.what}: its application id is {owner:#x}")
    if version > len(steps):
        raise LocalError(
            f"{layout.name} was written by a newer program: its schema is number {version}, this one knows"
            f" {len(steps)}",
            hint="install the newer version of convergences again; nothing was changed",
            fault=Fault("", "database_newer", {"name": layout.name}),
        )
    return version


def check_current(connection: sqlite3.Connection, layout: Layout, steps: Sequence[Step]) -> None:
    """Refuse a file of any other schema, for whoever reads it and may not migrate it."""
    version = check_version(connection, layout, steps)
    if version < len(steps):
        raise LocalError(
            f"{layout.name} was written by an older program: its schema is number {version}, this one reads"
            f" {len(steps)}",
            hint="convergences serve brings it to the present one",
            fault=Fault("", "database_older", {"name": layout.name}),
        )


def migrate(connection: sqlite3.Connection, layout: Layout, steps: Sequence[Step]) -> None:
    """Bring the file to the present schema. Does nothing, and imports nothing, when it is there already."""
    if check_version(connection, layout, steps) == len(steps):
        return
    # Imported only when there is something to do: it drags half of what a node at rest may weigh.
    from sqlite_utils import Database, Migrations

    migrations = Migrations(layout.name.removesuffix(".db"))
    for number, step in enumerate(steps, start=1):
        migrations(name=f"{number:04}_{step.__name__}")(_counted(step, number))
    migrations.apply(Database(connection, execute_plugins=False))


def lay_out(database: Any, layout: Layout, sql: str) -> None:
    """A first step: the statements, and whose file it is."""
    for statement in statements(sql):
        database.execute(statement)
    database.execute(f"PRAGMA application_id = {layout.application_id}")


def statements(sql: str) -> list[str]:
    """The statements of a script one by one, without comments: `executescript` would commit behind our back."""
    lines = (line.split("--")[0].rstrip() for line in sql.splitlines())
    return [statement.strip() for statement in "\n".join(lines).split(";") if statement.strip()]


def _counted(step: Step, number: int) -> Step:
    def run(database: Any) -> None:
        step(database)
        database.execute(f"PRAGMA user_version = {number}")

    return run
