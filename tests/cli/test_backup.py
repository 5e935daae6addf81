# SPDX-License-Identifier: AGPL-3.0-or-later
"""Backups at the terminal: made, listed, opened with the sheet; what is refused, and the exit codes."""

from __future__ import annotations

import errno
import io
import json
import os
from pathlib import Path

import pytest
from convergences_cli.sheet import sheet_seed
from convergences_node.backup import shelf
from convergences_protocol.recovery import write_sheet

from .conftest import Terminal


def test_a_backup_is_made_listed_and_opened_with_the_printed_sheet(terminal: Terminal) -> None:
    """The sheet's file as it was printed will do; another town's opens nothing."""
    terminal.done("init 93066 --folder sd --sheet sd.txt")
    terminal.done("init 93031 --folder ep --sheet ep.txt")
    Path("stick").mkdir()
    seen = terminal.done("backup stick --folder sd")
    assert "read back and right" in seen.out
    assert "same card" in seen.err
    assert "whole" in terminal.done("backup stick --list").words
    (row,) = terminal.done("backup stick --verify sd.txt --json").json["backups"]
    assert (row["territory"], row["fault"]) == ("FR-93066", None)
    wrong = terminal.type("backup stick --verify ep.txt")
    assert wrong.code == 1 and "does not open" in wrong.out
    assert (
        terminal.done("status --folder sd --json").json["backup"]["path"].endswith("convergences-FR-93066-000001.age")
    )


def test_each_sheet_opens_its_own_town_s_backup_on_a_stick_of_several(terminal: Terminal) -> None:
    """Also of the same territory, set up anew; and a sheet of none is told so."""
    Path("stick").mkdir()
    for name, code in (("sd", "93066"), ("ep", "93031"), ("anew", "93066")):
        terminal.done(f"init {code} --folder {name} --sheet {name}.txt")
        terminal.done(f"backup stick --folder {name}")
    for name, number in (("sd", "93066-000001"), ("ep", "93031-000001"), ("anew", "93066-000002")):
        (row,) = terminal.done(f"backup stick --verify {name}.txt --json").json["backups"]
        assert (Path(row["path"]).name, row["fault"]) == (f"convergences-FR-{number}.age", None)
    terminal.done("init 93066 --folder other --sheet other.txt")
    assert "does not open" in terminal.type("backup stick --verify other.txt").out


@pytest.mark.parametrize("wrong", [{"created_at": 10**20}, {"created_at": "x"}, {"sha256": 7}, {"size_bytes": None}])
def test_a_note_that_no_node_has_written_is_none(terminal: Terminal, wrong: dict[str, object]) -> None:
    """It is on a stick, and anybody may have written it."""
    terminal.done("init 93066 --folder sd --sheet sd.txt")
    Path("stick").mkdir()
    terminal.done("backup stick --folder sd")
    (note,) = Path("stick").glob("*.json")
    note.write_text(json.dumps(json.loads(note.read_text()) | wrong))
    assert terminal.type("backup stick --list").code == 1
    assert terminal.done("backup stick --verify sd.txt --json").json["backups"][0]["fault"] is None


def test_a_backup_that_cannot_be_read_is_told_beside_the_others(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stick with a bad place in it."""
    terminal.done("init 93066 --folder sd --sheet sd.txt")
    Path("stick").mkdir()
    for _ in range(2):
        terminal.done("backup stick --folder sd")
    read_back = shelf.read_back

    def bad(path: Path) -> tuple[int, str]:
        if path.name.endswith("1.age"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read_back(path)

    monkeypatch.setattr(shelf, "read_back", bad)
    seen = terminal.type("backup stick --list --json")
    assert seen.code == 1
    first, second = (row["fault"] for row in seen.json["backups"])
    assert "could not be read: the medium failed" in first and second is None


def test_what_cannot_be_done_is_refused_with_a_next_step(terminal: Terminal) -> None:
    """No stick, no folder in the settings, a damaged file."""
    terminal.done("init 93066 --folder sd --sheet sd.txt")
    absent = terminal.type("backup absent --folder sd")
    assert absent.code == 1 and "is the stick plugged in?" in absent.err
    assert terminal.type("backup --folder sd").code == 1
    assert terminal.type("backup --list --folder sd").code == 2
    Path("stick").mkdir()
    assert terminal.type("backup stick --list").code == 1
    terminal.done("backup stick --folder sd --keep 1")
    (path,) = Path("stick").glob("*.age")
    path.write_bytes(path.read_bytes()[:-5])
    assert terminal.type("backup stick --list").code == 1
    cut = terminal.type("backup stick --verify sd.txt --json")
    assert cut.code == 1 and "cut or was altered" in cut.json["backups"][0]["fault"]


def test_logs_are_carried_by_hand(terminal: Terminal) -> None:
    """Two nodes without a network: the agglomeration enrols by hand, and takes the stick."""
    terminal.done("init 93066 --folder sd --sheet sd.txt")
    terminal.done("init 200057867 --folder pc --sheet pc.txt")
    log = terminal.done("status --folder sd --json").json
    recovery = terminal.done("bundle write stick --folder sd --json").json
    assert recovery["logs"] == 1
    index = json.loads(Path("stick/logs").read_text("utf-8"))["logs"][0]
    terminal.done(
        f"charter enrol {log['log']['origin']} --key {index['key']} --recovery-key {index['recovery_key']} --folder pc"
    )
    assert "records came" in terminal.done("bundle read stick --folder pc").out
    assert terminal.done("bundle read stick --folder pc --json").json["missing"] == 0
    assert terminal.type("bundle read absent --folder pc").code == 1
    _cut(Path("stick"))
    cut = terminal.type("bundle read stick --folder pc")
    assert cut.code == 1 and "What came is verified and kept" in cut.err and "hint: write the stick anew" in cut.err
    Path("stick/logs").write_bytes(b"")
    torn = terminal.type("bundle read stick --folder pc")
    assert torn.code == 5 and "logs is cut or was altered on the stick" in torn.err


@pytest.mark.parametrize("number", ["", "{} ", "{}\t", "{}. ", "  {})  "])
def test_a_sheet_is_read_however_its_lines_were_copied(number: str) -> None:
    """Its page prints a number before each; whoever copies that sheet, on the worst day of the year, copies it too."""
    seed = bytes(range(32))
    lines = [number.format(at) + line.lower() for at, line in enumerate(write_sheet(seed), 1)]
    assert sheet_seed(io.StringIO("Mots de secours\n" + "\n".join(lines))) == seed


def _cut(bundle: Path) -> None:
    """The heads of all its logs."""
    for head in bundle.rglob("checkpoint"):
        head.write_bytes(head.read_bytes()[:40])
