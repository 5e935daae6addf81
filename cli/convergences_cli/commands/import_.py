# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences import`: read a table of records into the town's archive."""

from pathlib import Path
from typing import Any

import click

from convergences_cli.asking import ask, node_options, print_json
from convergences_cli.words import language, say

SHOWN_MAX = 20


@click.command("import", short_help="Import a table, an agenda, a feed, an archive of PAIR.")
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--mapping",
    "-m",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="TOML: what the columns become.",
)
@click.option("--kind", "-k", help="Without a mapping: the kind whose fields the columns are named after.")
@click.option("--dry-run", "-n", is_flag=True, help="Report what would be done, write nothing.")
@node_options
def command(file: Path, mapping: Path | None, kind: str | None, dry_run: bool, folder: Path, as_json: bool) -> None:
    """Import a table of records. Rows that cannot be read are refused with their line and reason, the rest is written.

    Files that say what they hold need neither mapping nor kind: iCalendar, RSS and Atom, GPX, GoGoCarto, OpenAgenda,
    Mobilizon, pages with schema.org; and linked data in PAIR (Turtle, N-Triples, N-Quads, JSON-LD, RDF/XML; a file,
    or a folder of them), of which what no kind can hold is listed.

    Importing the same again writes only what has changed. Exits with 1 if a row was refused.

    \b
    Example:
      convergences import stations.csv --mapping stations.toml --dry-run --folder saint-denis
      convergences import agenda.ics --folder saint-denis
      convergences import archipelago.jsonld --folder saint-denis
    """
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
    from convergences_node.fault_sentences import fault_sentence
    from convergences_node.faults import fault_from_json

    click.echo(say("import.dry" if report["dry_run"] else "import.done", **report))
    for each in report.get("not_held", ()):
        click.echo(say("import.not_held", **each))
    for name in ("refused", "left_out"):
        for entry in report[name][:SHOWN_MAX]:
            what = fault_sentence(fault_from_json(entry), language())
            click.echo(say(f"import.{name}", line=entry["line"], what=what))
        more = report[f"{name}_count"] - SHOWN_MAX
        if more > 0:
            click.echo(say("import.more", count=more))
