# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences reindex`: make the index again from the archive."""

from pathlib import Path
from typing import Any

import click

from convergences_cli import told
from convergences_cli.asking import ask, node_options, printed
from convergences_cli.words import say


@told.command()
@click.option("--linked", is_flag=True)
@node_options
def command(linked: bool, folder: Path, as_json: bool) -> None:
    _show(ask(folder, "reindex", {"linked": linked}, quiet=as_json), as_json)


@printed
def _show(answer: dict[str, Any]) -> None:
    click.echo(say("reindex.done", entries=answer["entries"], seconds=round(answer["seconds"], 1)))
