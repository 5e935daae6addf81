# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences charter`: who belongs to the agglomeration, and two things that a person decides about it."""

from pathlib import Path
from typing import Any

import click

from convergences_cli.asking import ask, node_options, print_said, printed
from convergences_cli.sheet import sheet_words
from convergences_cli.tables import print_table
from convergences_cli.words import say


@click.group("charter", short_help="Who belongs; enrol or end a log.")
def command() -> None:
    """Show the charter that this node follows, or change it (at the agglomeration).

    \b
    Example:
      convergences charter show --folder saint-denis
    """


@command.command("show", short_help="The logs that belong to the agglomeration.")
@node_options
def charter_show(folder: Path, as_json: bool) -> None:
    """List the logs that belong to the agglomeration, those that have ended too.

    \b
    Example:
      convergences charter show --folder saint-denis
    """
    _show(ask(folder, "charter", quiet=as_json), as_json)


@command.command("enrol", short_help="Enrol a log by hand.")
@click.argument("origin")
@click.option("--key", required=True, help="The log's key, in hex.")
@click.option("--recovery-key", required=True, help="The recovery key in the log's first record, in hex.")
@node_options
def charter_enrol(origin: str, key: str, recovery_key: str, folder: Path, as_json: bool) -> None:
    """Enrol a log by hand: a person has looked, and decides. Invitations do this by themselves.

    \b
    Example:
      convergences charter enrol convergences/FR-93066/00112233aabbccdd --key 9c… --recovery-key 41…
    """
    params = {"origin": origin, "key": key, "recovery_key": recovery_key}
    _done(ask(folder, "enrol", params, quiet=as_json), as_json, "charter.enrolled")


@command.command("end", short_help="End a log: merge, theft, departure.")
@click.argument("origin")
@click.option("--why", required=True, help="In a few words; it is written in the log for ever.")
@click.option("--successor", help="The territory or log that goes on in its place.")
@click.option(
    "--recovery-sheet",
    "sheet",
    type=click.File("r", encoding="utf-8"),
    help="The words of the recovery sheet; - is stdin.",
)
@click.option("--at", multiple=True, help="HTTP address of a node that keeps the log, with --recovery-sheet.")
@node_options
def charter_end(
    origin: str, why: str, successor: str | None, sheet: Any, at: tuple[str, ...], folder: Path, as_json: bool
) -> None:
    """End a log in the charter. What it said before stays; with a successor, searches for either name find both.

    With its recovery sheet, the log of a node whose key is lost or stolen ends, and this new node's goes on.

    \b
    Example:
      convergences charter end convergences/FR-93059/00112233aabbccdd --why "merger" --successor FR-93066
    """
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
