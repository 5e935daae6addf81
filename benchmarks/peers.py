# SPDX-License-Identifier: AGPL-3.0-or-later
"""Hypercore and ssb-db2 replicating the same backlog, when node, npm and the peers' scripts are there.

The scripts lie beside the project (`../shared/peers`), not in it; they are copied to a scratch folder, their locked
packages installed there, and run as they are. Absent, `replicate` says so and the figures stand without that reference.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[1].parent / "shared" / "peers"
NPM_SECONDS_MAX = 300
RUN_SECONDS_MAX = 900
PORTS = {"hypercore": 19_301, "ssb": 19_401}


@dataclass(frozen=True)
class PeerRun:
    """Records a second, bytes on the wire a record, and peak resident MiB of the receiver."""

    name: str
    per_second: float
    bytes_a_record: float
    peak_mib: float


def absent() -> str | None:
    """Why the peers cannot run here, in a sentence; None when they can."""
    if not SCRIPTS.is_dir():
        return f"the peers' scripts are not there ({SCRIPTS.name} beside the project)"
    if not (shutil.which("node") and shutil.which("npm")):
        return "node and npm are not installed"
    return None


def prepare(scratch: Path) -> None:
    """Copy the peers' scripts to `scratch` and install their locked packages there, once."""
    for name in PORTS:
        folder = scratch / name
        if not (folder / "node_modules").is_dir():
            shutil.copytree(SCRIPTS / name, folder, dirs_exist_ok=True)
            subprocess.run(["npm", "ci", "--silent"], cwd=folder, check=True, timeout=NPM_SECONDS_MAX)


def replicate(name: str, records: int, scratch: Path) -> PeerRun:
    """Run one peer's own benchmark over `records` records and read its first, full pull."""
    environment = {**os.environ, "TMPDIR": str(scratch)}
    command = ["bash", str(scratch / name / "run.sh"), str(records), str(PORTS[name])]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=RUN_SECONDS_MAX, check=False
    )
    pulls = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"cmd":"pull"')]
    if not pulls:
        raise RuntimeError(f"{name} printed no pull: {done.stdout[-400:]} {done.stderr[-400:]}")
    first = pulls[0]
    return PeerRun(name, float(first["per_s"]), float(first["bytes_per_rec"]), float(first["rss_mb"]))
