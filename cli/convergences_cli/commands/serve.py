# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences serve`: run the node of a folder until it is told to stop."""

from pathlib import Path

import click

from convergences_cli.asking import folder_option


@click.command(short_help="Run the node: pages, API, peers.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where an empty folder's setup page is.")
@click.option("--port", type=click.IntRange(0, 65535), default=8750, show_default=True, help="And on which port.")
@folder_option
def command(host: str, port: int, folder: Path) -> None:
    """Run the node of a folder, until Ctrl-C or SIGTERM. systemd starts it this way.

    In an empty folder it shows the setup page, and a code on standard error to open it with. The town that is made
    there goes on listening at the same host and port; of a town that there is, its settings say where.

    \b
    Example:
      convergences serve --folder saint-denis
    """
    from convergences_node.serve import serve

    serve(folder, host, port)
