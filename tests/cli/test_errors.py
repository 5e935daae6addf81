# SPDX-License-Identifier: AGPL-3.0-or-later
"""What went wrong, in the language of whoever is at the terminal, with the next step; and for a program, as data."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import convergences_cli
import convergences_node
import pytest
from convergences_cli.main import run
from convergences_node.fault_sentences import fault_sentences
from convergences_node.faults import NotFound, error_from_json, error_to_json, words_of
from convergences_protocol.errors import Fault, LocalError, RemoteError

NODE, CLI = Path(convergences_node.__file__).parent, Path(convergences_cli.__file__).parent


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("fr_FR.UTF-8", "erreur : Pas de nœud dans {folder}\u00a0: convergences.toml n’y est pas."),
        ("en_GB.UTF-8", "error: No node in {folder}: convergences.toml is not there."),
    ],
)
def test_an_error_is_said_in_the_reader_s_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], language: str, said: str
) -> None:
    monkeypatch.setenv("LC_ALL", language)
    assert run(["status", "--folder", str(tmp_path)]) == 1
    assert said.format(folder=tmp_path).replace("\u00a0", " ") in capsys.readouterr().err.replace("\u00a0", " ")


def test_the_next_step_is_said_in_the_reader_s_language_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    assert run(["init", "99999", "--folder", str(tmp_path / "new")]) == 3
    said = capsys.readouterr().err
    assert "Aucun territoire n’a le code 99999." in said and "un SIREN en a 9" in said


def test_for_a_program_the_fault_is_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--json", "--folder", str(tmp_path)]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "local" and error["fault"]["code"] == "folder_without_node"
    assert error["fault"]["params"]["folder"] == str(tmp_path)


@pytest.mark.parametrize("kind", [LocalError, RemoteError, NotFound])
def test_a_fault_crosses_the_node_s_socket(kind: type[LocalError]) -> None:
    """The node finds it, the command line says it."""
    error = kind("what a log says", hint="do this", fault=Fault("", "own_successor", {"origin": "here"}))
    again = error_from_json(error_to_json(error))
    assert type(again) is kind and str(again) == str(error)
    assert isinstance(again, kind) and (again.fault, again.hint) == (error.fault, error.hint)
    assert error_from_json(error_to_json(kind("no sentence"))).fault is None


def test_each_next_step_belongs_to_a_fault() -> None:
    sentences = fault_sentences("fr")
    hints = [code for code in sentences if code.startswith("hint_")]
    assert hints and all(code.removeprefix("hint_") in sentences for code in hints)


# Rooms in which a raised error is for whoever is at the terminal or at the operator's page.
_FOR_PEOPLE = [
    *("asking.py", "doing.py", "belonging.py", "founding.py", "serve.py", "control.py", "succeeding.py", "config.py"),
    *("backup/verb.py", "research/exporting.py", "research/tables.py", "setup/serving.py", "linked/pair_graph.py"),
    *(f"{room}/{path.name}" for room in ("same", "sources", "imports") for path in sorted((NODE / room).glob("*.py"))),
]
# What a program sent that does not know the door: no person has typed it.
_FOR_PROGRAMS = ("the verb's parameters are not JSON", "the verb's parameters are not a JSON object")


@pytest.mark.parametrize("room", _FOR_PEOPLE)
def test_what_a_person_is_told_has_a_sentence_in_their_language(room: str) -> None:
    """Every error raised there carries a fault, and `test_fault_sentences` sees that each has its words."""
    text = (NODE / room).read_text("utf-8")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            name, said = ast.unparse(node.exc.func), ast.unparse(node.exc)
            if name in ("LocalError", "NotFound") and not any(one in said for one in _FOR_PROGRAMS):
                assert any(keyword.arg == "fault" for keyword in node.exc.keywords), f"{room}:{node.lineno} {said}"


def test_a_wrong_command_line_is_said_in_the_reader_s_language(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ours; the frame around it is the parser's."""
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    assert run(["source", "run", "--accept"]) == 2
    assert "pour une seule source, que vous avez regardée" in capsys.readouterr().err
    written = "".join(path.read_text("utf-8") for path in (CLI / "commands").glob("*.py"))
    assert not re.findall(r"(?:UsageError|BadParameter)\(f?\"", written)


def test_an_error_that_says_nothing_is_told_by_its_kind() -> None:
    """A timeout has no words of its own, and a sentence must not end in nothing."""
    assert [words_of(error) for error in (OSError("no route"), TimeoutError())] == ["no route", "TimeoutError"]
