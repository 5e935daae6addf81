# SPDX-License-Identifier: AGPL-3.0-or-later
"""Plain tables for a terminal: columns aligned, numbers to the right, nothing that a pipe would mind."""

import unicodedata
from collections.abc import Sequence
from typing import Any

import click

from convergences_cli.words import say


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print rows under their column names; nothing at all for no rows."""
    if not rows:
        return
    texts = [[_text(cell) for cell in row] for row in rows]
    widths = [max(_width(line[i]) for line in [list(columns), *texts]) for i in range(len(columns))]
    numeric = [all(isinstance(row[i], int | None) for row in rows) for i in range(len(columns))]
    for line in [list(columns), *texts]:
        cells = (_pad(cell, width, right) for cell, width, right in zip(line, widths, numeric, strict=True))
        click.echo("  ".join(cells).rstrip())


def print_facts(facts: Sequence[tuple[str, Any]]) -> None:
    """Print names and values, one a line, those without a value left out."""
    kept = [(name, _text(value)) for name, value in facts if value not in (None, "", [], {})]
    width = max((_width(name) for name, _ in kept), default=0)
    for name, value in kept:
        click.echo(f"{_pad(name, width, False)}  {value}")


def _text(cell: Any) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, bool):
        return say("word.yes" if cell else "word.no")
    if isinstance(cell, list):
        return ", ".join(map(_text, cell))
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in str(cell))


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text
    )


def _pad(text: str, width: int, right: bool) -> str:
    room = " " * (width - _width(text))
    return room + text if right else text + room
