# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences follow`: which other towns' logs this node keeps."""

from pathlib import Path
from typing import Any

import click

from convergences_cli.asking import ask, node_options, printed
from convergences_cli.tables import print_table
from convergences_cli.words import say


@click.command(short_help="Choose which other logs are kept here.")
@click.argument("what", nargs=-1)
@node_options
def command(what: tuple[str, ...], folder: Path, as_json: bool) -> None:
    """Show or choose which other towns' logs are kept on this node, beside the charter.

    WHAT is `all`, `none`, or the territories to keep. Without it, shows the choice.

    \b
    Example:
      convergences follow 93070 93031 --folder saint-denis
    """
    params: dict[str, Any] = {}
    if len(what) == 1 and what[0] in ("all", "none"):
        params = {"keep": what[0]}
    elif what:
        params = {"keep": "these", "territories": [f"FR-{code.upper().removeprefix('FR-')}" for code in what]}
    _show(ask(folder, "follow", params, quiet=as_json), as_json)


@printed
def _show(answer: dict[str, Any]) -> None:
    click.echo(say("follow.keep", keep=", ".join(answer["territories"]) or answer["keep"]))
    rows = [(log["territory"], say("word.yes" if log["kept"] else "word.no"), log["size"]) for log in answer["logs"]]
    print_table([say("word.territory"), say("word.kept"), say("word.records")], rows)
