# SPDX-License-Identifier: AGPL-3.0-or-later
"""The command `convergences`: parse, ask the node, print. A command is a file of `commands/`, found by its name.

Exit codes: 0 done; 1 refused, incomplete or failed; 2 the command line is wrong; 3 not found; 4 changed meanwhile;
5 a peer or the network failed; 130 interrupted.
"""

import importlib
import json
import pkgutil
import sys
from typing import Any

import click
from convergences_protocol.errors import ConvergencesError, Refused

from convergences_cli import commands, parser_words, told
from convergences_cli.words import language, say

parser_words.speak()

EXIT_CODES = {"refused": 1, "local": 1, "unreadable": 1, "not found": 3, "conflict": 4, "remote": 5}


class Commands(told.Group):
    """The commands are the files of a folder, each imported only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(module.name.rstrip("_") for module in pkgutil.iter_modules(commands.__path__))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        # `import` is a word of Python's: its file has an underscore behind.
        name = "import_" if cmd_name == "import" else cmd_name
        self.add_command(importlib.import_module(f"{commands.__name__}.{name}").command, cmd_name)
        return super().get_command(ctx, cmd_name)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="convergences", prog_name="convergences")
def cli() -> None:
    """The command itself; `messages/help.*.toml` begin with what it says of itself."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with the code of what happened."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run the command line and answer the exit code. An error of ours is one sentence, never a trace."""
    try:
        # Outside of its standalone mode, click returns the code of an `Exit` instead of raising it.
        code = cli.main(arguments, prog_name="convergences", standalone_mode=False)
    except click.Abort:
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ConvergencesError as error:
        from convergences_node.faults import code_of, error_to_json

        _explain(error, error_to_json(error) if "--json" in arguments else None)
        return EXIT_CODES.get(code_of(error), 1)
    except BrokenPipeError:
        # Whoever read us (`| head`) has had enough.
        sys.stderr.close()
        return 0
    return code if isinstance(code, int) else 0


def _explain(error: ConvergencesError, data: dict[str, Any] | None) -> None:
    """The error for a program on standard output, or for a person on standard error."""
    if data is not None:
        click.echo(json.dumps({"error": data}, ensure_ascii=False))
        return
    from convergences_node.fault_sentences import fault_sentence, hint_sentence

    hint = error.hint
    if isinstance(error, Refused) and error.faults:
        for fault in error.faults:
            click.echo(say("error.refused", what=fault_sentence(fault, language())), err=True)
    elif error.fault is not None:
        click.echo(say("error.error", what=fault_sentence(error.fault, language())), err=True)
        hint = hint_sentence(error.fault, language()) or hint
    else:
        click.echo(say("error.error", what=error), err=True)
    if hint:
        click.echo(say("error.hint", what=hint), err=True)
