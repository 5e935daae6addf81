# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences relay`: who is told, in the fediverse, what happens here, and who is not spoken with."""

from pathlib import Path
from typing import Any

import click

from convergences_cli.asking import ask, node_options, print_said, printed
from convergences_cli.tables import print_facts, print_table
from convergences_cli.words import say


@click.group("relay", short_help="Who is told what happens here, in the fediverse.")
def command() -> None:
    """Servers of Mobilizon, Gancio, Mastodon and others may follow a node whose settings say so ([relay] enabled).

    \b
    Example:
      convergences relay status --folder saint-denis
    """


@command.command("status", short_help="Whether this node is a relay, who follows, what waits to be told.")
@node_options
def relay_status(folder: Path, as_json: bool) -> None:
    """Show whether this node is a relay, under which name, which servers follow, and which do not answer.

    \b
    Example:
      convergences relay status --folder saint-denis
    """
    _show(ask(folder, "relay_status", quiet=as_json), as_json)


@command.command("block", short_help="Speak no longer with a server, or with all of a domain.")
@click.argument("host")
@node_options
def relay_block(host: str, folder: Path, as_json: bool) -> None:
    """Forget who follows from HOST, and refuse what it posts. All that is below the name is meant too.

    \b
    Example:
      convergences relay block spam.example --folder saint-denis
    """
    _say("block", host, folder, as_json)


@command.command("unblock", short_help="Speak again with a server that was blocked.")
@click.argument("host")
@node_options
def relay_unblock(host: str, folder: Path, as_json: bool) -> None:
    """Let HOST follow again.

    \b
    Example:
      convergences relay unblock spam.example --folder saint-denis
    """
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
