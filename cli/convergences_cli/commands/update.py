# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences update`: a newer version of the program, from a stick or from the agglomeration."""

from pathlib import Path
from typing import Any

import click

from convergences_cli.asking import ask, node_options, print_json, print_said
from convergences_cli.tables import print_table
from convergences_cli.words import language, say

WHERE = click.argument("where", type=click.Path(path_type=Path), required=False)


@click.group("update", short_help="A newer version of the program, checked and tried.")
def command() -> None:
    """Find, prepare and install a newer version of the program. Only what a release key has signed is installed; it is
    on trial for ten minutes, and if it is not well the version before comes back by itself.

    \b
    Example:
      convergences update check --folder /var/lib/convergences
      convergences update stage --folder /var/lib/convergences
      convergences update apply --folder /var/lib/convergences
    """


@command.command("check", short_help="Look for a newer version.")
@WHERE
@node_options
def update_check(where: Path | None, folder: Path, as_json: bool) -> None:
    """List the versions in the folder WHERE; without it, on every stick and at the agglomeration.

    \b
    Example:
      convergences update check /media/stick --folder /var/lib/convergences
    """
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
            _fault(each["refused"]) or say("update.good"),
        )
        for each in answer["offers"]
    ]
    if rows:
        print_table([say(f"word.{word}") for word in ("version", "where", "bytes", "state")], rows)
    else:
        click.echo(say("update.none"))
    if answer["unreachable"]:
        click.echo(say("update.unreachable", reason=answer["unreachable"]), err=True)


@command.command("stage", short_help="Prepare a version: copied here, checked, whole.")
@WHERE
@click.option("--version", "wanted", help="This one, instead of the newest.")
@node_options
def update_stage(where: Path | None, wanted: str | None, folder: Path, as_json: bool) -> None:
    """Copy a version into the node's folder, from the folder WHERE, a stick, or the agglomeration. Nothing is installed
    yet.

    \b
    Example:
      convergences update stage /media/stick --folder /var/lib/convergences
    """
    answer = ask(folder, "update_stage", {"where": _absolute(where), "version": wanted}, quiet=as_json)
    print_said(answer, as_json, "update.staged")


@command.command("apply", short_help="Install the version that is prepared.")
@node_options
def update_apply(folder: Path, as_json: bool) -> None:
    """Install what was prepared. The node starts again within some minutes, as the new version, and is on trial for ten
    minutes, in which nothing can be written if its files had to change.

    \b
    Example:
      convergences update apply --folder /var/lib/convergences
    """
    answer = ask(folder, "update_apply", quiet=as_json)
    print_said(answer, as_json, "update.applied")


@command.command("status", short_help="How far an update has come.")
@node_options
def update_status(folder: Path, as_json: bool) -> None:
    """Say what is installed, what is prepared, and how the last update went. Exits with 1 if it was taken back or
    refused.

    \b
    Example:
      convergences update status --folder /var/lib/convergences
    """
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
        click.echo(_fault(attempt["reason"]))


@command.command("return", short_help="Take the new version back while it is on trial.")
@node_options
def update_return(folder: Path, as_json: bool) -> None:
    """Have the version before put back, without waiting for the end of the trial.

    \b
    Example:
      convergences update return --folder /var/lib/convergences
    """
    answer = ask(folder, "update_return", quiet=as_json)
    print_said(answer, as_json, "update.returning")


@command.command("offer", short_help="At an agglomeration: offer a version to its towns.")
@WHERE
@click.option("--none", "nothing", is_flag=True, help="Offer nothing any more.")
@node_options
def update_offer(where: Path | None, nothing: bool, folder: Path, as_json: bool) -> None:
    """Keep the newest release in the folder WHERE, with its packages for every machine, and offer it to the towns.

    \b
    Example:
      convergences update offer /media/stick --folder plaine-commune
    """
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


def _fault(fault: dict[str, Any] | None) -> str:
    if fault is None:
        return ""
    from convergences_node.fault_sentences import fault_sentence
    from convergences_node.faults import fault_from_json

    return fault_sentence(fault_from_json(fault), language())
