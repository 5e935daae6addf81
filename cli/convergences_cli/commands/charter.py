# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences charter`: who belongs to the agglomeration, and two things that a person decides about it."""

from pathlib import Path
from typing import Any

import click

from convergences_cli import told
from convergences_cli.asking import ask, node_options, print_said, printed
from convergences_cli.sheet import sheet_words
from convergences_cli.tables import print_table
from convergences_cli.words import say

command = told.Group()


@command.command("show")
@node_options
def charter_show(folder: Path, as_json: bool) -> None:
    _show(ask(folder, "charter", quiet=as_json), as_json)


@command.command("enrol")
@click.argument("origin")
@click.option("--key", required=True, metavar="KEY")
@click.option("--recovery-key", required=True, metavar="KEY")
@node_options
def charter_enrol(origin: str, key: str, recovery_key: str, folder: Path, as_json: bool) -> None:
    params = {"origin": origin, "key": key, "recovery_key": recovery_key}
    _done(ask(folder, "enrol", params, quiet=as_json), as_json, "charter.enrolled")


@command.command("end")
@click.argument("origin")
@click.option("--why", required=True)
@click.option("--successor", metavar="TERRITORY")
@click.option("--recovery-sheet", "sheet", type=click.File("r", encoding="utf-8"))
@click.option("--at", multiple=True, metavar="ADDRESS")
@node_options
def charter_end(
    origin: str, why: str, successor: str | None, sheet: Any, at: tuple[str, ...], folder: Path, as_json: bool
) -> None:
    words = sheet_words(sheet) if sheet else None
    params = {"origin": origin, "why": why, "successor": successor, "recovery": words, "at": list(at)}
    _done(ask(folder, "end", params, quiet=as_json), as_json, "charter.ended")


def _done(answer: dict[str, Any], as_json: bool, key: str) -> None:
    print_said(answer, as_json, key)


@printed
def _show(answer: dict[str, Any]) -> None:
    agglomeration = answer.get("agglomeration") or {}
    click.echo(f"{agglomeration.get('name') or ''} {agglomeration.get('origin') or ''}".strip())
    rows = [
        (entry["territory"], entry["origin"], _state(entry), entry.get("successor")) for entry in answer["enrolments"]
    ]
    print_table([say("word.territory"), say("word.log"), say("word.state"), say("word.successor")], rows)


def _state(entry: dict[str, Any]) -> str:
    return say("charter.state." + ("disputed" if entry.get("disputed") else "ended" if entry.get("ended") else "here"))
