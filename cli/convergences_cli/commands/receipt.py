# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences receipt`: a proof to keep in a drawer."""

from pathlib import Path
from typing import Any

import click

from convergences_cli import told
from convergences_cli.asking import ask, node_options, print_json
from convergences_cli.words import say


@told.command()
@click.argument("element", required=False)
@click.option("--digest", metavar="DIGEST")
@click.option("--output", "-o", type=click.Path(path_type=Path, dir_okay=False))
@node_options
def command(element: str | None, digest: str | None, output: Path | None, folder: Path, as_json: bool) -> None:
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
