# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences erase`: the right to be forgotten."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from convergences_cli import told
from convergences_cli.asking import ask, confirm, node_options, printed
from convergences_cli.words import say


@told.command()
@click.argument("element")
@click.option("--reason")
@click.option("--now", is_flag=True)
@click.option("--release", is_flag=True)
@click.option("--yes", "-y", is_flag=True)
@node_options
def command(element: str, reason: str | None, now: bool, release: bool, yes: bool, folder: Path, as_json: bool) -> None:
    if release:
        _show(ask(folder, "release", {"origin": element}, quiet=as_json), as_json)
        return
    if not reason:
        raise click.UsageError(say("usage.reason"))
    if not yes and not as_json:
        confirm(say("erase.sure", element=element))
    _show(ask(folder, "erase", {"element": element, "reason": reason, "now": now}, quiet=as_json), as_json)


@printed
def _show(answer: dict[str, Any]) -> None:
    due = datetime.fromtimestamp(answer["due"], UTC).date().isoformat() if answer.get("due") else ""
    click.echo(say(f"erase.{answer['state']}", **(answer | {"due": due})))
