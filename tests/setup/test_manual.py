# SPDX-License-Identifier: AGPL-3.0-or-later
"""The pages of the manual that the package carries: of every command, in French and in English, and roff reads them."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest
from convergences_cli.main import cli
from convergences_cli.words import LANGUAGES

PACKAGE = Path(__file__).parents[2] / "deploy" / "package"
REQUESTS = {"TH", "SH", "PP", "TP", "B", "BR", "nf", "fi"}


@pytest.fixture
def manual(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("manual_pages", PACKAGE / "manual.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "manual_pages", module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_command_has_a_page_in_each_language(manual: ModuleType, language: str) -> None:
    """With its name in one line, as `apropos` lists it, and an example."""
    found = {page.name: page.text for page in manual.pages(language, "1.0", "2026-01-01")}
    assert {"convergences", "convergences-source-add"} <= found.keys()
    assert {f"convergences-{name}" for name in cli.list_commands(click.Context(cli))} <= found.keys()
    name, examples = {"fr": ("NOM", "EXEMPLES"), "en": ("NAME", "EXAMPLES")}[language]
    for page, text in found.items():
        heading = page.replace("-", r"\-")
        assert re.search(rf'^\.SH "{name}"\n{re.escape(heading)} \\- \w.*\n\.SH', text, re.MULTILINE), page
        assert re.search(rf'^\.SH "{examples}"\n\.nf\nconvergences ', text, re.MULTILINE), page
        assert set(re.findall(r"^[.'](\w*)", text, re.MULTILINE)) <= REQUESTS, page
        assert not re.search(r"\\(?![-e(])|\\\((?!aq|ga|ha|ti)", text), page


def test_pages_do_not_depend_on_the_language_of_who_builds(manual: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same commit gives the same package."""
    built = []
    for here in ("fr_FR.UTF-8", "C.UTF-8"):
        monkeypatch.setenv("LC_ALL", here)
        built.append([manual.pages(language, "1.0", "2026-01-01") for language in manual.FOLDERS])
    assert built[0] == built[1] and built[0][0] != built[0][1]


def test_what_is_written_by_hand_is_in_both_languages_too(manual: ModuleType) -> None:
    by_hand = {path.name.split(".")[0] for path in (PACKAGE / "files").glob("*.1")}
    assert by_hand
    for name in by_hand:
        for language in manual.FOLDERS:
            assert (PACKAGE / "files" / f"{name}.{language}.1").read_text("utf-8").count(".SH") == 6


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff here; the test above bounds what pages may hold")
@pytest.mark.parametrize("language", LANGUAGES)
def test_roff_has_nothing_to_say_against_a_page(manual: ModuleType, language: str) -> None:
    pages = "".join(page.text for page in manual.pages(language, "1.0", "2026-01-01"))
    command = ["groff", "-K", "utf8", "-man", "-T", "utf8", "-ww"]
    seen = subprocess.run(command, input=pages.encode(), capture_output=True, check=True)
    assert seen.stderr == b"" and b"saint-denis" in seen.stdout
