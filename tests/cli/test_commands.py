# SPDX-License-Identifier: AGPL-3.0-or-later
"""What every command promises beside its help: a place in the documentation, words in both languages, a thin file."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import click
import convergences_cli
from convergences_cli.main import cli

ROOT = Path(__file__).resolve().parents[2]
MESSAGES = Path(convergences_cli.__file__).parent / "messages"
EXPECTED = """add backup bundle charter demo erase export follow history import init invite join letter media operator
peers rebuild receipt reindex relay same search serve show source status update vault verify"""


def test_the_commands_are_those_that_were_promised() -> None:
    """Found in their folder, listed nowhere else."""
    assert cli.list_commands(click.Context(cli)) == EXPECTED.split()


def test_the_pages_of_commands_are_what_the_commands_say() -> None:
    """docs/cli.md and docs/fr/commandes.md are generated; run `python docs/make_cli.py` after a change."""
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        import make_cli  # type: ignore[import-not-found]
    finally:
        sys.path.pop(0)
    for language, path in make_cli.PAGES.items():
        assert path.read_text("utf-8") == make_cli.page(language)


def flat(table: dict[str, Any], prefix: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in table.items():
        found |= flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found


def test_both_languages_have_the_same_sentences_with_the_same_values() -> None:
    """A key, and the names in its braces."""
    french, english = (flat(tomllib.loads((MESSAGES / f"{lang}.toml").read_text("utf-8"))) for lang in ("fr", "en"))
    assert french.keys() == english.keys()
    for key in french:
        assert sorted(re.findall(r"{(\w+)", french[key])) == sorted(re.findall(r"{(\w+)", english[key])), key


def test_every_key_that_the_commands_say_is_in_the_catalogue() -> None:
    """A missing one would be shown as itself."""
    known = flat(tomllib.loads((MESSAGES / "en.toml").read_text("utf-8")))
    for path in Path(convergences_cli.__file__).parent.rglob("*.py"):
        for key in re.findall(r'\bsay\(\s*"([a-z_.]+[a-z_])"', path.read_text("utf-8")):
            assert key in known, f"{path.name}: {key}"


def test_help_does_not_wait_for_the_heavy_libraries() -> None:
    """Neither libp2p nor rich nor the web are imported to show help, nor any command to list them."""
    code = "import sys; from convergences_cli.main import run; run(['--help']); print(sorted(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = result.stdout.rsplit("\n", 2)[1]
    for library in ("'libp2p'", "'aiohttp'", "'rich'", "'trio'", "'rdflib'", "'convergences_cli.commands.show'"):
        assert library not in loaded, library


def test_the_cli_is_thin() -> None:
    """It asks the node: no SQL, no sockets of its own."""
    for path in Path(convergences_cli.__file__).parent.rglob("*.py"):
        text = path.read_text("utf-8")
        assert not re.search(r"^\s*(import|from) (sqlite3|socket|aiohttp|libp2p|trio)\b", text, re.MULTILINE), path.name
