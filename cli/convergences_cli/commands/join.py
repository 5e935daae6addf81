# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences join`: take up an invitation."""

import sys
from pathlib import Path
from typing import Any

import click

from convergences_cli import told
from convergences_cli.asking import ask, node_options, printed
from convergences_cli.words import say

INVITATION_BYTES_MAX = 8192


@told.command()
@click.argument("invitation")
@node_options
def command(invitation: str, folder: Path, as_json: bool) -> None:
    _show(ask(folder, "join", {"invitation": invitation_text(invitation)}, quiet=as_json), as_json)


def invitation_text(given: str) -> str:
    """The invitation in a text, a file or standard input, as a person gives it."""
    if given == "-":
        return sys.stdin.read(INVITATION_BYTES_MAX).strip()
    if given.startswith(("conv1", "convs1")):
        return given.strip()
    try:
        with Path(given).open(encoding="utf-8") as file:
            return file.read(INVITATION_BYTES_MAX).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(say("usage.invitation", reason=error)) from None


@printed
def _show(answer: dict[str, Any]) -> None:
    key = "join.done" if answer["state"] == "enrolled" else "join.already"
    click.echo(say(key, territory=answer["territory"], agglomeration=answer["agglomeration"]["name"]))
