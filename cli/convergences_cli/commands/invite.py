# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences invite`: let one more town into the agglomeration."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from convergences_cli.asking import ask, node_options, printed
from convergences_cli.words import say


@click.command(short_help="Make an invitation for a town (agglomeration only).")
@click.argument("territory")
@click.option("--days", type=click.IntRange(1, 365), default=14, show_default=True, help="How long it can be taken up.")
@click.option("--address", "addresses", multiple=True, help="An address of ours for the town to dial; may be repeated.")
@node_options
def command(territory: str, days: int, addresses: tuple[str, ...], folder: Path, as_json: bool) -> None:
    """Make an invitation: one line of text that lets one town join. Only an agglomeration's node can.

    TERRITORY is the town's INSEE code, with or without FR-.

    \b
    Example:
      convergences invite 93066 --folder plaine-commune > saint-denis.invitation
    """
    code = f"FR-{territory.upper().removeprefix('FR-')}"
    params = {"territory": code, "days": days, "addresses": list(addresses)}
    _show(ask(folder, "invite", params, quiet=as_json), as_json)


@printed
def _show(answer: dict[str, Any]) -> None:
    click.echo(answer["invitation"])
    expires = datetime.fromtimestamp(answer["expires"], UTC).date().isoformat()
    click.echo(say("invite.how", territory=answer["territory"], expires=expires), err=True)
