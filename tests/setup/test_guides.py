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
from convergences_node.config import CONFIG_NAME, Config, NodeSection, load_config
from convergences_node.config_text import write_config
from convergences_node.web.messages import catalogue

DOCS = Path(__file__).parents[2] / "docs"
GUIDES = {"fr": DOCS / "fr" / "operateur.md", "en": DOCS / "en" / "operator.md"}
PICTURE_BYTES_MAX = 100_000
ELSEWHERE = "Raspberry Pi OS Lite (64-bit)"
"""The one name in italics that is another program's."""


def signs(language: str) -> set[str]:
    """What the signs of the operator's page are called."""
    sentences = tomllib.loads((Path(checkup.__file__).parent / "sentences" / f"{language}.toml").read_text("utf-8"))
    return {entry["title"] for entry in sentences.values() if "title" in entry}


@pytest.mark.parametrize("language", GUIDES)
def test_every_sign_is_explained(language: str) -> None:
    titles = signs(language)
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
def test_the_settings_of_letters_are_lines_of_a_new_node_that_are_changed(language: str, tmp_path: Path) -> None:
    """Not lines to be added: TOML takes none twice, and the node would not start."""
    told = re.search(r"`\[alerts\]`[^#]*?\n\n((?:    .+\n)+)\n(.+)", GUIDES[language].read_text("utf-8"))
    assert told is not None
    text = write_config(Config(NodeSection(name="Saint-Denis", territory="FR-93066", kind="town")))
    before, found, after = text.partition("[alerts]\n")
    assert found
    for line in told[1].splitlines():
        setting = line.split("=")[0].strip()
        after, changed = re.subn(rf"(?m)^{setting} = .*$", line.strip(), after, count=1)
        assert changed == 1, setting
    (tmp_path / CONFIG_NAME).write_text(before + found + after)
    alerts = load_config(tmp_path).alerts
    assert alerts.to and alerts.user == alerts.to[0]
    written = f"sudo -u convergences nano /var/lib/convergences/{alerts.password_file}`"
    assert written in told[2], "and the file is written there, by no more than the node's own user"


@pytest.mark.parametrize("language", GUIDES)
def test_every_button_and_page_that_is_named_is_called_so(language: str) -> None:
    """What stands in italics is what a page says, to the letter; `…` stands for what differs."""
    shown = [re.sub(r"\{\w+\}", "…", text) for text in catalogue(language).texts.values()]
    text = GUIDES[language].read_text("utf-8")
    named = (
        {" ".join(each.split()) for each in re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", text)}
        - {ELSEWHERE}
        - signs(language)
    )
    assert len(named) >= 10
    assert {each for each in named if not any(said == each or said == f"{each} …" for said in shown)} == set()


@pytest.mark.parametrize("language", GUIDES)
def test_every_picture_is_there_and_light(language: str) -> None:
    """Made by `python docs/make_pictures.py`."""
    names = re.findall(r"!\[[^]]+\]\(([^)]+)\)", GUIDES[language].read_text("utf-8"))
    assert len(names) == 6
    for name in names:
        picture = GUIDES[language].parent / name
        assert picture.read_bytes()[:4] == b"\x89PNG"
        assert picture.stat().st_size <= PICTURE_BYTES_MAX, name


def test_both_guides_are_in_step() -> None:
    """Chapter by chapter as many paragraphs, steps, rows, pictures, commands: nothing is told in one alone."""

    def shape(guide: Path) -> list[list[str]]:
        chapters = re.split(r"(?m)^## .*$", guide.read_text("utf-8"))
        return [re.findall(r"(?m)^(!|\||\d\.|- |    |\*\*|(?<=\n\n)\w)", chapter) for chapter in chapters]

    french, english = (shape(guide) for guide in GUIDES.values())
    kinds = [[[re.sub(r"\w", "a", mark) for mark in chapter] for chapter in chapters] for chapters in (french, english)]
    assert kinds[0] == kinds[1]
