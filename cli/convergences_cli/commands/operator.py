# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences operator`: the account that opens the operator's page, from the machine itself."""

from pathlib import Path
from typing import Any

import click

from convergences_cli import told
from convergences_cli.asking import ask, node_options, printed
from convergences_cli.words import say

command = told.Group()


@command.command("reset")
@click.option("--name", metavar="NAME")
@node_options
def operator_reset(name: str | None, folder: Path, as_json: bool) -> None:
    _show(ask(folder, "operator", {"name": name}, quiet=as_json), as_json)


@printed
def _show(answer: dict[str, Any]) -> None:
    click.echo(say("operator.made" if answer["made"] else "operator.reset", name=answer["name"]))
    click.echo(answer["password"])
