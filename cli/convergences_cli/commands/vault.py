# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences vault`: the encrypted backups that an agglomeration keeps for its towns."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from convergences_cli import told
from convergences_cli.asking import ask, node_options, printed
from convergences_cli.tables import print_table
from convergences_cli.words import language, say


@told.command()
@click.option("--forget", metavar="TERRITORY")
@node_options
def command(forget: str | None, folder: Path, as_json: bool) -> None:
    _show(ask(folder, "vault", {"forget": forget}, quiet=as_json), as_json)


@printed
def _show(answer: dict[str, Any]) -> None:
    if answer["forgotten"]:
        click.echo(say("vault.forgotten", count=answer["forgotten"]))
    _show_left(answer["left"])
    if not answer["keeps"]:
        if not answer["left"]:
            click.echo(say("vault.off"))
        return
    rows = [
        (each["territory"], each["name"], _day(each["kept_at"]), each["bytes"], each["count"])
        for each in answer["towns"]
    ]
    heads = [say(f"word.{word}") for word in ("territory", "name", "time", "bytes", "number")]
    if rows:
        print_table(heads, rows)
    else:
        click.echo(say("vault.none"))


def _show_left(left: dict[str, Any]) -> None:
    if "kept_at" in left:
        click.echo(say("vault.left", time=_day(left["kept_at"]), bytes=left["bytes"]))
    if "waiting" in left:
        click.echo(say("vault.waiting"))
    if "reason" in left:
        from convergences_node.fault_sentences import reason_sentence

        click.echo(say("vault.reason", reason=reason_sentence(left, language())))


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%MZ")
