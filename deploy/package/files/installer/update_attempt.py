# SPDX-License-Identifier: AGPL-3.0-or-later
"""One update, as it is remembered between power cuts: `state.json`, replaced as a whole before the next thing is begun.

taken -> kept -> installing -> trial -> confirmed
                     |           |
                     +-----------+--> returning -> returned          (refused: nothing was changed)
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

from debian_system import Machine
from plain_files import replace

RESUME = "convergences-update-resume.service"
FINAL = ("confirmed", "returned", "refused")
"""Ends of an attempt: another one may begin."""


class Attempt:
    """One attempt, and where its files are."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        root = machine.root
        self.home = root / "var/lib/convergences-update"
        self.staged = root / "var/lib/convergences/update"
        self.signals = root / "run/convergences"
        self.units = root / "etc/systemd/system"
        self.libraries = root / "usr/lib/convergences"
        self.state: dict[str, Any] = self._load()

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

    def give_up(self, why: str) -> None:
        """The old version is to come back, and this is why."""
        self.save("returning", reason={"code": f"update_back_{why}", "params": {}})

    def debian(self, version: str) -> Path:
        """The package of a version, here."""
        return self.home / f"{version}.deb"

    @property
    def is_busy(self) -> bool:
        """Whether it has not come to an end."""
        return self.state["phase"] not in FINAL

    @property
    def kept_version(self) -> str:
        """Of which version there is a package to return to."""
        return str((self.state.get("kept") or {}).get("version", ""))

    def clear(self) -> None:
        """Throw away every file but the kept package."""
        for path in (*self.home.glob("*.deb"), *self.home.glob("*.part"), self.home / "release"):
            if path.name != f"{self.kept_version}.deb":
                path.unlink(missing_ok=True)
        shutil.rmtree(self.home / "tree", ignore_errors=True)
