# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences media`: pictures and documents of an element."""

from pathlib import Path
from typing import Any

import click

from convergences_cli import told
from convergences_cli.asking import ask, node_options, printed
from convergences_cli.words import say

command = told.Group()


@command.command("add")
@click.argument("element")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--as", "use", type=click.Choice(["logo", "banner", "picture", "document"]), required=True)
@click.option("--alt", required=True)
@click.option("--credit", metavar="NAME")
@click.option("--licence", metavar="LICENCE")
@click.option("--replace", "replaces", metavar="DIGEST")
@node_options
def add(
    element: str,
    file: Path,
    use: str,
    alt: str,
    credit: str | None,
    licence: str | None,
    replaces: str | None,
    folder: Path,
    as_json: bool,
) -> None:
    params = {"element": element, "path": str(file.resolve()), "use": use, "alt": alt}
    said = {"credit": credit, "licence": licence, "replaces": replaces}
    given = {name: value for name, value in said.items() if value is not None}
    _show_added(ask(folder, "media_add", params | given, quiet=as_json), as_json)


@command.command("describe")
@click.argument("element")
@click.argument("digest")
@click.option("--alt", required=True)
@click.option("--credit", metavar="NAME")
@click.option("--licence", metavar="LICENCE")
@node_options
def describe(
    element: str, digest: str, alt: str, credit: str | None, licence: str | None, folder: Path, as_json: bool
) -> None:
    said = {"alt": alt, "credit": credit, "licence": licence}
    given = {name: value for name, value in said.items() if value is not None}
    params = {"element": element, "file": digest, **given}
    _show_described(ask(folder, "media_describe", params, quiet=as_json), as_json)


@command.command("remove")
@click.argument("element")
@click.argument("digest")
@node_options
def remove(element: str, digest: str, folder: Path, as_json: bool) -> None:
    _show_removed(ask(folder, "media_remove", {"element": element, "file": digest}, quiet=as_json), as_json)


@command.command("list")
@click.argument("element")
@node_options
def list_media(element: str, folder: Path, as_json: bool) -> None:
    _show_list(ask(folder, "media_list", {"element": element}, quiet=as_json), as_json)


@printed
def _show_added(answer: dict[str, Any]) -> None:
    size = f"{answer['width']} × {answer['height']}" if "width" in answer else answer["type"]
    click.echo(say("media.added", digest=answer["digest"][:12], size=size, bytes=answer["bytes"]))


@printed
def _show_described(answer: dict[str, Any]) -> None:
    click.echo(say("media.described", digest=answer["digest"][:12]))


@printed
def _show_removed(answer: dict[str, Any]) -> None:
    click.echo(say("media.removed", digest=answer["digest"][:12]))


@printed
def _show_list(answer: dict[str, Any]) -> None:
    if not answer["media"]:
        click.echo(say("media.none"))
    for one in answer["media"]:
        state = say("media.here") if one["here"] else say("media.elsewhere")
        click.echo(say("media.line", digest=one["digest"][:12], field=one["field"], alt=one["alt"], state=state))
