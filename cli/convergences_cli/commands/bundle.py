# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences bundle`: logs carried on a stick, for a cluster without a network."""

from pathlib import Path
from typing import Any

import click

from convergences_cli import told
from convergences_cli.asking import ask, node_options, print_json
from convergences_cli.tables import print_table
from convergences_cli.words import say

command = told.Group()


@command.command("write")
@click.argument("path", type=click.Path(path_type=Path))
@node_options
def bundle_write(path: Path, folder: Path, as_json: bool) -> None:
    answer = ask(folder, "bundle_write", {"path": str(path.absolute())}, quiet=as_json)
    if as_json:
        print_json(answer)
        return
    click.echo(say("bundle.written", **answer))
    if answer["left_alone"]:
        click.echo(say("bundle.left_alone", **answer), err=True)


@command.command("read")
@click.argument("path", type=click.Path(path_type=Path))
@node_options
def bundle_read(path: Path, folder: Path, as_json: bool) -> None:
    answer = ask(folder, "bundle_read", {"path": str(path.absolute())}, quiet=as_json)
    kept = [log for log in answer["logs"] if log["kept"]]
    missing = sum(max(0, (log["size"] or 0) - log["after"]) for log in kept)
    if as_json:
        print_json(answer | {"missing": missing})
    else:
        _show(answer, kept, missing)
    if missing or not answer["sound"]:
        raise click.exceptions.Exit(1)


def _show(answer: dict[str, Any], kept: list[dict[str, Any]], missing: int) -> None:
    click.echo(say("bundle.read", path=answer["path"], came=sum(log["after"] - log["before"] for log in kept)))
    rows = [(log["territory"], log["origin"], log["before"], log["after"], log["wanted"]) for log in kept]
    if rows:
        heads = [say(f"word.{word}") for word in ("territory", "log", "before", "records", "wanted")]
        print_table(heads, rows)
    if not answer["sound"]:
        click.echo(say("bundle.unsound", **answer), err=True)
    if missing:
        click.echo(say("bundle.incomplete", missing=missing), err=True)
