# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences import`: read a table of records into the town's archive."""

from pathlib import Path
from typing import Any

import click

from convergences_cli import told
from convergences_cli.asking import ask, node_options, print_json
from convergences_cli.words import say, say_fault

SHOWN_MAX = 20


@told.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.option("--mapping", "-m", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--kind", "-k", metavar="KIND")
@click.option("--dry-run", "-n", is_flag=True)
@node_options
def command(file: Path, mapping: Path | None, kind: str | None, dry_run: bool, folder: Path, as_json: bool) -> None:
    if mapping is not None and kind is not None:
        raise click.UsageError(say("usage.mapping_or_kind"))
    params = {
        "path": str(file.absolute()),
        "mapping": str(mapping.absolute()) if mapping else None,
        "kind": kind,
        "dry_run": dry_run,
    }
    report = ask(folder, "import", params, quiet=as_json)
    print_json(report) if as_json else _show(report)
    if report["refused_count"]:
        raise click.exceptions.Exit(1)


def _show(report: dict[str, Any]) -> None:
    click.echo(say("import.dry" if report["dry_run"] else "import.done", **report))
    for each in report.get("not_held", ()):
        click.echo(say("import.not_held", **each))
    for name in ("refused", "left_out"):
        for entry in report[name][:SHOWN_MAX]:
            click.echo(say(f"import.{name}", line=entry["line"], what=say_fault(entry)))
        more = report[f"{name}_count"] - SHOWN_MAX
        if more > 0:
            click.echo(say("import.more", count=more))
