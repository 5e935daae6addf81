# SPDX-License-Identifier: AGPL-3.0-or-later
"""What most commands share: the node's folder, `--json`, a question to the node, and how progress is shown."""

import functools
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from convergences_cli.words import say

FOLDER_VARIABLE = "CONVERGENCES_FOLDER"
F = TypeVar("F", bound=Callable[..., Any])


def folder_option(function: F) -> F:
    """`--folder`: the node that is meant."""
    return click.option(
        "--folder",
        "-f",
        type=click.Path(path_type=Path, file_okay=False),
        envvar=FOLDER_VARIABLE,
        default=".",
    )(function)


def json_option(function: F) -> F:
    """`--json`: the answer for a program."""
    return click.option("--json", "as_json", is_flag=True)(function)


def node_options(function: F) -> F:
    """Both of the above, in the same place of every `--help`."""
    return json_option(folder_option(function))


def ask(folder: Path, verb: str, params: Mapping[str, Any] | None = None, quiet: bool = False) -> Any:
    """Ask the node of the folder, running or not. Parameters that were not given (None) are left to the verb."""
    from convergences_node.control import call

    given = {name: value for name, value in (params or {}).items() if value is not None}
    with Progress(quiet) as progress:
        return call(folder, verb, given, progress.tell)


def print_json(answer: Any) -> None:
    click.echo(json.dumps(answer, ensure_ascii=False, indent=2))


def print_said(answer: Mapping[str, Any], as_json: bool, key: str, **values: object) -> None:
    """Print an answer as one sentence, with its values in it, or as it is for a program."""
    print_json(answer) if as_json else click.echo(say(key, **{**answer, **values}))


def printed(show: Callable[[Any], None]) -> Callable[[Any, bool], None]:
    """Print an answer with `show`, or as it is for a program."""

    @functools.wraps(show)
    def either(answer: Any, as_json: bool) -> None:
        print_json(answer) if as_json else show(answer)

    return either


def confirm(question: str) -> None:
    """Ask on standard error, and go on if the answer is yes; `click.Abort` if it is not.

    click's own question knows `y` and `n` alone.
    """
    yes, no = (say(f"word.{word}") for word in ("yes", "no"))
    while True:
        asked = f"{question} [{yes[0]}/{no[0].upper()}]"
        answer = str(click.prompt(asked, default="", show_default=False, err=True)).strip().lower()
        if answer in (yes, yes[0]):
            return
        if answer in ("", no, no[0]):
            raise click.Abort


class Progress:
    """One line on standard error, rewritten; nothing at all when nobody looks at it."""

    def __init__(self, quiet: bool) -> None:
        self._shown = False
        self._quiet = quiet or not sys.stderr.isatty()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown:
            click.echo("\r\x1b[K", nl=False, err=True)

    def tell(self, event: Mapping[str, Any]) -> None:
        if self._quiet:
            return
        done, total = event.get("done", 0), event.get("total")
        share = f" {100 * done // total:3d} %" if total else ""
        what = say(f"progress.{event['what']}")
        click.echo(f"\r\x1b[K{what}{share} " + f"{done:,}".replace(",", " "), nl=False, err=True)
        self._shown = True
