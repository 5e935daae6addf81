# SPDX-License-Identifier: AGPL-3.0-or-later
"""What went wrong, in the language of whoever is at the terminal, with the next step; and for a program, as data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from convergences_cli.main import run
from convergences_node.fault_sentences import fault_sentences
from convergences_node.faults import NotFound, error_from_json, error_to_json
from convergences_protocol.errors import Fault, LocalError, RemoteError


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
    assert error_from_json(error_to_json(kind("no sentence"))).fault is None  # type: ignore[union-attr]


def test_each_next_step_belongs_to_a_fault() -> None:
    sentences = fault_sentences("fr")
    hints = [code for code in sentences if code.startswith("hint_")]
    assert hints and all(code.removeprefix("hint_") in sentences for code in hints)
