# SPDX-License-Identifier: AGPL-3.0-or-later
"""A dead card at the terminal: backup, sheet and the agglomeration, as typed on the new one."""

from __future__ import annotations

import shutil
from pathlib import Path

from .conftest import EXAMPLE, Terminal
from .test_two_nodes import serving, until


def test_a_dead_card_is_rebuilt_from_stick_sheet_and_peers(terminal: Terminal) -> None:
    """Two commands on the new card, and the agglomeration enrols the new epoch by itself."""
    terminal.done("init 200057867 --folder pc --port 0")
    terminal.done("init 93059 --folder pi --port 0 --sheet pi.txt")
    Path("stick").mkdir()
    with serving(terminal, "pc"):
        with serving(terminal, "pi"):
            Path("pi.invitation").write_text(terminal.done("invite 93059 --folder pc").out, "utf-8")
            terminal.done("join pi.invitation --folder pi")
            terminal.done("backup stick --folder pi")
            terminal.done(f"import {EXAMPLE}/records/93059.ndjson --mapping {EXAMPLE}/mapping.toml --folder pi")
            size = terminal.done("status --folder pi --json").json["log"]["size"]

            def held() -> int:
                logs = terminal.done("follow --folder pc --json").json["logs"]
                return next(int(log["size"]) for log in logs if log["territory"] == "FR-93059")

            until(lambda: held() == size)
        shutil.rmtree("pi")
        rebuilt = terminal.done("rebuild --backup stick --sheet pi.txt --folder new --wait 60")
        assert "the same town again" in rebuilt.out
        assert f"{size} records, root " in rebuilt.out
        assert "Pierrefitte" in terminal.done("search pierrefitte --folder new").out
        again = terminal.type("rebuild --backup stick --sheet pi.txt --folder new")
        assert again.code == 1 and "is not empty" in again.err


def test_a_dead_card_is_rebuilt_from_the_sheet_and_the_agglomeration_s_vault(terminal: Terminal) -> None:
    """No stick and no invitation: one command, with the agglomeration's address."""
    terminal.done("init 200057867 --folder pc --port 0")
    terminal.done("init 93059 --folder pi --port 0 --sheet pi.txt")
    with serving(terminal, "pc"):
        with serving(terminal, "pi"):
            Path("pi.invitation").write_text(terminal.done("invite 93059 --folder pc").out, "utf-8")
            terminal.done("join pi.invitation --folder pi")
            assert "the agglomeration keeps the backup" in terminal.done("backup --vault --folder pi").out
            assert "the agglomeration keeps our backup" in terminal.done("vault --folder pi").out
        assert "FR-93059" in terminal.done("vault --folder pc").out
        shutil.rmtree("pi")
        address = terminal.done("status --folder pc --json").json["addresses"]["http"]
        rebuilt = terminal.done(f"rebuild --sheet pi.txt --at {address} --folder new --wait 60")
        assert "the same town again" in rebuilt.out
        assert "1 backup deleted" in terminal.done("vault --forget FR-93059 --folder pc").out
        assert "nothing is kept" in terminal.done("vault --folder pc").out


def test_what_cannot_be_rebuilt_is_refused_and_leaves_nothing(terminal: Terminal) -> None:
    """Another town's sheet, a cut backup, a sheet copied wrongly, nothing at all."""
    terminal.done("init 93066 --folder sd --port 0 --sheet sd.txt")
    terminal.done("init 93031 --folder ep --port 0 --sheet ep.txt")
    Path("stick").mkdir()
    terminal.done("backup stick --folder sd")
    wrong = terminal.type("rebuild --backup stick --sheet ep.txt --folder new")
    assert wrong.code == 1 and "does not open" in wrong.err
    Path("typed.txt").write_text("ABCD " * 16, "utf-8")
    typed = terminal.type("rebuild --backup stick --sheet typed.txt --folder new")
    assert typed.code == 1 and "refused" in typed.err
    assert terminal.type("rebuild --backup stick --folder new").code == 1
    (path,) = Path("stick").glob("*.age")
    path.write_bytes(path.read_bytes()[:-100])
    cut = terminal.type("rebuild --backup stick --sheet sd.txt --folder new --json")
    assert cut.code == 1 and "cut or was altered" in cut.json["error"]["message"]
    assert not Path("new").exists() and not Path("new.part").exists()


def test_a_bundle_that_breaks_off_is_said_and_read_later(terminal: Terminal) -> None:
    """The town is back from its backup; rebuilding again would be refused, and another command reads the rest."""
    terminal.done("init 93066 --folder sd --port 0 --sheet sd.txt")
    Path("stick").mkdir()
    terminal.done("backup stick --folder sd")
    terminal.done("bundle write stick/logs --folder sd")
    index = Path("stick/logs/logs").read_bytes()
    Path("stick/logs/logs").write_bytes(index[:50])
    seen = terminal.type("rebuild --backup stick --sheet sd.txt --bundle stick/logs --folder new")
    assert seen.code == 1 and "is back" in seen.out and "logs is cut or was altered on the stick" in seen.err
    Path("stick/logs/logs").write_bytes(index)
    command = seen.err[seen.err.index("convergences bundle read") :].splitlines()[0]
    assert terminal.done(command.removeprefix("convergences ")).code == 0


def test_without_a_sheet_the_commands_for_the_agglomeration_are_given(terminal: Terminal) -> None:
    """A new key and a new sheet; what a person types elsewhere is printed whole."""
    terminal.done("init 93066 --folder sd --port 0 --sheet sd.txt")
    terminal.done("bundle write stick --folder sd")
    old = terminal.done("status --folder sd --json").json["log"]["origin"]
    seen = terminal.done("rebuild --code 93066 --bundle stick --folder new")
    new = terminal.done("status --folder new --json").json["log"]["origin"]
    assert f"convergences charter enrol {new} --key " in seen.out
    assert f'convergences charter end {old} --why "rebuilt" --successor {new}' in seen.out
    assert "RECOVERY SHEET" in seen.out
