# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences init`: found the node of a town or an agglomeration."""

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from convergences_node.territories import TerritoryFacts, find

from convergences_cli import told
from convergences_cli.asking import node_options, print_json
from convergences_cli.sheet import private_file, sheet_text
from convergences_cli.words import say


@told.command()
@click.argument("code")
@click.option("--name", metavar="NAME")
@click.option("--agglomeration/--town", default=None)
@click.option("--host", metavar="ADDRESS")
@click.option("--port", type=click.IntRange(0, 65535))
@click.option("--sheet", type=click.Path(path_type=Path, dir_okay=False))
@node_options
def command(
    code: str,
    name: str | None,
    agglomeration: bool | None,
    host: str | None,
    port: int | None,
    sheet: Path | None,
    folder: Path,
    as_json: bool,
) -> None:
    facts = find(code)
    kind = facts.node_kind if agglomeration is None else "agglomeration" if agglomeration else "town"
    http = {key: value for key, value in (("host", host), ("port", port)) if value is not None}
    # The sheet has its place before there is a node: a recovery key that went nowhere could never be had again.
    with private_file(sheet) as write_sheet:
        founded = _found(folder, facts, kind, name or facts.name, {"http": http} if http else {})
        today = datetime.now(UTC).date().isoformat()
        text = sheet_text(asdict(founded), today)
        write_sheet(text)
    answer = asdict(founded) | {
        "folder": str(folder),
        "kind": kind,
        "key": founded.key.hex(),
        "recovery_sheet": list(founded.recovery_sheet),
    }
    if sheet:
        answer["recovery_sheet"] = str(sheet)
    if as_json:
        print_json(answer)
    else:
        _show(answer, facts, text, sheet)


def _found(folder: Path, facts: TerritoryFacts, kind: str, name: str, settings: dict[str, dict[str, Any]]) -> Any:
    from convergences_node.founding import create_town

    return asyncio.run(create_town(folder, facts.code, kind, name, facts=facts.fields(), settings=settings))


def _show(answer: dict[str, Any], facts: TerritoryFacts, text: str, sheet: Path | None) -> None:
    click.echo(say("init.done", name=answer["name"], territory=answer["territory"], folder=answer["folder"]))
    if facts.successor:
        click.echo(say("init.part_of", name=facts.name, successor=facts.successor, ended=facts.ended))
    click.echo()
    click.echo(say("init.sheet_written", path=sheet) if sheet else text)
    click.echo(say(f"init.next_{answer['kind']}", folder=answer["folder"]))
