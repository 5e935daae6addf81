# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences operator`: the account that opens the operator's page, from the machine itself."""

from pathlib import Path
from typing import Any

import click

from convergences_cli.asking import ask, node_options, printed
from convergences_cli.words import say


@click.group("operator", short_help="The account that opens the operator's page.")
def command() -> None:
    """The account that opens the operator's page, /operateur, in a browser.

    \b
    Example:
      convergences operator reset --folder saint-denis
    """


@command.command("reset", short_help="A new password, when it was lost; or the first account.")
@click.option("--name", help="Whose; without it, the first account that there is.")
@node_options
def operator_reset(name: str | None, folder: Path, as_json: bool) -> None:
    """Give the operator another password and print it once. Makes the account if there is none. Whoever was logged in
    is logged out.

    \b
    Example:
      convergences operator reset --folder saint-denis
    """
    _show(ask(folder, "operator", {"name": name}, quiet=as_json), as_json)


@printed
def _show(answer: dict[str, Any]) -> None:
    click.echo(say("operator.made" if answer["made"] else "operator.reset", name=answer["name"]))
    click.echo(answer["password"])
