# SPDX-License-Identifier: AGPL-3.0-or-later
"""`convergences media`: pictures and documents of an element."""

from pathlib import Path
from typing import Any

import click

from convergences_cli.asking import ask, node_options, printed
from convergences_cli.words import say


@click.group("media", short_help="Pictures and documents of an element.")
def command() -> None:
    """Put pictures and documents on actors, actions, places and contents, describe them, take them away, list them.

    A picture is made again in a few sizes, without what the camera wrote into it (where, when, by whom).

    \b
    Example:
      convergences media add FR-93066:0193… logo.png --as logo --alt "Un vélo dans un cercle" --folder saint-denis
    """


@command.command("add", short_help="Put a picture or a document on an element.")
@click.argument("element")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--as",
    "use",
    type=click.Choice(["logo", "banner", "picture", "document"]),
    required=True,
    help="What it is for the element.",
)
@click.option("--alt", required=True, help="What the picture shows, or what the document is, for who does not see it.")
@click.option("--credit", help="Who made it.")
@click.option("--licence", help="Under which licence, by its address or its name.")
@click.option("--replace", "replaces", help="The beginning of the digest of the one whose place it takes.")
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
    """Put FILE (JPEG, PNG, WebP or AVIF; PDF for a document) on ELEMENT. A new logo or banner replaces the former one.

    \b
    Example:
      convergences media add FR-93066:0193… fete.jpg --as picture --alt "La fanfare sur la place" --folder saint-denis
    """
    params = {"element": element, "path": str(file.resolve()), "use": use, "alt": alt}
    said = {"credit": credit, "licence": licence, "replaces": replaces}
    given = {name: value for name, value in said.items() if value is not None}
    _show_added(ask(folder, "media_add", params | given, quiet=as_json), as_json)


@command.command("describe", short_help="Other words for one, with its file as it is.")
@click.argument("element")
@click.argument("digest")
@click.option("--alt", required=True, help="What the picture shows, or what the document is, for who does not see it.")
@click.option("--credit", help="Who made it; an empty one is taken away.")
@click.option("--licence", help="Under which licence; an empty one is taken away.")
@node_options
def describe(
    element: str, digest: str, alt: str, credit: str | None, licence: str | None, folder: Path, as_json: bool
) -> None:
    """Say otherwise what the file of ELEMENT is whose digest begins with DIGEST (six digits or more).

    \b
    Example:
      convergences media describe FR-93066:0193… 3f9a02 --alt "La fanfare, un soir d’été" --folder saint-denis
    """
    said = {"alt": alt, "credit": credit, "licence": licence}
    given = {name: value for name, value in said.items() if value is not None}
    params = {"element": element, "file": digest, **given}
    _show_described(ask(folder, "media_describe", params, quiet=as_json), as_json)


@command.command("remove", short_help="Take a picture or a document away.")
@click.argument("element")
@click.argument("digest")
@node_options
def remove(element: str, digest: str, folder: Path, as_json: bool) -> None:
    """Take the file whose digest begins with DIGEST (six digits or more) away from ELEMENT. Its history keeps it.

    \b
    Example:
      convergences media remove FR-93066:0193… 3f9a02 --folder saint-denis
    """
    _show_removed(ask(folder, "media_remove", {"element": element, "file": digest}, quiet=as_json), as_json)


@command.command("list", short_help="Which there are.")
@click.argument("element")
@node_options
def list_media(element: str, folder: Path, as_json: bool) -> None:
    """List the pictures and documents of ELEMENT, and whether their files are here.

    \b
    Example:
      convergences media list FR-93066:0193… --folder saint-denis
    """
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
