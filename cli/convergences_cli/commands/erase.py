# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences erase`: the right to be forgotten."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from convergences_cli.asking import ask, confirm, node_options, printed
from convergences_cli.words import say


@click.command(short_help="Forget an element, here and at every holder.")
@click.argument("element")
@click.option("--reason", help="Why, in a few words; it is written in the log for ever: name nobody.")
@click.option("--now", is_flag=True, help="Drop the bytes at once instead of after seven days.")
@click.option("--release", is_flag=True, help="ELEMENT is a log: let its erasures through that wait for a person.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@node_options
def command(element: str, reason: str | None, now: bool, release: bool, yes: bool, folder: Path, as_json: bool) -> None:
    """Erase an element: hidden at once, dropped from the files after seven days, here and at every node that holds it.

    Only its signed headers remain, which say that there was something, not what. More than a hundred erasures of one
    log in a day wait until somebody has looked and, at each holder, gives them --release.

    \b
    Example:
      convergences erase FR-93066:0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b --reason "asked by the person" --yes
    """
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
