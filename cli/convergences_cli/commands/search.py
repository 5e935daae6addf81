# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences search`: ask this node's index."""

from pathlib import Path
from typing import Any

import click

from convergences_cli.asking import ask, node_options, printed
from convergences_cli.tables import print_table
from convergences_cli.words import say


@click.command(short_help="Search the records that this node holds.")
@click.argument("words", nargs=-1)
@click.option("--kind", "-k", multiple=True, help="Only this kind; may be repeated, as all the filters.")
@click.option("--theme", multiple=True, help="Only this theme (an element id) and narrower ones.")
@click.option("--in", "territory", multiple=True, help="Only this territory and those inside it.")
@click.option("--type", "type_", multiple=True, help="Only this type, such as association.")
@click.option("--near", metavar="LAT,LON,METRES", help="Only around a point.")
@click.option("--box", metavar="WEST,SOUTH,EAST,NORTH", help="Only within a box.")
@click.option("--from", "from_", metavar="DATE", help="Only what happens then or later.")
@click.option("--to", metavar="DATE", help="Only what happens then or earlier.")
@click.option("--at", metavar="DATE", help="Only what exists at that date.")
@click.option("--related", metavar="ELEMENT", help="Only what is related to an element.")
@click.option("--depth", type=click.IntRange(1, 4), help="Over how many relations.")
@click.option("--sort", type=click.Choice(["relevance", "date", "name", "newest"]), help="In which order.")
@click.option("--limit", "-l", type=click.IntRange(1, 200), help="How many on a page.")
@click.option("--cursor", help="The page after the one that gave this cursor.")
@node_options
def command(words: tuple[str, ...], folder: Path, as_json: bool, **filters: Any) -> None:
    """Search the records that this node holds, its own and those of the towns it keeps.

    \b
    Example:
      convergences search musique --kind action --in 93066 --folder plaine-commune
    """
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
