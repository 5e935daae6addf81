# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences export`: everything that a node shows, as tables for those who study it."""

from pathlib import Path
from typing import Any

import click

from convergences_cli.asking import ask, node_options, printed
from convergences_cli.words import say


@click.command(short_help="Write tables for those who study the archive.")
@click.option("--to", required=True, type=click.Path(path_type=Path), help="A folder that is not there yet.")
@click.option(
    "--format", "form", type=click.Choice(["csv", "parquet"]), default="csv", show_default=True, help="Of the tables."
)
@node_options
def command(to: Path, form: str, folder: Path, as_json: bool) -> None:
    """Write everything that the node shows as tables, one for each kind, by territory and year, with a dictionary of
    their columns and a page to read first. Parquet files need DuckDB: pip install 'convergences[research]'.

    \b
    Example:
      convergences export --to tables --format parquet --folder plaine-commune
    """
    params = {"to": str(to.absolute()), "format": form}
    _show(ask(folder, "export", params, quiet=as_json), as_json)


@printed
def _show(answer: dict[str, Any]) -> None:
    click.echo(say("export.done", count=sum(answer["tables"].values()), to=answer["to"], seconds=answer["seconds"]))
