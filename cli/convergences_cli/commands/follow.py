# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences follow`: which other towns' logs this node keeps."""

from pathlib import Path
from typing import Any

import click

from convergences_cli import told
from convergences_cli.asking import ask, node_options, printed
from convergences_cli.tables import print_table
from convergences_cli.words import say


@told.command()
@click.argument("what", nargs=-1)
@node_options
def command(what: tuple[str, ...], folder: Path, as_json: bool) -> None:
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
