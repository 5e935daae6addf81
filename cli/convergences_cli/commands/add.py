# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences add`: write one record by hand."""

import json
from pathlib import Path
from typing import Any

import click
from convergences_protocol.kinds import KINDS

from convergences_cli import told
from convergences_cli.asking import ask, node_options, printed
from convergences_cli.words import say

FIELDS_BYTES_MAX = 200_000


@told.command()
@click.argument("kind", type=click.Choice(sorted(name for name, kind in KINDS.items() if not kind.control)))
@click.argument("fields", nargs=-1, metavar="[FIELD=VALUE]...")
@click.option("--fields", "file", type=click.File("r", encoding="utf-8"))
@click.option("--element", metavar="ELEMENT")
@click.option("--previous", metavar="DIGEST")
@click.option("--withdraw", is_flag=True)
@node_options
def command(
    kind: str,
    fields: tuple[str, ...],
    file: Any,
    element: str | None,
    previous: str | None,
    withdraw: bool,
    folder: Path,
    as_json: bool,
) -> None:
    if withdraw:
        if not element or fields or file:
            raise click.UsageError(say("usage.withdraw"))
        answer = ask(folder, "withdraw", {"element": element, "previous": previous})
    else:
        from convergences_node.imports.typed import fields_from_text

        given = json_object(file) if file else fields_from_text(KINDS[kind], pairs(fields))
        params = {"kind": kind, "fields": given, "element": element, "previous": previous}
        answer = ask(folder, "add", params, quiet=as_json)
    _show(answer, as_json)


def pairs(given: tuple[str, ...]) -> list[tuple[str, str]]:
    """`name=value` taken apart."""
    for one in given:
        if "=" not in one:
            raise click.BadParameter(say("usage.field", given=one))
    return [(name, value) for name, _, value in (one.partition("=") for one in given)]


def json_object(file: Any) -> dict[str, Any]:
    try:
        value = json.loads(file.read(FIELDS_BYTES_MAX))
    except ValueError as error:
        raise click.BadParameter(say("usage.not_json", reason=error)) from None
    if not isinstance(value, dict):
        raise click.BadParameter(say("usage.not_an_object"))
    return value


@printed
def _show(answer: dict[str, Any]) -> None:
    click.echo(answer["element"])
