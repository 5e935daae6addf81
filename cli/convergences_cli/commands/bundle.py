# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences bundle`: logs carried on a stick, for a cluster without a network."""

from pathlib import Path
from typing import Any

import click

from convergences_cli import told
from convergences_cli.asking import ask, node_options, print_json
from convergences_cli.tables import print_table
from convergences_cli.words import language, say

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
    missing = _missing(answer)
    if as_json:
        print_json(answer | {"missing": missing})
    else:
        _show(answer)
    if missing or not answer["sound"]:
        raise click.exceptions.Exit(1)


def _kept(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [log for log in answer["logs"] if log["kept"]]


def _missing(answer: dict[str, Any]) -> int:
    return sum(max(0, (log["size"] or 0) - log["after"]) for log in _kept(answer))


def _show(answer: dict[str, Any]) -> None:
    kept = _kept(answer)
    click.echo(say("bundle.read", path=answer["path"], came=sum(log["after"] - log["before"] for log in kept)))
    rows = [(log["territory"], log["origin"], log["before"], log["after"], log["wanted"]) for log in kept]
    if rows:
        heads = [say(f"word.{word}") for word in ("territory", "log", "before", "records", "wanted")]
        print_table(heads, rows)
    _show_trouble(answer)


def _show_trouble(answer: dict[str, Any]) -> None:
    """Why not all of a bundle came, if that is so, and what to do."""
    from convergences_node.fault_sentences import fault_sentence, hint_sentence
    from convergences_node.faults import fault_from_json

    if not answer["sound"]:
        fault = fault_from_json(answer["fault"])
        what = fault_sentence(fault, language())
        click.echo(say("bundle.broken_off", path=answer["path"], what=what), err=True)
        click.echo(say("error.hint", what=hint_sentence(fault, language())), err=True)
    if missing := _missing(answer):
        click.echo(say("bundle.incomplete", missing=missing), err=True)
