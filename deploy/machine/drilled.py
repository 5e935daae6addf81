# SPDX-License-Identifier: AGPL-3.0-or-later
"""A drill under way: the machine, what was found on it so far, and what each act asks of it again and again."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import image
from agglomeration import Agglomeration
from machine import BOOT_SECONDS_MAX, DrillError, Machine

FOLDER = "/var/lib/convergences"
SERVICE = "convergences.service"
UNITS = f"convergences.socket {SERVICE}"
CGROUP = f"/sys/fs/cgroup/system.slice/{SERVICE}"
ANSWER_SECONDS_MAX = 120
MIB = 1 << 20


@dataclass
class Drill:
    """See the module."""

    machine: Machine
    name: str
    suite: str
    cache: Path
    """Where blank machines are kept, and Debian's packages for them."""
    agglomeration: Agglomeration
    found: list[tuple[str, str, str]] = field(default_factory=list)
    size: int = 0
    """Records in the town's log when it was last counted."""

    # ------------------------------------------------------------------------------ what is found
    def note(self, what: str, value: object, bound: str = "") -> None:
        """A line of the table at the end."""
        self.found.append((what, str(value), bound))
        print(f"   {what}: {value}{f' ({bound})' if bound else ''}", flush=True)

    def expect(self, true: object, promise: str) -> None:
        """End the drill if a promise is not kept."""
        if not true:
            raise DrillError(promise)
        print(f"   {promise}", flush=True)

    def at_most(self, what: str, value: float, limit: float, unit: str) -> None:
        """A figure that has a bound."""
        self.note(what, f"{value:.1f} {unit}", f"at most {limit:g}")
        if value > limit:
            raise DrillError(f"{what}: {value:.1f} {unit}, promised at most {limit:g}")

    def table(self) -> str:
        """All that was found, as Markdown."""
        return "\n".join(
            ["| what | found | bound |", "|---|---|---|", *(f"| {a} | {b} | {c} |" for a, b, c in self.found)]
        )

    def keep_journal(self) -> None:
        """What the machine says of itself, beside its card, if it still talks."""
        try:
            said = self.machine.run("journalctl --no-pager -b; systemctl --failed --no-pager; df -h; free -m")
            (self.machine.folder / "journal.log").write_text(said.text)
        except (AssertionError, OSError, TimeoutError):
            print("   (the machine says nothing any more; console.log has its last words)")

    # ------------------------------------------------------------------------------ starting
    def switch_on(self) -> None:
        """Power, with the command line that is on the card."""
        self.machine.start(image.out_of_fat(self.machine.card, "cmdline.txt").strip())

    def wait_for_node(self, path: str = "healthz") -> None:
        """Until systemd was told that the node is ready, and it answers. Before there is a town, it has but a page."""
        self.machine.until(f"systemctl is-active --quiet {SERVICE}", BOOT_SECONDS_MAX)
        self.machine.until(f"curl -sfL -o /dev/null http://127.0.0.1/{path}", BOOT_SECONDS_MAX)

    # ------------------------------------------------------------------------------ asking the node
    def get(self, path: str) -> Any:
        """A page or an answer of the node's, from outside of the machine."""
        with urllib.request.urlopen(self.machine.address + path, timeout=ANSWER_SECONDS_MAX) as answer:  # noqa: S310 - ours
            data = answer.read()
        return json.loads(data) if answer.headers.get_content_type().endswith("json") else data.decode()

    def node(self, line: str, within: float = 600) -> str:
        """A command of the node's own, as its operator types it on the machine."""
        return self.machine.tell(f"sudo -u convergences convergences {line} --folder {FOLDER}", within)

    def status(self) -> dict[str, Any]:
        """What the node says of itself."""
        found: dict[str, Any] = json.loads(self.node("status --json"))
        return found

    # ------------------------------------------------------------------------------ what systemd counts
    def memory(self) -> dict[str, float]:
        """MiB of the unit: what its process holds (resident), of that its files' pages, which the system may take back
        at any time (proc(5), `RssFile`), and the most that was charged to it so far."""
        tell = self.machine.tell
        pid = self.machine.properties(SERVICE, "MainPID")["MainPID"]
        peak = float(tell(f"cat {CGROUP}/memory.peak 2>/dev/null || echo 0")) / MIB
        resident, files = (
            float(tell(f"awk '/^{name}/ {{print $2}}' /proc/{pid}/status")) / 1024 for name in ("VmRSS", "RssFile")
        )
        anonymous = float(tell(f"awk '/^anon / {{print $2}}' {CGROUP}/memory.stat")) / MIB
        return {"resident": resident, "files": files, "anonymous": anonymous, "peak": peak}

    def restarts(self) -> int:
        """How often systemd has started the node again since the machine was switched on."""
        return int(self.machine.properties(SERVICE, "NRestarts")["NRestarts"])
