# SPDX-License-Identifier: AGPL-3.0-or-later
"""The pages of the manual, in French and English: one for `convergences` and one for each of its commands.

They say what `--help` says, from the same catalogues, in the order of man-pages(7). What is written by hand, of another
program of the package, lies in `files/`, in both languages too.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from unittest.mock import patch

import click
from convergences_cli import told
from convergences_cli.main import cli

FOLDERS = {"en": "man1", "fr": "fr/man1"}
"""Where `man` looks, below `share/man`, for a reader of each language."""
HEADS = {
    "en": ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "COMMANDS", "EXAMPLES", "SEE ALSO"),
    "fr": ("NOM", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "COMMANDES", "EXEMPLES", "VOIR AUSSI"),
}
SIGNS = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti"}
"""What roff would read otherwise, and how it is told to leave it."""


@dataclass(frozen=True)
class Page:
    """One page: its name, as `man` is asked for it, and its source."""

    name: str
    text: str


def pages(language: str, version: str, day: str) -> list[Page]:
    """Every page in one language, whatever the language here."""
    with patch.dict(os.environ, LC_ALL=f"{language}.UTF-8"):
        root = click.Context(cli, info_name="convergences", **cli.context_settings)
        return [_page(context, language, version, day) for context in _walk(root)]


def _walk(context: click.Context) -> Iterator[click.Context]:
    yield context
    if isinstance(context.command, click.Group):
        for name in context.command.list_commands(context):
            inner = context.command.get_command(context, name)
            assert inner is not None
            yield from _walk(click.Context(inner, context, name))


def _page(context: click.Context, language: str, version: str, day: str) -> Page:
    command = context.command
    assert isinstance(command, told.Command | told.Group)
    said = told.help_of(command.path, language)
    name = context.command_path.replace(" ", "-")
    usage = " ".join(command.collect_usage_pieces(context))
    paragraphs = said.text.strip().split("\n\n")
    parts = (
        [f"{_plain(name)} \\- {_plain(said.brief or paragraphs[0])}"],
        [f".B {_plain(context.command_path)}", _plain(usage)],
        [line for paragraph in paragraphs for line in (".PP", _plain(paragraph))],
        _options(context),
        _commands(context, name, language),
        [".nf", *map(_plain, said.examples), ".fi"],
        _see_also(context),
    )
    lines = [f'.TH "{name.upper()}" "1" "{day}" "convergences {version}" "Convergences"']
    for head, part in zip(HEADS[language], parts, strict=True):
        lines += [f'.SH "{head}"', *part] if part else []
    return Page(name, "\n".join(lines) + "\n")


def _options(context: click.Context) -> list[str]:
    records = [param.get_help_record(context) for param in context.command.get_params(context)]
    options = [record for record in records if record and record[0].startswith("-")]
    return [line for spec, text in options for line in (".TP", f".B {_plain(spec)}", _plain(text))]


def _commands(context: click.Context, name: str, language: str) -> list[str]:
    if not isinstance(context.command, told.Group):
        return []
    lines = []
    for inner in context.command.list_commands(context):
        brief = told.help_of((*context.command.path, inner), language).brief
        lines += [".TP", f".BR {_plain(f'{name}-{inner}')} (1)", _plain(brief)]
    return lines


def _see_also(context: click.Context) -> list[str]:
    """The commands that this one is in."""
    above = []
    while context.parent is not None:
        context = context.parent
        above.append(f".BR {_plain(context.command_path.replace(' ', '-'))} (1)")
    return above


def _plain(text: str) -> str:
    """Text that roff leaves as it is. None of ours begins with its own sign, a full stop."""
    return "".join(SIGNS.get(sign, sign) for sign in text.strip())
