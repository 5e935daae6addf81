# SPDX-License-Identifier: AGPL-3.0-or-later
"""The demo's table: live on a terminal, as plain text elsewhere."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from convergences_cli.words import say

if TYPE_CHECKING:
    from convergences_node.demo.watching import Row

REFRESHES_A_SECOND = 4
COLUMNS = ("town", "head", "here", "lag", "records", "searchable", "received", "seconds")


def cells(row: "Row") -> list[str]:
    """One town's line."""
    seconds = "" if row.lag_seconds is None else f"{row.lag_seconds:.1f}"
    numbers = (row.head, row.applied, row.behind, row.records, row.searchable, row.received_bytes)
    return [row.name, *(f"{number:,}".replace(",", " ") for number in numbers), seconds]


def table_text(rows: Sequence["Row"]) -> str:
    """The table as plain text, for a pipe or a log."""
    lines = [[say(f"demo.{name}") for name in COLUMNS], *map(cells, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(COLUMNS))]
    return "\n".join("  ".join(_pad(cell, widths[i], i) for i, cell in enumerate(line)).rstrip() for line in lines)


def _pad(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column == 0 else cell.rjust(width)


@contextmanager
def live_table(rows: Sequence["Row"], shown: bool) -> Iterator[None]:
    """The table, redrawn while the `with` lasts."""
    if not shown:
        yield
        return
    from rich.live import Live

    with Live(get_renderable=lambda: _rich(rows), refresh_per_second=REFRESHES_A_SECOND):
        yield


def _rich(rows: Sequence["Row"]) -> Any:
    from rich.table import Table

    table = Table()
    for i, name in enumerate(COLUMNS):
        table.add_column(say(f"demo.{name}"), justify="left" if i == 0 else "right")
    for row in rows:
        late = row.head > 0 and row.behind > 0
        table.add_row(*cells(row), style="yellow" if late else "green" if row.lag_seconds is not None else None)
    return table
