# SPDX-License-Identifier: AGPL-3.0-or-later
"""Write the page of the commands, in English and in French, from what they say themselves: `python docs/make_cli.py`.

`docs/cli.md` and `docs/fr/commandes.md`; a test compares them with the commands.
"""

import os
from pathlib import Path
from unittest.mock import patch

import click
from convergences_cli.main import cli

HERE = Path(__file__).parent
WIDTH = 100
PAGES = {"en": HERE / "cli.md", "fr": HERE / "fr" / "commandes.md"}
HEADS = {
    "en": """# The command line

One command, `convergences`; every command has `--help` with an example, and `--json` for programs. This page is written
by `docs/make_cli.py` from the commands themselves. [En français](fr/commandes.md).

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
object `{"error": {"code", "message", "hint"}}` on standard output, and the exit code is the same. Everything is said
in French where the locale is French, else in English; `LC_ALL=en_GB.UTF-8` or `LC_ALL=fr_FR.UTF-8` before a command
chooses. The recovery sheet is always in both.
""",
    "fr": """# La ligne de commande

Une seule commande, `convergences` ; chacune des siennes a `--help`, avec un exemple, et `--json` pour les programmes.
Cette page est écrite par `docs/make_cli.py`, de ce que disent les commandes. [In English](../cli.md).

Une commande s’adresse au nœud d’un dossier : à celui qui est en marche, par sa prise `node.sock` (les droits du fichier
en sont la clé) ; ou, s’il n’y en a pas, elle ouvre le dossier elle-même, sous un verrou. `--folder` dit lequel ; sinon
`$CONVERGENCES_FOLDER`, sinon le dossier où l’on est.

| code de sortie | ce qu’il veut dire |
|---|---|
| 0 | c’est fait |
| 1 | refusé, incomplet, pas intact, ou manqué |
| 2 | la ligne tapée ne convient pas |
| 3 | introuvable |
| 4 | changé entre-temps : relire, puis modifier |
| 5 | un pair ou le réseau a manqué |
| 130 | interrompu |

Une erreur est une ligne `erreur : …` sur la sortie d’erreur, puis une ligne `piste : …` s’il y a quelque chose à faire.
Avec `--json`, c’est un objet `{"error": {"code", "message", "hint"}}` sur la sortie standard, et le code de sortie est
le même. Tout est dit en français si la langue du système est le français, en anglais sinon ; `LC_ALL=fr_FR.UTF-8` ou
`LC_ALL=en_GB.UTF-8` devant une commande en décide. La fiche de secours est toujours dans les deux langues.
""",
}


def page(language: str) -> str:
    """The text of a page, whatever the language here."""
    with patch.dict(os.environ, LC_ALL=f"{language}.UTF-8"):
        context = click.Context(cli, info_name="convergences", terminal_width=WIDTH, **cli.context_settings)
        return "\n".join([HEADS[language], *sections(cli, context)])


def sections(group: click.Group, context: click.Context) -> list[str]:
    """What each command of a group says, and those within it."""
    found = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        inner = click.Context(command, context, name)
        found.append(section(inner))
        if isinstance(command, click.Group):
            found += sections(command, inner)
    return found


def section(context: click.Context) -> str:
    """One command: its help as the terminal shows it."""
    text = "\n".join(line.rstrip() for line in context.get_help().splitlines())
    return f"## {context.command_path}\n\n```text\n{text}\n```\n"


if __name__ == "__main__":
    for language, path in PAGES.items():
        path.write_text(page(language), encoding="utf-8")
