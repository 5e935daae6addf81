# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences verify`: check a receipt or a whole archive, from files alone."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from convergences_protocol.errors import Fault, LocalError, RemoteError
from convergences_protocol.receipt import FIRST_LINE, RECEIPT_BYTES_MAX

from convergences_cli import told
from convergences_cli.asking import Progress, json_option, print_json
from convergences_cli.tables import print_facts
from convergences_cli.words import say

KEY_HEX_CHARS = 64
COUNTS = ("logs", "entries", "bodies", "wanted", "erased", "unreadable", "fault_count")


@told.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option("--key", metavar="KEY")
@click.option("--folder", "-f", type=click.Path(path_type=Path, file_okay=False, exists=True))
@json_option
def command(path: Path, key: str | None, folder: Path | None, as_json: bool) -> None:
    if path.is_dir():
        from convergences_node.archive.verifying import verify_archive

        with Progress(as_json) as progress:
            report = verify_archive(path, progress.tell)
        print_json(report) if as_json else _show_archive(report, path)
    else:
        report = _receipt(path, key, folder)
        print_json(report) if as_json else _show_receipt(report, folder)
    if not report["sound"]:
        raise click.exceptions.Exit(1)


def _receipt(path: Path, key: str | None, folder: Path | None) -> dict[str, Any]:
    from convergences_node.receipts import check_receipt, keys_of_archive

    with path.open("rb") as file:
        data = file.read(RECEIPT_BYTES_MAX + 1)
    if not data.startswith(FIRST_LINE.encode()):
        raise LocalError(
            f"{path} is not a receipt: it does not begin with {FIRST_LINE}",
            fault=Fault("", "not_a_receipt", {"file": str(path), "start": FIRST_LINE}),
        )
    if key is None and folder is None:
        raise click.UsageError(say("usage.receipt_key"))
    keys = keys_of_archive(folder) if folder else {}
    try:
        return check_receipt(data, keys, _key(key) if key else None)
    except RemoteError as error:
        return {"sound": False, "reason": str(error)}


def _key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(text) != KEY_HEX_CHARS or len(key) != KEY_HEX_CHARS // 2:
        raise click.BadParameter(say("usage.key"))
    return key


def _show_receipt(report: dict[str, Any], folder: Path | None) -> None:
    if not report["sound"]:
        click.echo(say("verify.unsound", what=report["reason"]))
        return
    click.echo(say("verify.sound", what=say("verify.record", **report)))
    click.echo(say("verify.key_archive", folder=folder) if folder else say("verify.key_own"))
    signed = report["author_signed"]
    click.echo(say("verify.author" if signed else "verify.author_not", author=(report.get("author") or "")[:12]))
    for name, time in report["cosigned"].items():
        seen = datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        click.echo(say("verify.cosigned", name=name, time=seen))
    if report["fields"] is None:
        click.echo(say("verify.body_none"))
    else:
        click.echo(say("verify.body"))
        print_facts(list(report["fields"].items()))


def _show_archive(report: dict[str, Any], path: Path) -> None:
    click.echo(say("verify.sound" if report["sound"] else "verify.unsound", what=path))
    print_facts([(say(f"verify.count.{name}"), report[name]) for name in COUNTS])
    for fault in report["faults"]:
        values = ", ".join(f"{name} {value}" for name, value in fault.items() if name != "code")
        click.echo(f"{fault['code']} ({values})")
