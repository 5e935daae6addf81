# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences backup`: an encrypted copy of what no peer can give back; the list of them; a check of them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from convergences_protocol.errors import ConvergencesError

from convergences_cli import told
from convergences_cli.asking import ask, node_options, print_json
from convergences_cli.sheet import sheet_seed
from convergences_cli.tables import print_table
from convergences_cli.words import language, say


@told.command()
@click.argument("target", type=click.Path(path_type=Path), required=False)
@click.option("--archive", type=click.Choice(["own", "all"]))
@click.option("--keep", type=click.IntRange(1, 1000))
@click.option("--vault", is_flag=True)
@click.option("--list", "listing", is_flag=True)
@click.option("--verify", "sheet", type=click.File("r", encoding="utf-8"))
@node_options
def command(
    target: Path | None,
    archive: str | None,
    keep: int | None,
    vault: bool,
    listing: bool,
    sheet: Any,
    folder: Path,
    as_json: bool,
) -> None:
    if vault and (target or listing or sheet is not None):
        raise click.UsageError(say("usage.vault"))
    if listing or sheet is not None:
        _look(_target(target, folder), sheet, as_json)
        return
    where = str(target.absolute()) if target else None
    params = {"target": where, "archive": archive, "keep": keep, "vault": vault}
    answer = ask(folder, "backup", params, quiet=as_json)
    print_json(answer) if as_json else _show(answer)


def _target(target: Path | None, folder: Path) -> Path:
    if target is not None:
        return target
    from convergences_node.config import load_config

    configured = load_config(folder).backup.folder
    if not configured:
        raise click.UsageError(say("usage.backup_target"))
    return Path(configured)


def _show(answer: dict[str, Any]) -> None:
    if "kept_at" in answer:
        click.echo(say("backup.left", **answer))
        return
    click.echo(say("backup.done", **answer))
    if answer["same_disk"]:
        click.echo(say("backup.same_disk"), err=True)


def _look(target: Path, sheet: Any, as_json: bool) -> None:
    from convergences_node.backup import shelf
    from convergences_node.backup.recipient import recipient_of
    from convergences_protocol.keys import SigningKey

    seed = sheet_seed(sheet) if sheet is not None else None
    found = shelf.found_at(target)
    if seed is not None:  # several towns may share a stick
        recipient = recipient_of(SigningKey.from_seed(seed).public)
        found = (shelf.opened_by(found, recipient) or found)[-1:]
    rows = [_checked(each, seed) for each in found]
    if as_json:
        print_json({"backups": rows})
    else:
        heads = [say(f"word.{word}") for word in ("backup", "territory", "name", "time", "records", "bytes", "state")]
        table = [[row[name] for name in ("path", "territory", "name", "made", "records", "bytes")] for row in rows]
        print_table(
            heads, [(*row, each["fault"] or say("backup.whole")) for row, each in zip(table, rows, strict=True)]
        )
    if not rows and not as_json:
        click.echo(say("backup.none", target=target))
    if not rows or any(row["fault"] for row in rows):
        raise click.exceptions.Exit(1)


def _checked(each: Any, seed: bytes | None) -> dict[str, Any]:
    from convergences_node.backup import shelf
    from convergences_node.fault_sentences import fault_sentence

    fault = None
    try:
        if seed is None:
            shelf.check(each)
        else:
            from convergences_node.backup.restoring import verify

            verify(each.path, seed)
    except ConvergencesError as error:
        fault = fault_sentence(error.fault, language()) if error.fault else str(error)
    note = each.note
    return {
        "path": str(each.path),
        "territory": each.territory,
        "name": note.name if note else None,
        "origin": note.origin if note else None,
        "made": datetime.fromtimestamp(note.created_at, UTC).strftime("%Y-%m-%d %H:%MZ") if note else None,
        "records": note.size if note else None,
        "bytes": note.size_bytes if note else None,
        "archive": note.archive if note else None,
        "fault": fault,
    }
