# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences receipt`: a proof to keep in a drawer."""

from pathlib import Path
from typing import Any

import click

from convergences_cli.asking import ask, node_options, print_json
from convergences_cli.words import say


@click.command(short_help="Proof that a record is in a log, to check offline.")
@click.argument("element", required=False)
@click.option("--digest", help="Of this record (hex) instead of an element's current one.")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False), help="Write it here; else printed.")
@node_options
def command(element: str | None, digest: str | None, output: Path | None, folder: Path, as_json: bool) -> None:
    """Make a receipt: proof that a record is in a town's log, which `convergences verify` checks years later, offline.

    \b
    Example:
      convergences receipt FR-93066:0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b -o fete.tlog-proof --folder saint-denis
    """
    if (element is None) == (digest is None):
        raise click.UsageError(say("usage.element_or_digest"))
    answer = ask(folder, "receipt", {"element": element, "digest": digest}, quiet=as_json)
    if output:
        output.write_text(answer["receipt"], encoding="utf-8")
    _show(answer, output, as_json)


def _show(answer: dict[str, Any], output: Path | None, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    elif output:
        click.echo(say("receipt.written", output=output, index=answer["index"], origin=answer["origin"]))
    else:
        click.echo(answer["receipt"], nl=False)
