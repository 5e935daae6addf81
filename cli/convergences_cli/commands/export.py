# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences export`: everything that a node shows, as tables for those who study it."""

from pathlib import Path
from typing import Any

import click

from convergences_cli import told
from convergences_cli.asking import ask, node_options, printed
from convergences_cli.words import say


@told.command()
@click.option("--to", required=True, type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(["csv", "parquet"]), default="csv", show_default=True)
@node_options
def command(to: Path, form: str, folder: Path, as_json: bool) -> None:
    params = {"to": str(to.absolute()), "format": form}
    _show(ask(folder, "export", params, quiet=as_json), as_json)


@printed
def _show(answer: dict[str, Any]) -> None:
    click.echo(say("export.done", count=sum(answer["tables"].values()), to=answer["to"], seconds=answer["seconds"]))
