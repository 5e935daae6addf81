# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences serve`: run the node of a folder until it is told to stop."""

from pathlib import Path

import click

from convergences_cli.asking import folder_option


@click.command(short_help="Run the node: pages, API, peers.")
@folder_option
def command(folder: Path) -> None:
    """Run the node of a folder, until Ctrl-C or SIGTERM. systemd starts it this way.

    \b
    Example:
      convergences serve --folder saint-denis
    """
    from convergences_node.serve import serve

    serve(folder)
