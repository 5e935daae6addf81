#!/usr/bin/python3 -I
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Installs a signed release of the package, watches it for ten minutes, and puts the old one back if it is not well.

The node may install nothing: it leaves a release in its folder and a wish in its runtime folder, and systemd starts
`installer take` as root. What was left there is copied, checked against the keys of the installed package, and from
then on only the copy counts. Everything after is done by a *copy of this file* that the new package does not own,
started by a unit that it does not own either: a package that is broken to the bone is taken back all the same.

What has been done is in `state.json`, replaced as a whole before the next thing is begun. After a power cut at any
place, `installer resume` goes on from there. Only the standard library is imported: see decision 88.

    taken -> kept -> installing -> trial -> confirmed
                         |           |
                         +-----------+--> returning -> returned          (refused: nothing was changed)
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PACKAGE = "convergences"
SERVICE, SOCKET = "convergences.service", "convergences.socket"
RESUME = "convergences-update-resume.service"

TRIAL_S = 600.0
SLACK_S = 300.0
"""The node tells that it is well after ten minutes by its own clock; it gets this much more to say so."""
ACTIVATING_S_MAX = 3_600.0
"""A large archive that is copied and migrated on a slow card."""
LOOK_EVERY_S = 2.0
RESTARTS_MAX = 3
"""A node that ended so often is not well."""
STARTS_MAX = 5
"""A machine that went down so often in ten minutes is not well either, whoever pulls its plug."""
INSTALLS_MAX = 2
DPKG_BUSY_S_MAX = 1_800.0
"""Debian's own updates may be under way; after this, dpkg is asked all the same and says so."""
RELEASE_BYTES_MAX = 8_192
SIGNAL_BYTES_MAX = 200
PIECE_BYTES = 1 << 20
SPARE_BYTES = 50 << 20
_WORD = re.compile(r"[a-z0-9_]{1,40}")
FINAL = ("confirmed", "returned", "refused")
"""Ends of an attempt: another one may begin."""

UNIT = """\
# Left by the installer of the version before, and taken away by it: see /usr/share/doc/convergences.
[Unit]
Description=Convergences, its update is watched and taken back if need be
After=local-fs.target

[Service]
Type=exec
ExecStart=/usr/bin/python3 -I {installer} resume
Restart=on-failure
RestartSec=30
PrivateNetwork=yes
ProtectHome=yes

[Install]
WantedBy=multi-user.target
"""


class NoRelease(Exception):  # noqa: N818 - says what was found
    """It is not installed: a code, and the values of its sentence. Nothing was changed."""

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(code)
        self.reason = {"code": code, "params": params}


class Machine:
    """What is asked of the machine: a test has another one."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root
        self.sleep: Callable[[float], None] = time.sleep
        self.monotonic: Callable[[], float] = time.monotonic

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the system; whether it did is in the answer."""
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive",
        }
        return subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )

    def is_dpkg_busy(self) -> bool:
        """Whether another program holds the lock of Debian's packages."""
        try:
            with (self.root / "var/lib/dpkg/lock-frontend").open("r+b") as lock:
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def free(self, folder: Path) -> int:
        found = os.statvfs(folder)
        return found.f_bavail * found.f_frsize


class Installer:
    """One attempt, from wherever it is."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        root = machine.root
        self.home = root / "var/lib/convergences-update"
        self.staged = root / "var/lib/convergences/update"
        self.signals = root / "run/convergences"
        self.units = root / "etc/systemd/system"
        self.program = root / "usr/lib/convergences/installer"
        self.verifier = root / "usr/lib/convergences/verify-release"
        self.state: dict[str, Any] = self._load()

    # --------------------------------------------------------------------------------- what is remembered
    def _load(self) -> dict[str, Any]:
        try:
            found = json.loads((self.home / "state.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {"phase": "confirmed"}
        return found if isinstance(found, dict) else {"phase": "confirmed"}

    def save(self, phase: str, **more: object) -> None:
        """Remember durably how far this attempt has come; only then is the next thing done."""
        self.state = {**self.state, **more, "phase": phase, "at": int(time.time())}
        replace(self.home / "state.json", json.dumps(self.state, indent=1).encode(), 0o644)

    def _debian(self, version: str) -> Path:
        return self.home / f"{version}.deb"

    @property
    def is_busy(self) -> bool:
        return self.state["phase"] not in FINAL

    # --------------------------------------------------------------------------------- taking
    def take(self) -> bool:
        """Copy what the node has staged, check the copy, and begin. Whether there is something to go on with."""
        if self.is_busy:
            return True
        attempt = {"id": os.urandom(8).hex(), "from": "", "to": "", "starts": 0, "installs": 0, "reason": None}
        try:
            found = self._checked()
            attempt |= {"from": found["from"], "to": found["version"], "sha256": found["sha256"]}
            self._copy_package(found)
        except NoRelease as error:
            self.save("refused", **{**attempt, "reason": error.reason})
            self._clear(keep=self._kept_version())
            return False
        self._plant()
        self.save("taken", **attempt)
        return True

    def _checked(self) -> dict[str, Any]:
        """What the signed release says of this machine's package, by the keys and the program installed here."""
        copied = self.home / "release"
        replace(copied, read_small(self.staged / "release", RELEASE_BYTES_MAX), 0o600)
        done = self.machine.run(str(self.verifier), str(copied))
        try:
            found = json.loads(done.stdout)
        except ValueError:
            raise NoRelease("update_verifier_failed") from None
        if done.returncode != 0 or "refused" in found:
            refused = found.get("refused", {})
            raise NoRelease(str(refused.get("code", "update_verifier_failed")), **refused.get("params", {}))
        if not isinstance(found, dict):
            raise NoRelease("update_verifier_failed")
        return found

    def _copy_package(self, found: dict[str, Any]) -> None:
        """The package, into a folder where nobody else writes; it is what was signed, or nothing."""
        free, size = self.machine.free(self.home), int(found["size"])
        wanted = size + 2 * int(found["installed"]) + SPARE_BYTES  # itself, what is unpacked, and the old one kept
        if free < wanted:
            raise NoRelease("update_no_room", wanted=wanted >> 20, free=free >> 20)
        target = self._debian(found["version"])
        part = target.with_suffix(".part")
        digest, count = hashlib.sha256(), 0
        with open_plain(self.staged / "package.deb") as source, part.open("wb") as copy:
            while piece := source.read(min(PIECE_BYTES, size + 1 - count)):
                copy.write(piece)
                digest.update(piece)
                count += len(piece)
            copy.flush()
            os.fsync(copy.fileno())
        if (count, digest.hexdigest()) != (size, found["sha256"]):
            part.unlink()
            raise NoRelease("update_damaged", version=found["version"])
        part.rename(target)
        sync_folder(self.home)

    def _plant(self) -> None:
        """Leave what will go on after a power cut, whatever the new package does to the files of this one."""
        own = self.home / "installer"
        replace(own, self.program.read_bytes(), 0o700)
        self.units.mkdir(parents=True, exist_ok=True)
        replace(
            self.units / RESUME, UNIT.format(installer=Path("/", own.relative_to(self.machine.root))).encode(), 0o644
        )
        wants = self.units / "multi-user.target.wants"
        wants.mkdir(exist_ok=True)
        link = wants / RESUME
        if not link.is_symlink():
            link.symlink_to(f"../{RESUME}")
        for folder in (wants, self.units):
            sync_folder(folder)
        self.machine.run("systemctl", "daemon-reload")

    # --------------------------------------------------------------------------------- going on
    def resume(self) -> str:
        """Go on from wherever this attempt is, to one of its ends. Returns which."""
        steps = {
            "taken": self._keep_old,
            "kept": self._prepare,
            "installing": self._install,
            "trial": self._watch,
            "returning": self._return,
        }
        while (step := steps.get(self.state["phase"])) is not None:
            step()
        self._finish()
        return str(self.state["phase"])

    def _keep_old(self) -> None:
        """The installed version as a package again, from its own files: it may have come from anywhere."""
        old = self._debian(self.state["from"])
        try:
            if self._kept_version() != self.state["from"] or digest_of(old) != self.state["kept"]["sha256"]:
                self._pack(old)
        except NoRelease as error:
            self.save("refused", reason=error.reason)
            return
        self.save("kept", kept={"version": self.state["from"], "sha256": digest_of(old)})

    def _kept_version(self) -> str:
        return str((self.state.get("kept") or {}).get("version", ""))

    def _pack(self, target: Path) -> None:
        run = self.machine.run
        if run("dpkg", "--verify", PACKAGE).stdout.strip():
            raise NoRelease("update_old_altered")  # of a card that loses files, nothing is kept
        tree = self.home / "tree"
        shutil.rmtree(tree, ignore_errors=True)
        for name in run("dpkg-query", "-L", PACKAGE).stdout.splitlines():
            self._link(self.machine.root / name.lstrip("/"), tree / name.lstrip("/"))
        control = tree / "DEBIAN"
        control.mkdir(mode=0o755, parents=True, exist_ok=True)
        for name in run("dpkg-query", "--control-path", PACKAGE).stdout.split():
            shutil.copy(name, control / Path(name).name)
        stanza = run("dpkg", "-s", PACKAGE).stdout.splitlines()
        (control / "control").write_text("".join(f"{line}\n" for line in stanza if not line.startswith("Status:")))
        part = target.with_suffix(".part")
        done = run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", str(tree), str(part))
        shutil.rmtree(tree, ignore_errors=True)
        if done.returncode != 0:
            part.unlink(missing_ok=True)
            raise NoRelease("update_old_unkept")
        sync_file(part)
        part.rename(target)
        sync_folder(self.home)

    @staticmethod
    def _link(source: Path, target: Path) -> None:
        if source.is_dir() and not source.is_symlink():
            target.mkdir(mode=0o755, parents=True, exist_ok=True)
            return
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError:
            shutil.copy2(source, target, follow_symlinks=False)

    def _prepare(self) -> None:
        if digest_of(self._debian(self.state["to"])) != self.state["sha256"]:
            self.save("refused", reason={"code": "update_damaged", "params": {"version": self.state["to"]}})
            return
        self.save("installing")

    def _install(self) -> None:
        """A package that was half installed when the power went is installed again, once."""
        if self.state["installs"] >= INSTALLS_MAX:
            self._give_up("install_cut")
            return
        self.save("installing", installs=self.state["installs"] + 1)
        self._pause()
        if self._dpkg(self.state["to"]):
            self.save("trial")
        else:
            self._give_up("install_failed")

    def _pause(self) -> None:
        """No node while its files change; nor after a start of the machine in between, by its units' condition."""
        self._await_dpkg()
        replace(self.home / "busy", b"", 0o644)
        self.machine.run("systemctl", "stop", SOCKET, SERVICE)

    def _await_dpkg(self) -> None:
        """Wait for whoever has dpkg's lock, with the node still running (dpkg(1), lock-frontend)."""
        until = self.machine.monotonic() + DPKG_BUSY_S_MAX
        while self.machine.is_dpkg_busy() and self.machine.monotonic() < until:
            self.machine.sleep(LOOK_EVERY_S)

    def _dpkg(self, version: str) -> bool:
        done = self.machine.run("dpkg", "--force-downgrade,confold", "--install", str(self._debian(version)))
        print(done.stdout, done.stderr, file=sys.stderr)
        self.machine.run("sync")  # the bytecode that the package makes is synced by nobody else
        return done.returncode == 0

    def _start(self) -> None:
        (self.home / "busy").unlink(missing_ok=True)
        sync_folder(self.home)
        run = self.machine.run
        run("systemctl", "daemon-reload")
        run("systemctl", "reset-failed", SOCKET, SERVICE)
        run("systemctl", "start", SOCKET)
        run("systemctl", "start", "--no-block", SERVICE)

    # --------------------------------------------------------------------------------- the trial
    def _watch(self) -> None:
        """Wait for the node's word, or for a reason not to believe in it any more."""
        if self.state["starts"] >= STARTS_MAX:
            self._give_up("starts")
            return
        self.save("trial", starts=self.state["starts"] + 1)
        self._start()
        trial = f"{self.state['id']}-{self.state['starts']}"
        began = active = self.machine.monotonic()
        while True:
            if self._signal("update-well").partition(" ")[0] == trial:
                self.save("confirmed", reason=None, kept={"version": self.state["to"], "sha256": self.state["sha256"]})
                return
            told, _, word = self._signal("update-unwell").partition(" ")
            if told == trial:
                self._give_up(word if _WORD.fullmatch(word) else "unwell")
                return
            if self._signal("update-return").partition(" ")[0] == self.state["id"]:
                self._give_up("asked")
                return
            now, unit = self.machine.monotonic(), self._unit()
            if unit.get("ActiveState") == "activating":
                active = now
            reason = self._too_bad(unit, now - began, now - active)
            if reason:
                self._give_up(reason)
                return
            self.machine.sleep(LOOK_EVERY_S)

    def _unit(self) -> dict[str, str]:
        said = self.machine.run("systemctl", "show", "-p", "ActiveState,NRestarts", SERVICE).stdout
        return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)

    @staticmethod
    def _too_bad(unit: dict[str, str], whole: float, active: float) -> str:
        if unit.get("ActiveState") == "failed":
            return "ended"
        if int(unit.get("NRestarts") or 0) >= RESTARTS_MAX:
            return "restarts"
        return "silent" if active > TRIAL_S + SLACK_S or whole > ACTIVATING_S_MAX + TRIAL_S else ""

    def _signal(self, name: str) -> str:
        """What the node has to say: a line of its own user, read as nothing more than words."""
        try:
            return read_small(self.signals / name, SIGNAL_BYTES_MAX).decode("ascii", "replace").strip()
        except NoRelease:
            return ""

    # --------------------------------------------------------------------------------- back
    def _give_up(self, why: str) -> None:
        self.save("returning", reason={"code": f"update_back_{why}", "params": {}})

    def _return(self) -> None:
        """The old version, however often it takes: a failure ends this process, and systemd starts it again."""
        there = self.machine.run("dpkg-query", "-W", "-f", "${Version}", PACKAGE).stdout.strip()
        if there not in ("", self.state["from"], self.state["to"]):
            # Somebody has installed another one by hand: it is theirs to watch.
            self.save("returned", reason={"code": "update_back_by_hand", "params": {}})
            return
        self._pause()
        if not self._dpkg(self.state["from"]):
            self.machine.run("dpkg", "--configure", "-a")
            if not self._dpkg(self.state["from"]):
                # Rather a node of whatever is there than none; and tried again in half a minute.
                self._start()
                raise SystemExit(1)
        self.save("returned")

    def _finish(self) -> None:
        """The end of an attempt: a node that runs, one kept package, and nothing left that begins again by itself."""
        phase = self.state["phase"]
        if phase == "returned" or (self.home / "busy").exists():
            self._start()
        self._clear(keep=self._kept_version())
        (self.units / "multi-user.target.wants" / RESUME).unlink(missing_ok=True)
        (self.units / RESUME).unlink(missing_ok=True)
        self.machine.run("systemctl", "daemon-reload")

    def _clear(self, keep: str) -> None:
        for path in (*self.home.glob("*.deb"), *self.home.glob("*.part"), self.home / "release"):
            if path.name != f"{keep}.deb":
                path.unlink(missing_ok=True)
        shutil.rmtree(self.home / "tree", ignore_errors=True)


# ------------------------------------------------------------------------------------- files
def open_plain(path: Path) -> Any:
    """A file that another user has put there: a plain one, reached through no link."""
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        raise NoRelease("update_nothing_staged") from None
    try:
        descriptor = os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        raise NoRelease("update_nothing_staged") from None
    finally:
        os.close(folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NoRelease("update_nothing_staged")
    return os.fdopen(descriptor, "rb")


def read_small(path: Path, bytes_max: int) -> bytes:
    with open_plain(path) as file:
        data: bytes = file.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise NoRelease("update_nothing_staged")
    return data


def digest_of(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                digest.update(piece)
    except OSError:
        return ""
    return digest.hexdigest()


def replace(path: Path, data: bytes, mode: int) -> None:
    """A small file that is the old one or the new one, never half of one, whatever happens to the power."""
    part = path.with_name(path.name + ".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        os.write(descriptor, data)
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    part.rename(path)
    sync_folder(path.parent)


def sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def main(arguments: list[str], machine: Machine | None = None) -> int:
    parser = argparse.ArgumentParser(prog="installer", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("take", "resume"))
    what = parser.parse_args(arguments).what
    machine = machine or Machine()
    home = machine.root / "var/lib/convergences-update"
    home.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (home / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another one is at work", file=sys.stderr)
            return 0
        installer = Installer(machine)
        if what == "take":
            begun = installer.take()
        else:
            print(f"the update: {installer.resume()}", file=sys.stderr)
            begun = False
    if begun:
        machine.run("systemctl", "start", "--no-block", RESUME)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
