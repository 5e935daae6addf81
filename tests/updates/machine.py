# SPDX-License-Identifier: AGPL-3.0-or-later
"""A machine for root's installer: `dpkg`, `systemctl` and a node, played with files below one folder.

A "package" is a line of JSON that says its version and how the node in it behaves. `python -m tests.updates.machine
ROOT` takes what is staged there and goes on to the end, as root would, so that it can be recorded and cut.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from convergences_node.updates import verifying
from convergences_node.updates.places import ROOT_VARIABLE
from convergences_protocol.release import Release

from .pretending import NEW, OLD, package, put_release, put_system, release_of

INSTALLER = Path(__file__).parents[2] / "deploy/package/files/installer"
INSTALLED = "installed.json"


def load(name: str) -> Any:
    """A module of the folder that root runs."""
    if str(INSTALLER) not in sys.path:
        sys.path.append(str(INSTALLER))
    return importlib.import_module(name)


debian_system = load("debian_system")
replace = load("plain_files").replace


def main(what: str, machine: Any) -> int:
    """Run it, as root does."""
    spec = importlib.util.spec_from_file_location("installer_main", INSTALLER / "__main__.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    code: int = module.main([what], machine)
    return code


def debian(version: str, node: str = "well") -> bytes:
    """A package, whose node is `well`, `unwell`, `silent`, `ends` or `restarts`; or that is `broken` itself."""
    return json.dumps({"version": version, "node": node}).encode() + b"\n"


class Played(debian_system.Machine):  # type: ignore[misc,name-defined]
    """See the module. Time passes as the installer sleeps."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.now = 0.0
        self.asked: list[tuple[str, ...]] = []
        self.is_on = not (root / "var/lib/convergences-update/busy").exists()
        self.on_sleep: Callable[[Played], object] = lambda machine: None
        self.room = 1 << 40
        self.monotonic = lambda: self.now
        self.sleep = self.pass_by

    # --------------------------------------------------------------------------------- the system
    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        self.asked.append(command)
        match command:
            case ("dpkg", "--force-downgrade,confold", "--install", path):
                return self._answer(*self._install(Path(path)))
            case ("dpkg-deb", *_, "--build", tree, target):
                assert (Path(tree) / "DEBIAN/control").read_text().startswith("Package: convergences\nVersion")
                assert (Path(tree) / "usr/lib/convergences/package.json").is_file()
                Path(target).write_bytes((self.root / INSTALLED).read_bytes())
            case ("dpkg-query", "-L", _):
                return self._answer("/.\n/usr\n/usr/lib\n/usr/lib/convergences\n/usr/lib/convergences/package.json\n")
            case ("dpkg-query", "-W", *_):
                return self._answer(str(self.installed.get("version", "")))
            case ("dpkg", "-s", _):
                return self._answer("Package: convergences\nStatus: install ok installed\nVersion: 0\n")
            case ("dpkg", "--verify", _):
                return self._answer("??5??????   /usr/lib/x\n" if (self.root / "altered").exists() else "")
            case ("systemctl", "start", *units) if debian_system.SERVICE in units:
                self.is_on = not (self.root / "var/lib/convergences-update/busy").exists()
            case ("systemctl", "stop", *_):
                self.is_on = False
            case ("systemctl", "show", *_):
                return self._answer(self._shown())
            case (program, path) if program.endswith("verify-release"):
                return self._verify(path)
        return self._answer()

    @staticmethod
    def _answer(said: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], code, said, "")

    def free(self, folder: Path) -> int:
        return self.room

    def _install(self, path: Path) -> tuple[str, int]:
        """In two steps, between which the package is neither."""
        assert not self.is_on, "a node runs while its files change"
        content = json.loads(path.read_bytes())
        half = {"version": content["version"], "node": "ends", "half": True}
        replace(self.root / INSTALLED, json.dumps(half).encode(), 0o644)
        if content["node"] == "broken":
            return "cannot configure", 1
        put_system(self.root, version=content["version"])
        replace(self.root / INSTALLED, path.read_bytes(), 0o644)
        return "", 0

    def _verify(self, path: str) -> subprocess.CompletedProcess[str]:
        import contextlib
        import io
        import os

        os.environ[ROOT_VARIABLE] = str(self.root)
        with contextlib.redirect_stdout(io.StringIO()) as said:
            code = verifying.main([path])
        return self._answer(said.getvalue(), code)

    @property
    def installed(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.root / INSTALLED).read_text())
        return found

    # --------------------------------------------------------------------------------- the node
    def _shown(self) -> str:
        node = str(self.installed["node"])
        state = "inactive" if not self.is_on else "failed" if node == "ends" else "active"
        return f"ActiveState={state}\nNRestarts={3 if node == 'restarts' else 0}\n"

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        self.on_sleep(self)
        node = self.installed["node"]
        if self.is_on and node == "well" and self.now > 600:
            self.say("update-well")
        if self.is_on and node == "unwell" and self.now > 30:
            self.say("update-unwell", " self_check")

    def say(self, name: str, more: str = "") -> None:
        """What the node tells the installer, of the stretch that is."""
        state = json.loads((self.root / "var/lib/convergences-update/state.json").read_text())
        folder = self.root / "run/convergences"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{state['id']}-{state['starts']}{more}\n")


def put_machine(root: Path, node: str = "well", old: str = OLD, version: str = NEW) -> Release:
    """A machine on which `old` runs, and a release is staged of which the node behaves so."""
    put_system(root, version=old)
    (root / INSTALLED).write_bytes(debian(old))
    return put_staged(root, debian(version, node), version)


def put_staged(root: Path, data: bytes, version: str = NEW) -> Release:
    """Stage it, as the node does."""
    staged = root / "var/lib/convergences/update"
    staged.mkdir(parents=True, exist_ok=True)
    release = release_of(version, data)
    put_release(root / "stick", release, data).rename(staged / "release")
    (staged / "package.deb").write_bytes(data)
    assert package(data, version=version) in release.packages
    shutil.rmtree(root / "stick")
    return release


def run(machine: Played) -> dict[str, Any]:
    """Take what is staged, and go on to an end. What is remembered of it."""
    assert main("take", machine) == 0
    assert main("resume", machine) == 0
    return state_of(machine.root)


def state_of(root: Path) -> dict[str, Any]:
    path = root / "var/lib/convergences-update/state.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return found


if __name__ == "__main__":
    run(Played(Path(sys.argv[1])))
