# SPDX-License-Identifier: AGPL-3.0-or-later
"""A table that somebody keeps, and its declaration as a source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .conftest import Home

MAPPING = """
[source]
name = "mairie"
id = "id"

[[element]]
kind = "actor"
when = { sorte = "asso" }
[element.fields]
name = "nom"
type = { value = "association" }
website = { column = "site", bad = "leave_out" }

[[element]]
kind = "action"
[element.fields]
name = "nom"
type = { value = "event" }
start = { column = "date", bad = "leave_out" }
"""


def declaration(where: str, gone: str = "end", shrink: float = 0.5, more: str = "") -> str:
    return f'licence = "etalab-2.0"\ngone = "{gone}"\nshrink = {shrink}\n{more}\n[where]\n{where}\n{MAPPING}'


def rows(count: int, sort: str = "asso", name: str = "n°") -> list[dict[str, Any]]:
    return [{"id": str(n), "sorte": sort, "nom": f"{name} {n:03}"} for n in range(count)]


class Table:
    """A file that somebody keeps."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def hold(self, rows: list[dict[str, Any]]) -> None:
        self.path.write_text(json.dumps(rows), encoding="utf-8")


async def declared(home: Home, table: Table, **settings: Any) -> None:
    await home.declare("liste", declaration(f'file = "{table.path}"', **settings))
