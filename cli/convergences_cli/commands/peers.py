# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences peers`: who this node knows, and who it is talking to."""

from pathlib import Path
from typing import Any

import click

from convergences_cli import told
from convergences_cli.asking import ask, node_options, printed
from convergences_cli.tables import print_table
from convergences_cli.words import say


@told.command()
@node_options
def command(folder: Path, as_json: bool) -> None:
    _show(ask(folder, "peers", quiet=as_json), as_json)


@printed
def _show(answer: dict[str, Any]) -> None:
    rows = [
        (
            peer.get("territory"),
            peer.get("name"),
            say("word.yes" if peer.get("connected") else "word.no"),
            peer.get("misdeeds"),
            (peer.get("addresses") or [None])[0],
        )
        for peer in answer["peers"]
    ]
    columns = ("word.territory", "word.name", "word.connected", "word.misdeeds", "word.address")
    print_table([say(key) for key in columns], rows)
    if not rows:
        click.echo(say("peers.none"))
