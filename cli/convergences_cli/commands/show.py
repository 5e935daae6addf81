# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences show`: one element, as it is or as it was."""

from pathlib import Path
from typing import Any

import click

from convergences_cli import told
from convergences_cli.asking import ask, node_options, printed
from convergences_cli.tables import print_facts
from convergences_cli.words import say


@told.command()
@click.argument("element")
@click.option("--at", metavar="DATE")
@node_options
def command(element: str, at: str | None, folder: Path, as_json: bool) -> None:
    _show(ask(folder, "show", {"element": element, "at": at}, quiet=as_json), as_json)


@printed
def _show(answer: dict[str, Any]) -> None:
    print_facts([(say("word.element"), answer.get("id")), (say("word.kind"), answer.get("kind"))])
    click.echo()
    print_facts(list((answer.get("fields") or {}).items()))
    relations = answer.get("relations") or []
    if relations:
        click.echo()
    for relation in relations:
        arrow = "→" if relation.get("outgoing") else "←"
        other = (relation.get("item") or {}).get("name") or relation.get("other")
        click.echo(f"{arrow} {relation['predicate']}  {other}")
