# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences history`: who did what to an element, when."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from convergences_cli import told
from convergences_cli.asking import ask, node_options, printed
from convergences_cli.tables import print_table
from convergences_cli.words import say


@told.command()
@click.argument("element")
@node_options
def command(element: str, folder: Path, as_json: bool) -> None:
    _show(ask(folder, "history", {"element": element}, quiet=as_json), as_json)


@printed
def _show(answer: dict[str, Any]) -> None:
    rows = [
        (
            entry["index"],
            datetime.fromtimestamp(entry["time"], UTC).strftime("%Y-%m-%d %H:%M:%SZ"),
            entry["author"][:12],
            entry["state"],
            (entry.get("fields") or {}).get("name"),
        )
        for entry in answer["entries"]
    ]
    columns = ("word.number", "word.time", "word.author", "word.state", "word.name")
    print_table([say(key) for key in columns], rows)
