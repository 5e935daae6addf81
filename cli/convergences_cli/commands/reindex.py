# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences reindex`: make the index again from the archive."""

from pathlib import Path
from typing import Any

import click

from convergences_cli.asking import ask, node_options, printed
from convergences_cli.words import say


@click.command(short_help="Make the search index again from the archive.")
@node_options
def command(folder: Path, as_json: bool) -> None:
    """Make the search index again from the archive. The old one answers meanwhile.

    \b
    Example:
      convergences reindex --folder saint-denis
    """
    _show(ask(folder, "reindex", quiet=as_json), as_json)


@printed
def _show(answer: dict[str, Any]) -> None:
    click.echo(say("reindex.done", entries=answer["entries"], seconds=round(answer["seconds"], 1)))
