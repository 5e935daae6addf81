# SPDX-License-Identifier: AGPL-3.0-or-later
"""The operator's guides say what there is: every sign, commands that exist, pictures that are there and light."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import click
import convergences_node.checkup as checkup
import pytest
from convergences_cli.main import cli

DOCS = Path(__file__).parents[2] / "docs"
GUIDES = {"fr": DOCS / "fr" / "operateur.md", "en": DOCS / "en" / "operator.md"}
PICTURE_BYTES_MAX = 100_000


@pytest.mark.parametrize("language", GUIDES)
def test_every_sign_is_explained(language: str) -> None:
    sentences = tomllib.loads((Path(checkup.__file__).parent / "sentences" / f"{language}.toml").read_text("utf-8"))
    titles = {entry["title"] for entry in sentences.values() if "title" in entry}
    explained = set(re.findall(r"^\| ([^|]+) \| [^|]+ \| [^|]+ \|$", GUIDES[language].read_text("utf-8"), re.MULTILINE))
    assert titles <= explained


@pytest.mark.parametrize("language", GUIDES)
def test_every_command_exists_with_its_options(language: str) -> None:
    """`convergences …` wherever it is typed: each word of it is a command or an option of one."""
    text = GUIDES[language].read_text("utf-8")
    typed = re.findall(r"(?:`|^    .*?)\bconvergences ([a-z]+ [^`\n]+|[a-z]+)", text, re.MULTILINE)
    assert len(typed) >= 5
    for line in typed:
        words = shlex.split(line.removeprefix("convergences "))  # `sudo -u convergences convergences …`
        command: click.Command | None = cli
        context = click.Context(cli)
        while isinstance(command, click.Group) and words:
            command = command.get_command(context, words.pop(0))
            assert command is not None, line
        known = {option for param in command.params for option in param.opts} if command else set()
        assert {word for word in words if word.startswith("--")} <= known, line


@pytest.mark.parametrize("language", GUIDES)
def test_every_picture_is_there_and_light(language: str) -> None:
    """Made by `python docs/make_pictures.py`."""
    names = re.findall(r"!\[[^]]+\]\(([^)]+)\)", GUIDES[language].read_text("utf-8"))
    assert len(names) == 5
    for name in names:
        picture = GUIDES[language].parent / name
        assert picture.read_bytes()[:4] == b"\x89PNG"
        assert picture.stat().st_size <= PICTURE_BYTES_MAX, name


def test_both_guides_have_the_same_chapters() -> None:
    french, english = (len(re.findall(r"^## ", guide.read_text("utf-8"), re.MULTILINE)) for guide in GUIDES.values())
    assert french == english
