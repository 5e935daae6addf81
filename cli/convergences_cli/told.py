# SPDX-License-Identifier: AGPL-3.0-or-later
"""What `--help` says, in the reader's language: a command's text, its examples, its options, what stands for a value.

The texts are in `messages/help.fr.toml` and `help.en.toml`, a table a command, found by its path: `[source.add]`. An
option's is looked for in its command's table, then in those above it, so that `--folder` is said once. What stands for
a value, such as FILE, has its word in the table `[words]`. A command that only does its work never opens these files:
they are read when help, a page of the manual, a completion or the usage line of an error is put together.
"""

import re
import tomllib
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from typing import Any

import click
from click.shell_completion import CompletionItem

from convergences_cli.parser_words import sentence
from convergences_cli.words import language

_PLACEHOLDER = re.compile(r"\b[A-Z]{2,}(?: [A-Z]{2,})*\b")


@dataclass(frozen=True)
class Help:
    """What is said of one command. A text that is missing is empty: it should never stop an operator."""

    brief: str
    text: str
    examples: list[str]
    options: Mapping[str, str]


def help_of(path: tuple[str, ...], lang: str) -> Help:
    """Of the command with this path; `()` is `convergences` itself."""
    tables: list[dict[str, Any]] = [catalogue(lang)]
    for name in path:
        tables.insert(0, tables[0].get(name, {}))
    own = tables[0]
    return Help(own.get("brief", ""), own.get("text", ""), own.get("example", "").splitlines(), ChainMap(*tables))


def word(key: str, lang: str) -> str:
    """What stands for a value, or at the head of a part; itself where it has no other word."""
    return str(catalogue(lang).get("words", {}).get(key, key))


@cache
def catalogue(lang: str) -> dict[str, Any]:
    """All that is said in one language, as its file has it."""
    return tomllib.loads((files("convergences_cli") / "messages" / f"help.{lang}.toml").read_text("utf-8"))


class Told(click.Command):
    """A command that takes its texts from the catalogue just before click reads them."""

    path: tuple[str, ...] = ()
    """By whom it was found, and under which name: `("source", "add")`."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._placeholders: dict[click.Parameter, str] = {}

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """What help, a page of the manual and the message of an error ask for before anything else."""
        self._tell(ctx)
        # Those of its values are in words by now; COMMAND, which click adds, is not.
        return [_in_words(piece) for piece in super().collect_usage_pieces(ctx)]

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        self._tell(ctx)
        return super().shell_complete(ctx, incomplete)

    def _tell(self, ctx: click.Context) -> None:
        said = help_of(self.path, language())
        # After “\b”, click leaves the lines of a paragraph as they are.
        examples = "\n".join(f"  {line}" for line in said.examples)
        self.help = f"{said.text}\n\n\b\n{example_head(said)}\n{examples}"
        for param in self.get_params(ctx):
            # As click makes it, in English: asked for once, for the answer is then what is put here.
            param.metavar = _in_words(self._placeholders.setdefault(param, param.make_metavar(ctx)))
            if isinstance(param, click.Option):
                param.help = said.options.get(max(param.opts, key=len), "")


class Command(Told, click.Command):
    """A command that does something."""


class Group(Told, click.Group):
    """A command that has others in it."""

    command_class = Command

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = super().get_command(ctx, cmd_name)
        if isinstance(found, Told):
            found.path = (*self.path, cmd_name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section(sentence("Commands")):
            formatter.write_dl(self._briefs(ctx))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        self._tell(ctx)
        named = [(name, brief) for name, brief in self._briefs(ctx) if name.startswith(incomplete)]
        commands = [CompletionItem(name, help=brief) for name, brief in named]
        return commands + click.Command.shell_complete(self, ctx, incomplete)

    def _briefs(self, ctx: click.Context) -> list[tuple[str, str]]:
        """The commands in it, from the catalogue alone: none is imported to be listed."""
        return [(name, help_of((*self.path, name), language()).brief) for name in self.list_commands(ctx)]


command: Callable[..., Callable[[Callable[..., Any]], Command]] = partial(click.command, cls=Command)
"""As `click.command`, for a command whose texts are in the catalogue."""


def example_head(said: Help) -> str:
    """“Example:”, or “Examples:”."""
    return word("examples" if len(said.examples) > 1 else "example", language())


def _in_words(made: str) -> str:
    """`[FILE]...` with its word in the reader's language; choices, in small letters, are typed as they are."""
    return _PLACEHOLDER.sub(lambda found: word(found[0], language()), made)
