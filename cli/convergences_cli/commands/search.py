# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences search`: ask this node's index."""

from pathlib import Path
from typing import Any

import click

from convergences_cli import told
from convergences_cli.asking import ask, node_options, printed
from convergences_cli.tables import print_table
from convergences_cli.words import say


@told.command()
@click.argument("words", nargs=-1)
@click.option("--kind", "-k", multiple=True, metavar="KIND")
@click.option("--theme", multiple=True, metavar="ELEMENT")
@click.option("--in", "territory", multiple=True, metavar="TERRITORY")
@click.option("--type", "type_", multiple=True, metavar="TYPE")
@click.option("--near", metavar="LAT,LON,METRES")
@click.option("--box", metavar="WEST,SOUTH,EAST,NORTH")
@click.option("--from", "from_", metavar="DATE")
@click.option("--to", metavar="DATE")
@click.option("--at", metavar="DATE")
@click.option("--related", metavar="ELEMENT")
@click.option("--depth", type=click.IntRange(1, 4))
@click.option("--sort", type=click.Choice(["relevance", "date", "name", "newest"]))
@click.option("--limit", "-l", type=click.IntRange(1, 200))
@click.option("--cursor", metavar="CURSOR")
@node_options
def command(words: tuple[str, ...], folder: Path, as_json: bool, **filters: Any) -> None:
    _show(ask(folder, "search", {"query": query(words, filters)}, quiet=as_json), as_json)


NAMES = {"near": "circle", "from_": "from", "type_": "facet.type"}


def query(words: tuple[str, ...], filters: dict[str, Any]) -> dict[str, Any]:
    """The question by the names of the API's parameters."""
    asked: dict[str, Any] = {"q": " ".join(words)}
    filters["territory"] = [f"FR-{code.upper().removeprefix('FR-')}" for code in filters["territory"]]
    for name, value in filters.items():
        asked[NAMES.get(name, name)] = list(value) if isinstance(value, tuple | list) else value and str(value)
    return {name: value for name, value in asked.items() if value}


@printed
def _show(answer: dict[str, Any]) -> None:
    items = answer["items"]
    rows = [(item["kind"], item["name"], item.get("locality") or item["territory"], item["id"]) for item in items]
    print_table([say("word.kind"), say("word.name"), say("word.where"), say("word.element")], rows)
    total = answer["total"]
    click.echo(say("search.total" if items else "search.none", shown=len(items), count=total["count"]))
    if answer.get("cursor"):
        click.echo(say("search.more", cursor=answer["cursor"]))
