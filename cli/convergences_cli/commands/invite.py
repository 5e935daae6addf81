# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences invite`: let one more town into the agglomeration."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from convergences_cli import told
from convergences_cli.asking import ask, node_options, printed
from convergences_cli.words import say


@told.command()
@click.argument("territory")
@click.option("--days", type=click.IntRange(1, 365), default=14, show_default=True)
@click.option("--address", "addresses", multiple=True, metavar="ADDRESS")
@node_options
def command(territory: str, days: int, addresses: tuple[str, ...], folder: Path, as_json: bool) -> None:
    code = f"FR-{territory.upper().removeprefix('FR-')}"
    params = {"territory": code, "days": days, "addresses": list(addresses)}
    _show(ask(folder, "invite", params, quiet=as_json), as_json)


@printed
def _show(answer: dict[str, Any]) -> None:
    click.echo(answer["invitation"])
    expires = datetime.fromtimestamp(answer["expires"], UTC).date().isoformat()
    click.echo(say("invite.how", territory=answer["territory"], expires=expires), err=True)
