# SPDX-License-Identifier: AGPL-3.0-or-later
"""The agglomeration of a drill's town: a node on this machine, from this project's files, kept in the drill's folder.

The emulated machine reaches it at one address and nothing else there is; it reaches the machine only over the links
that the town's node opens, as across a town hall's box.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from convergences_node.control import call
from convergences_node.founding import create_town
from convergences_node.territories import find
from machine import DrillError, free_port

SIREN = "200057867"
ADDRESS = "10.0.2.100"
"""In the network that the emulator makes up (QEMU, user networking)."""
HTTP_PORT, P2P_PORT = 8_750, 4_750
START_SECONDS_MAX = 120
STOP_SECONDS_MAX = 60
CONVERGENCES = (sys.executable, "-c", "from convergences_cli.main import main; main()")
"""The command, of this project's files."""


class Agglomeration:
    """See the module. `ports`: those of `ADDRESS`, each with the one of this machine's loopback that it leads to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "agglomeration"
        self.ports = _ports(folder / "ports.json")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Agglomeration:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Found it, if it was not; serve; returns when it answers."""
        if not self.folder.exists():
            asyncio.run(self._found())
        with self.folder.with_suffix(".log").open("ab") as log:
            command = [*CONVERGENCES, "serve", "--folder", str(self.folder)]
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log)
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            with suppress(OSError):
                self._get("healthz")
                return
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise DrillError(f"the agglomeration does not start: {self.folder.with_suffix('.log')}")
            time.sleep(0.5)

    def stop(self) -> None:
        """End its process, if it runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(STOP_SECONDS_MAX)

    def invite(self, territory: str) -> str:
        """An invitation, as its operator hands it to a town."""
        return str(call(self.folder, "invite", {"territory": territory})["invitation"])

    def finds(self, name: str) -> bool:
        """Whether who searches the whole territory finds a record of that name."""
        items = json.loads(self._get(f"api/v1/search?q={name}"))["items"]
        return any(item["name"] == name for item in items)

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[HTTP_PORT]}/{path}", timeout=30) as answer:
            return bytes(answer.read())

    async def _found(self) -> None:
        facts = find(SIREN)
        settings: Any = {
            "discovery": {"zeroconf": False},
            "http": {"port": self.ports[HTTP_PORT], "public_url": f"http://{ADDRESS}:{HTTP_PORT}"},
            "p2p": {
                "listen": [f"/ip4/127.0.0.1/tcp/{self.ports[P2P_PORT]}"],
                "announce": [f"/ip4/{ADDRESS}/tcp/{P2P_PORT}"],
            },
        }
        await create_town(self.folder, facts.code, "agglomeration", facts.name, facts=facts.fields(), settings=settings)


def _ports(file: Path) -> Mapping[int, int]:
    """Drawn once for a drill's folder: a drill that goes on has the agglomeration that its town knows."""
    if not file.exists():
        file.write_text(json.dumps({str(port): free_port() for port in (HTTP_PORT, P2P_PORT)}))
    return {int(there): here for there, here in json.loads(file.read_text()).items()}
