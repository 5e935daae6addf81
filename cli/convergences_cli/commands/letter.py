# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences letter`: a letter to those of `[alerts]`, to see that letters arrive."""

from pathlib import Path
from typing import Any

import click

from convergences_cli import told
from convergences_cli.asking import ask, node_options, printed
from convergences_cli.words import say


@told.command()
@node_options
def command(folder: Path, as_json: bool) -> None:
    _show(ask(folder, "letter", {}, quiet=as_json), as_json)


@printed
def _show(answer: dict[str, Any]) -> None:
    click.echo(say("letter.sent", to=", ".join(answer["to"])))
