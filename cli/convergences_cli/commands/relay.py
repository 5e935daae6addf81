# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences relay`: who is told, in the fediverse, what happens here, and who is not spoken with."""

from pathlib import Path
from typing import Any

import click

from convergences_cli import told
from convergences_cli.asking import ask, node_options, print_said, printed
from convergences_cli.tables import print_facts, print_table
from convergences_cli.words import say

command = told.Group()


@command.command("status")
@node_options
def relay_status(folder: Path, as_json: bool) -> None:
    _show(ask(folder, "relay_status", quiet=as_json), as_json)


@command.command("block")
@click.argument("host")
@node_options
def relay_block(host: str, folder: Path, as_json: bool) -> None:
    _say("block", host, folder, as_json)


@command.command("unblock")
@click.argument("host")
@node_options
def relay_unblock(host: str, folder: Path, as_json: bool) -> None:
    _say("unblock", host, folder, as_json)


def _say(verb: str, host: str, folder: Path, as_json: bool) -> None:
    answer = ask(folder, f"relay_{verb}", {"host": host}, quiet=as_json)
    print_said(answer, as_json, f"relay.{answer['state'].replace(' ', '_')}")


@printed
def _show(answer: dict[str, Any]) -> None:
    click.echo(say(f"relay.is.{answer['why'] or 'on'}"))
    facts = [(say(f"relay.{name}"), answer[name]) for name in ("account", "actor", "events")]
    print_facts(facts)
    if answer["hosts"]:
        names = ("host", "followers", "waiting", "failures", "due")
        print_table(
            [say(f"relay.{name}") for name in names], [[one[name] for name in names] for one in answer["hosts"]]
        )
    if answer["blocked"]:
        click.echo(say("relay.blocked_list", hosts=", ".join(answer["blocked"])))
