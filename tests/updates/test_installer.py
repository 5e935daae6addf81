# SPDX-License-Identifier: AGPL-3.0-or-later
"""Root's installer: what is well stays, what is not is taken back, what may not be installed changes nothing; and a cut
of the power at any step ends in one of the two versions, whole, with its node running.
"""

from __future__ import annotations

import ast
import errno
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from tests.drills.disk import Disk, ops
from tests.drills.power import compiled, compiler

from .machine import INSTALLER, Played, debian, load, main, put_machine, put_staged, run, state_of
from .pretending import NEW, OLD, STRANGER, put_release, put_state, put_system, release_of

ROOT = Path(__file__).parents[2]
HOME = "var/lib/convergences-update"
UNITS = "etc/systemd/system"
CUTS_MAX = int(os.environ.get("UPDATE_CUTS", "30"))
"""Cuts of each of the installations; with UPDATE_CUTS=100000, at every step of them."""


def is_at_rest(machine: Played, version: str) -> bool:
    """That version is installed and runs, and nothing would begin again by itself."""
    planted = [*(machine.root / UNITS).rglob("convergences-update-resume.service")]
    left = sorted(path.name for path in (machine.root / HOME).iterdir() if path.name not in ("state.json", "lock"))
    kept = (state_of(machine.root).get("kept") or {}).get("version")
    assert left == sorted(["installer"] * ("installer" in left) + [f"{kept}.deb"] * bool(kept)), left
    whole = machine.installed["version"] == version and "half" not in machine.installed
    return whole and machine.is_on and not planted


def test_a_version_that_is_well_stays(tmp_path: Path) -> None:
    """It is kept for the next update, which needs not make a package of what is installed."""
    put_machine(tmp_path)
    machine = Played(tmp_path)
    state = run(machine)
    assert (state["phase"], state["from"], state["to"], state["reason"]) == ("confirmed", OLD, NEW, None)
    assert is_at_rest(machine, NEW) and machine.now > 600
    kept = (tmp_path / HOME / f"{NEW}.deb").read_bytes()
    assert kept == debian(NEW) and state["kept"] == {"version": NEW, "sha256": sha256(kept).hexdigest()}
    put_staged(tmp_path, debian("0.3.0", "unwell"), "0.3.0")
    machine = Played(tmp_path)
    assert run(machine)["phase"] == "returned" and is_at_rest(machine, NEW)
    assert not any(command[0] == "dpkg-deb" for command in machine.asked)


@pytest.mark.parametrize(
    ("node", "reason", "within"),
    [
        ("unwell", "update_back_self_check", 60),
        ("ends", "update_back_ended", 10),
        ("restarts", "update_back_restarts", 10),
        ("silent", "update_back_silent", 1_600),
        ("broken", "update_back_install_failed", 10),
    ],
)
def test_a_version_that_is_not_well_is_taken_back(tmp_path: Path, node: str, reason: str, within: float) -> None:
    put_machine(tmp_path, node)
    machine = Played(tmp_path)
    state = run(machine)
    assert (state["phase"], state["reason"]["code"]) == ("returned", reason)
    assert is_at_rest(machine, OLD) and machine.now < within


def test_the_operator_may_wish_it_back(tmp_path: Path) -> None:
    put_machine(tmp_path, "silent")
    machine = Played(tmp_path)

    def wish(machine: Played) -> None:
        if machine.now > 100:
            (tmp_path / "run/convergences").mkdir(parents=True, exist_ok=True)
            (tmp_path / "run/convergences/update-return").write_text(state_of(tmp_path)["id"])

    machine.on_sleep = wish
    state = run(machine)
    assert (state["phase"], state["reason"]["code"]) == ("returned", "update_back_asked") and machine.now < 110


def test_what_somebody_installs_by_hand_meanwhile_is_left_alone(tmp_path: Path) -> None:
    put_machine(tmp_path, "silent")
    machine = Played(tmp_path)
    machine.on_sleep = lambda machine: (tmp_path / "installed.json").write_bytes(debian("0.9.0", "silent"))
    state = run(machine)
    assert (state["phase"], state["reason"]["code"]) == ("returned", "update_back_by_hand")
    assert is_at_rest(machine, "0.9.0")


def test_what_cannot_be_copied_is_refused_with_the_reason(tmp_path: Path) -> None:
    """A card that fails, or is full after all: else the page would say nothing, and the next wish end the same way."""
    put_machine(tmp_path)
    put_staged(tmp_path, debian(NEW) + b" " * 20_000, NEW)
    machine = Played(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, hard))
    try:
        assert main("take", machine) == 0
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    state = state_of(tmp_path)
    assert (state["phase"], state["reason"]["code"]) == ("refused", "update_uncopied")
    assert state["reason"]["params"] == {"version": NEW, "reason": os.strerror(errno.EFBIG)}
    assert is_at_rest(machine, OLD)


def test_an_old_version_that_cannot_be_put_aside_ends_the_update(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card that gives a file back with errors: the next wish is heard, and this one is not tried for ever."""
    put_machine(tmp_path)

    def fail(path: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(load("update_keeping"), "sync_file", fail)
    machine = Played(tmp_path)
    state = run(machine)
    assert state["phase"] == "refused"
    assert state["reason"] == {"code": "update_old_uncopied", "params": {"reason": os.strerror(errno.EIO)}}
    assert is_at_rest(machine, OLD)
    monkeypatch.undo()
    assert run(machine)["phase"] == "confirmed"


def _truncate(root: Path) -> None:
    path = root / "var/lib/convergences/update/package.deb"
    path.write_bytes(path.read_bytes()[:-1])


def _exchange(root: Path) -> None:
    path = root / "var/lib/convergences/update/package.deb"
    path.write_bytes(debian(NEW, "ended"))


def _link(root: Path) -> None:
    """A node that was taken over wants root to read what only root may."""
    path = root / "var/lib/convergences/update/package.deb"
    path.rename(root / "secret")
    path.symlink_to(root / "secret")


def _link_folder(root: Path) -> None:
    path = root / "var/lib/convergences/update"
    path.rename(root / "elsewhere")
    path.symlink_to(root / "elsewhere")


def _pipe(root: Path) -> None:
    path = root / "var/lib/convergences/update/release"
    path.unlink()
    os.mkfifo(path)


def _stranger(root: Path) -> None:
    forged = put_release(root / "stick", release_of(NEW, debian(NEW)), key=STRANGER)
    forged.replace(root / "var/lib/convergences/update/release")


def _older(root: Path) -> None:
    put_system(root, version="0.5.0")


def _altered(root: Path) -> None:
    (root / "altered").touch()


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (_truncate, "update_damaged"),
        (_exchange, "update_damaged"),
        (_link, "update_nothing_staged"),
        (_link_folder, "update_nothing_staged"),
        (_pipe, "update_nothing_staged"),
        (_stranger, "release_unsigned"),
        (_older, "update_not_newer"),
        (_altered, "update_old_altered"),
    ],
)
def test_what_may_not_be_installed_changes_nothing(tmp_path: Path, spoil: Callable[[Path], None], code: str) -> None:
    """Whatever the node has left there, and however sure it was."""
    put_machine(tmp_path)
    spoil(tmp_path)
    machine = Played(tmp_path)
    state = run(machine)
    assert (state["phase"], state["reason"]["code"]) == ("refused", code)
    assert is_at_rest(machine, OLD)
    assert not any("--install" in command or "stop" in command for command in machine.asked)


def test_a_full_card_is_seen_before_anything_is_installed(tmp_path: Path) -> None:
    put_machine(tmp_path)
    machine = Played(tmp_path)
    machine.room = 1 << 20
    assert run(machine)["reason"]["code"] == "update_no_room" and is_at_rest(machine, OLD)


def test_debian_s_own_updates_go_first(tmp_path: Path) -> None:
    """The node runs while they do; then it is its turn."""
    put_machine(tmp_path)
    lock = tmp_path / "var/lib/dpkg/lock-frontend"
    lock.parent.mkdir(parents=True)
    lock.touch()
    hold = "import fcntl, sys; f = open(sys.argv[1], 'r+b'); fcntl.lockf(f, 2); print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None and other.stdout.readline() == b"held\n"
        machine = Played(tmp_path)
        ran = []

        def wait(machine: Played) -> None:
            if machine.now < 60:
                ran.append(machine.is_on and machine.installed["version"] == OLD)
            elif other.poll() is None:
                other.communicate(b"\n", timeout=20)

        machine.on_sleep = wait
        assert run(machine)["phase"] == "confirmed" and is_at_rest(machine, NEW)
    assert len(ran) > 20 and all(ran)


def test_words_of_another_attempt_say_nothing(tmp_path: Path) -> None:
    """A word that was left from before, or a node that says what is none."""
    put_machine(tmp_path, "silent")
    machine = Played(tmp_path)
    folder = tmp_path / "run/convergences"
    folder.mkdir(parents=True)
    for name in ("update-well", "update-unwell", "update-return"):
        (folder / name).write_text("ab12-1 self_check\n")
    assert run(machine)["reason"]["code"] == "update_back_silent"
    put_machine(tmp_path, "silent")
    machine = Played(tmp_path)
    machine.on_sleep = lambda machine: machine.say("update-unwell", " ../../x {0}")
    assert run(machine)["reason"]["code"] == "update_back_unwell"


def test_a_machine_that_goes_down_again_and_again_is_taken_back(tmp_path: Path) -> None:
    put_machine(tmp_path, "silent")

    class Cut(BaseException):
        pass

    def cut(machine: Played) -> None:
        if machine.now > 10:
            raise Cut

    for _ in range(load("update_installing").STARTS_MAX):
        machine = Played(tmp_path)
        machine.on_sleep = cut
        with pytest.raises(Cut):
            run(machine)
    machine = Played(tmp_path)
    assert run(machine)["reason"]["code"] == "update_back_starts" and is_at_rest(machine, OLD)


def test_a_state_that_cannot_be_read_begins_anew(tmp_path: Path) -> None:
    put_machine(tmp_path)
    put_state(tmp_path, "trial")
    (tmp_path / HOME / "state.json").write_text("{torn")
    machine = Played(tmp_path)
    assert run(machine)["phase"] == "confirmed" and is_at_rest(machine, NEW)


def test_nobody_else_can_hold_the_installer_s_lock(tmp_path: Path) -> None:
    """Whoever may open a file for reading may hold its lock (flock(2)): a node that was broken into would have kept
    every mend away from itself."""
    put_machine(tmp_path)
    (tmp_path / HOME).mkdir(parents=True, exist_ok=True)
    (tmp_path / HOME / "lock").touch(mode=0o644)
    assert run(Played(tmp_path))["phase"] == "confirmed"
    assert (tmp_path / HOME / "lock").stat().st_mode & 0o777 == 0o600


def test_root_imports_nothing_but_python_s_own() -> None:
    """What takes a broken package back must not need it."""
    names, own = set(), {path.stem for path in INSTALLER.glob("*.py")}
    assert len(own) > 5
    for path in INSTALLER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {each.name.partition(".")[0] for each in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add((node.module or "").partition(".")[0])
    assert names <= sys.stdlib_module_names | own


@pytest.mark.skipif(compiler() is None, reason="there is no C compiler here to record it with")
@pytest.mark.parametrize("node", ["well", "unwell", "broken"])
def test_the_power_may_go_at_every_step(tmp_path: Path, node: str) -> None:
    """Cut before each write; the machine starts, what was planted goes on; if nothing was, the operator asks again."""
    root, log, image = tmp_path / "root", tmp_path / "log", tmp_path / "image"
    put_machine(root, node)
    disk = Disk()
    for path in root.rglob("*"):
        if path.is_file():
            disk.put(str(path), path.read_bytes())
    environment = {
        **os.environ,
        "LD_PRELOAD": str(compiled(tmp_path)),
        "RECORD_ROOT": str(root),
        "RECORD_LOG": str(log),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
    }
    command = [sys.executable, "-m", "tests.updates.machine", str(root)]
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=60)
    dice, done = Random(3), list(ops(log))
    assert len(done) > 50
    chosen = dice.sample(range(len(done)), min(len(done), CUTS_MAX))
    for moment, op in enumerate(done):
        if moment in chosen:
            shutil.rmtree(image, ignore_errors=True)
            disk.cut(root, image, dice)
            _starts_again(image, node, f"before {moment}: {op.kind} {Path(op.path).name}")
        disk.do(op)


def _starts_again(root: Path, node: str, what: str) -> None:
    """As the machine does, whose runtime folder is empty; links are no files, and the drill's disk has none."""
    shutil.rmtree(root / "run", ignore_errors=True)
    machine = Played(root)
    planted = (root / UNITS / "convergences-update-resume.service").exists()
    if planted:
        assert main("resume", machine) == 0, what
        assert main("resume", machine) == 0, f"{what}: once more changes nothing"
    assert "half" not in machine.installed, f"{what}: half a package is left"
    assert machine.is_on, f"{what}: no node runs"
    if not planted or (machine.installed["version"] == OLD and node == "well"):
        run(machine)
    wanted = NEW if node == "well" else OLD
    assert is_at_rest(machine, wanted), f"{what}: {state_of(root)}"
