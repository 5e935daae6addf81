# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences status`: how the node is, in one screen."""

from pathlib import Path
from typing import Any

import click

from convergences_cli import told
from convergences_cli.asking import ask, node_options, printed
from convergences_cli.tables import print_facts, print_table
from convergences_cli.words import language, say

MARKS = {"good": "+", "care": "!", "bad": "X"}


@told.command()
@node_options
def command(folder: Path, as_json: bool) -> None:
    _show(ask(folder, "status", quiet=as_json), as_json)


@printed
def _show(answer: dict[str, Any]) -> None:
    node, log, index = answer["node"], answer["log"], answer["index"]
    kind = say(f"status.node.{node['kind']}")
    print_facts(
        [
            (say("status.name"), node["name"]),
            (say("status.territory"), f"{node['territory']} ({kind})"),
            (say("status.running"), say("word.yes" if node.get("running") else "word.no")),
            (say("status.origin"), log["origin"]),
            (say("status.size"), log["size"]),
            (say("status.index"), say(f"status.index_is.{index['state']}", **index)),
            (say("status.http"), answer.get("addresses", {}).get("pages")),
            (say("status.p2p"), answer.get("addresses", {}).get("p2p")),
            (say("status.peers"), f"{answer['peers'].get('connected', 0)} / {answer['peers'].get('known', 0)}"),
        ]
    )
    for origin, count in answer.get("erasures_waiting", {}).items():
        click.echo(say("status.erasures_waiting", origin=origin, count=count))
    _show_signs(answer.get("signs", []))
    others = [entry for entry in answer.get("logs", []) if not entry.get("own")]
    if others:
        click.echo()
        rows = [(e["territory"], e["size"], e["bodies_wanted"], say(f"status.log.{e['status']}")) for e in others]
        print_table([say("word.territory"), say("word.records"), say("word.wanted"), say("word.state")], rows)


def _show_signs(signs: list[dict[str, Any]]) -> None:
    """What the operator's page says, in the same words."""
    import msgspec
    from convergences_node import checkup

    for each in msgspec.convert(signs, list[checkup.Sign]):
        title, sentence = checkup.title(each, language()), checkup.sentence(each, language())
        click.echo(say("status.sign", mark=MARKS[each.level], title=title, sentence=sentence))
        if todo := checkup.what_to_do(each, language()):
            click.echo(f"  {todo}")
