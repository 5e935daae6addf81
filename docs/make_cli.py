# SPDX-License-Identifier: AGPL-3.0-or-later
"""Write `docs/cli.md` from the commands themselves: `python docs/make_cli.py`. A test compares the two."""

import os
from pathlib import Path
from unittest.mock import patch

import click
from convergences_cli.main import cli

PAGE = Path(__file__).with_name("cli.md")
HEAD = """# The command line

One command, `convergences`; every command has `--help` with an example, and `--json` for programs. This page is written
by `docs/make_cli.py` from the commands themselves.

A command asks the node of a folder: the running one over its socket `node.sock` (file permissions are the key), or, if
none runs, it opens the folder itself, under a lock. `--folder` says which; also `$CONVERGENCES_FOLDER`, else the
current folder.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | refused, incomplete, not sound, or failed |
| 2 | the command line is wrong |
| 3 | not found |
| 4 | changed meanwhile: read again, then edit |
| 5 | a peer or the network failed |
| 130 | interrupted |

An error is one line `error: …` on standard error, then a line `hint: …` if there is a next step. With `--json` it is an
object `{"error": {"code", "message", "hint"}}` on standard output, and the exit code is the same. Sentences are in
French where the locale is French, else in English; `--help` has its frame so, and its texts in English. The recovery
sheet is always in both.
"""


def page() -> str:
    """The text of `docs/cli.md`, whatever the language here."""
    with patch.dict(os.environ, LC_ALL="C.UTF-8"):
        return _page()


def _page() -> str:
    context = click.Context(cli, info_name="convergences")
    sections = [HEAD]
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        sections.append(section(command, f"convergences {name}"))
        if isinstance(command, click.Group):
            inner = sorted(command.commands.items())
            sections += [section(one, f"convergences {name} {sub}") for sub, one in inner]
    return "\n".join(sections)


def section(command: click.Command, path: str) -> str:
    """One command: its help as the terminal shows it."""
    context = click.Context(
        command, info_name=path, max_content_width=100, terminal_width=100, help_option_names=["-h", "--help"]
    )
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    return f"## {path}\n\n```text\n{text}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
