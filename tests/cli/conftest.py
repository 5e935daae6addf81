# SPDX-License-Identifier: AGPL-3.0-or-later
"""A session at a terminal: what is typed, what is seen, and the exit code."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from convergences_cli.main import run

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "plaine-commune"


@dataclass(frozen=True)
class Seen:
    """What came back from one command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def words(self) -> str:
        """The output as one line of words: how wide a column is, no test cares."""
        return " ".join(self.out.split())


class Terminal:
    """Types commands into this process; the current folder is the test's own."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def type(self, line: str) -> Seen:
        """Type `convergences <line>`."""
        self._capsys.readouterr()
        code = run(shlex.split(line))
        captured = self._capsys.readouterr()
        return Seen(code, captured.out, captured.err)

    def done(self, line: str) -> Seen:
        """The same, for what must succeed."""
        seen = self.type(line)
        assert seen.code == 0, seen
        return seen


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "en_GB.UTF-8")
    monkeypatch.delenv("CONVERGENCES_FOLDER", raising=False)
    return Terminal(capsys)


@pytest.fixture
def town(terminal: Terminal) -> Terminal:
    """A terminal beside the folder `sd`: Saint-Denis, with its records."""
    terminal.done("init 93066 --folder sd")
    terminal.done(f"import {EXAMPLE}/records/93066.ndjson --mapping {EXAMPLE}/mapping.toml --folder sd")
    return terminal
