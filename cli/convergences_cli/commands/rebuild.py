# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences rebuild`: the town again, on a new card, from what is left of it."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from convergences_cli import told
from convergences_cli.asking import Progress, node_options, print_json
from convergences_cli.commands.join import invitation_text
from convergences_cli.sheet import sheet_seed, sheet_text
from convergences_cli.words import say, say_fault

WAIT_S = 600


@told.command()
@click.option("--backup", type=click.Path(path_type=Path, exists=True))
@click.option("--sheet", type=click.File("r", encoding="utf-8"))
@click.option("--at", multiple=True, metavar="ADDRESS")
@click.option("--bundle", type=click.Path(path_type=Path, exists=True))
@click.option("--invitation", metavar="INVITATION")
@click.option("--code", metavar="CODE")
@click.option("--vault/--no-vault", default=True)
@click.option("--wait", type=click.IntRange(0), default=WAIT_S, show_default=True)
@node_options
def command(
    backup: Path | None,
    sheet: Any,
    at: tuple[str, ...],
    bundle: Path | None,
    invitation: str | None,
    code: str | None,
    vault: bool,
    wait: int,
    folder: Path,
    as_json: bool,
) -> None:
    from convergences_node.backup.rebuilding import Left, rebuild

    seed = sheet_seed(sheet) if sheet is not None else None
    territory, name = _territory(code)
    invited = invitation_text(invitation) if invitation else None
    left = Left(backup, seed, at, bundle.absolute() if bundle else None, invited, territory, name, vault)
    with Progress(as_json) as progress:
        answer = asyncio.run(rebuild(folder.absolute(), left, wait, progress.tell))
    print_json(answer) if as_json else _show(answer, folder)
    if answer.get("state") == "waiting" or _bundle_failed(answer):
        raise click.exceptions.Exit(1)


def _bundle_failed(answer: dict[str, Any]) -> bool:
    return "bundle" in answer and not answer["bundle"]["sound"]


def _territory(code: str | None) -> tuple[str | None, str | None]:
    if code is None:
        return None, None
    from convergences_node.territories import find

    facts = find(code)
    return facts.code, facts.name


def _show(answer: dict[str, Any], folder: Path) -> None:
    if answer["how"] in ("backup", "vault"):
        click.echo(say("rebuild.restored", **answer))
        if _bundle_failed(answer):
            _show_bundle(answer["bundle"], folder)
    elif answer["how"] == "sheet":
        _show_sheet(answer, folder)
    else:
        _show_person(answer, folder)
    if "state" in answer:
        _show_state(answer, folder)


def _show_bundle(read: dict[str, Any], folder: Path) -> None:
    """The town is there; what the stick did not give can be read again, and not by the same command."""
    what = say_fault(read["fault"])
    click.echo(say("rebuild.bundle_unread", what=what, path=read["path"], folder=folder), err=True)


def _show_sheet(answer: dict[str, Any], folder: Path) -> None:
    click.echo(say("rebuild.from_sheet", **answer))
    if not answer["joined"]:
        click.echo(say("rebuild.join", folder=folder))
    if not answer["told"]:
        click.echo(say("rebuild.succession"))
        click.echo(answer["succession"])


def _show_person(answer: dict[str, Any], folder: Path) -> None:
    click.echo(say("rebuild.person", name=answer["name"], territory=answer["territory"]))
    founded = {**answer, "origin": answer["successor"]}
    click.echo(sheet_text(founded, datetime.now(UTC).date().isoformat()))
    click.echo(say("rebuild.person_how"))
    new, keys = answer["successor"], f"--key {answer['key']} --recovery-key {answer['recovery_key']}"
    click.echo(f"  convergences charter enrol {new} {keys}")
    old = answer["origin"] or say("rebuild.person_unknown")
    click.echo(f'  convergences charter end {old} --why "rebuilt" --successor {new}')
    click.echo(f"  convergences invite {answer['territory'].removeprefix('FR-')}")
    click.echo(say("rebuild.person_then", folder=folder))


def _show_state(answer: dict[str, Any], folder: Path) -> None:
    missing = sum(max(0, log["target"] - log["size"]) for log in answer["logs"])
    wanted = sum(log["wanted"] for log in answer["logs"])
    for log in answer["logs"]:
        click.echo(say("rebuild.log", **log))
        if log["cosigned"]:
            click.echo("  " + say("rebuild.cosigned", **log["cosigned"]))
    state = "waiting_enrolment" if answer["state"] == "waiting" and not missing + wanted else answer["state"]
    click.echo(say(f"rebuild.{state}", origin=answer["origin"], missing=missing, wanted=wanted, folder=folder))
