# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences serve`: run the node of a folder until it is told to stop."""

from pathlib import Path

import click

from convergences_cli import told
from convergences_cli.asking import folder_option


@told.command()
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS")
@click.option("--port", type=click.IntRange(0, 65535), default=8750, show_default=True)
@folder_option
def command(host: str, port: int, folder: Path) -> None:
    from convergences_node.serve import serve

    serve(folder, host, port)
