# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences update`: a newer version of the program, from a stick or from the agglomeration."""

from pathlib import Path
from typing import Any

import click

from convergences_cli import told
from convergences_cli.asking import ask, node_options, print_json, print_said
from convergences_cli.tables import print_table
from convergences_cli.words import say, say_fault

WHERE = click.argument("where", type=click.Path(path_type=Path), required=False)


command = told.Group()


@command.command("check")
@WHERE
@node_options
def update_check(where: Path | None, folder: Path, as_json: bool) -> None:
    answer = ask(folder, "update_check", {"where": _absolute(where)}, quiet=as_json)
    if as_json:
        print_json(answer)
        return
    click.echo(say("update.installed", **answer["installed"]))
    if not answer["signers"]:
        click.echo(say("update.no_signers"))
    rows = [
        (
            each["version"] or "?",
            each["where"] or say("update.agglomeration"),
            each["bytes"],
            say_fault(each["refused"]) or say("update.good"),
        )
        for each in answer["offers"]
    ]
    if rows:
        print_table([say(f"word.{word}") for word in ("version", "where", "bytes", "state")], rows)
    else:
        click.echo(say("update.none"))
    if answer["unreachable"]:
        click.echo(say("update.unreachable", reason=answer["unreachable"]), err=True)


@command.command("stage")
@WHERE
@click.option("--version", "wanted", metavar="VERSION")
@node_options
def update_stage(where: Path | None, wanted: str | None, folder: Path, as_json: bool) -> None:
    answer = ask(folder, "update_stage", {"where": _absolute(where), "version": wanted}, quiet=as_json)
    print_said(answer, as_json, "update.staged")


@command.command("apply")
@node_options
def update_apply(folder: Path, as_json: bool) -> None:
    answer = ask(folder, "update_apply", quiet=as_json)
    print_said(answer, as_json, "update.applied")


@command.command("status")
@node_options
def update_status(folder: Path, as_json: bool) -> None:
    answer = ask(folder, "update_status", quiet=as_json)
    attempt = answer["attempt"]
    if as_json:
        print_json(answer)
    else:
        _show_status(answer)
    if attempt and attempt["phase"] in ("returned", "refused"):
        raise click.exceptions.Exit(1)


def _show_status(answer: dict[str, Any]) -> None:
    if answer["version"]:
        click.echo(say("update.version", version=answer["version"]))
        if not answer["signers"]:
            click.echo(say("update.no_signers"))
    if answer["staged"]:
        click.echo(say("update.ready", version=answer["staged"]))
    if answer["offered"]:
        click.echo(say("update.offered", version=answer["offered"]))
    attempt = answer["attempt"]
    if attempt is None:
        click.echo(say("update.never"))
        return
    click.echo(say(f"update.phase.{attempt['phase']}", **attempt))
    if attempt["reason"]:
        click.echo(say_fault(attempt["reason"]))


@command.command("return")
@node_options
def update_return(folder: Path, as_json: bool) -> None:
    answer = ask(folder, "update_return", quiet=as_json)
    print_said(answer, as_json, "update.returning")


@command.command("offer")
@WHERE
@click.option("--none", "nothing", is_flag=True)
@node_options
def update_offer(where: Path | None, nothing: bool, folder: Path, as_json: bool) -> None:
    if nothing == (where is not None):
        raise click.UsageError(say("usage.where_or_none"))
    answer = ask(folder, "update_offer", {"where": _absolute(where) or ""}, quiet=as_json)
    if as_json:
        print_json(answer)
    elif nothing:
        click.echo(say("update.offered_none"))
    else:
        click.echo(say("update.offers", version=answer["version"], machines=", ".join(sorted(answer["packages"]))))


def _absolute(where: Path | None) -> str | None:
    return str(where.absolute()) if where else None
