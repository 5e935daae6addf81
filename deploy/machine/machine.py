# SPDX-License-Identifier: AGPL-3.0-or-later
"""One emulated machine: 1 GB, two processors, a card, a network card that reaches at most one address, a USB socket.

It is held at three ends: QMP on a Unix socket (its disks, its USB, its plug), a port on which a program in the machine
runs shell lines as root (`files/usr/local/lib/drill_hand.py`), and its ports 80 and 443 at addresses of this machine's
loopback. A machine that was started is always stopped: by its own process's number, when the `with` ends.
"""

from __future__ import annotations

import json
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

MEMORY_MIB = 1_024
PROCESSORS = 2
NICE = 10
BOOT_SECONDS_MAX = 900
"""An emulated machine on a busy one takes minutes."""
COMMAND_SECONDS_MAX = 120
LINE_BYTES_MAX = 8 << 20

EMULATORS = {
    "amd64": ("qemu-system-x86_64", "-machine", "q35", "-cpu", "max"),
    "arm64": ("qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a72"),
}
CONSOLES = {"amd64": "ttyS0", "arm64": "ttyAMA0"}
BRIDGE = Path(__file__).with_name("bridge.py")
CARD, CARD_PACE, STICK_PACE = "card", "card-pace", "stick-pace"


class DrillError(Exception):
    """The machine did not do what the drill expects of it."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a shell line in the machine ended with."""

    code: int
    text: str


class Lines:
    """JSON, a line each way, over a Unix socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._waiting = b""

    def send(self, what: dict[str, Any]) -> None:
        self._socket.sendall(json.dumps(what).encode() + b"\n")

    def receive(self, within: float) -> dict[str, Any]:
        """The next line; raises `TimeoutError`."""
        deadline = time.monotonic() + within
        while b"\n" not in self._waiting:
            self._socket.settimeout(max(0.01, deadline - time.monotonic()))
            piece = self._socket.recv(65_536)
            if not piece:
                raise ConnectionError("the machine is off")
            self._waiting += piece
            if len(self._waiting) > LINE_BYTES_MAX:
                raise DrillError("the machine does not stop talking")
        line, self._waiting = self._waiting.split(b"\n", 1)
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        self._socket.close()


class Machine:
    """See the module. `kernel` and `initrd` stand for what a Pi's firmware loads from the card."""

    def __init__(
        self,
        folder: Path,
        arch: str,
        card: Path,
        kernel: Path,
        initrd: Path,
        memory_mib: int,
        nice: int = NICE,
        reaches: tuple[str, Mapping[int, int]] = ("", {}),
    ) -> None:
        """`reaches`: the one address that it reaches, and its ports, each with a port of this machine's loopback."""
        self.folder, self.arch, self.card = folder, arch, card
        self._kernel, self._initrd, self._memory_mib, self._nice = kernel, initrd, memory_mib, nice
        self._reaches = reaches
        self.port, self.tls_port = free_port(), free_port()
        self.console = folder / "console.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._qmp: Lines | None = None
        self._hand: Lines | None = None
        self._asked = 0

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.cut_power()

    @property
    def address(self) -> str:
        """Where the machine's port 80 is, on this one's loopback."""
        return f"http://127.0.0.1:{self.port}/"

    # ------------------------------------------------------------------------------ its plug
    def start(self, command_line: str) -> None:
        """Switch it on, with the kernel's command line."""
        paths = {name: self.folder / name for name in ("qmp", "hand")}
        for path in paths.values():
            path.unlink(missing_ok=True)
        with (self.folder / "emulator.log").open("ab") as log:
            command = self._command(command_line, paths)
            nice = ["nice", "-n", str(self._nice)]
            self._process = subprocess.Popen([*nice, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._wait_for(lambda: all(path.exists() for path in paths.values()), 30)
        self._qmp, self._hand = Lines(paths["qmp"]), Lines(paths["hand"])
        self._qmp.receive(30)
        self.qmp("qmp_capabilities")

    def _command(self, command_line: str, paths: dict[str, Path]) -> list[str]:
        card = {"driver": "file", "filename": str(self.card), "cache": {"no-flush": True}}
        slow = {"driver": "throttle", "node-name": CARD, "throttle-group": CARD_PACE, "file": card}
        doors = "".join(f",hostfwd=tcp:127.0.0.1:{here}-:{there}" for here, there in self._doors()) + self._ways_out()
        return [
            *EMULATORS[self.arch],
            *("-accel", "tcg,thread=multi", "-smp", str(PROCESSORS), "-m", str(self._memory_mib)),
            *("-nodefaults", "-display", "none", "-no-reboot"),
            *("-kernel", str(self._kernel), "-initrd", str(self._initrd), "-append", command_line),
            *("-chardev", f"file,id=console,path={self.console},append=on", "-serial", "chardev:console"),
            *("-qmp", f"unix:{paths['qmp']},server=on,wait=off"),
            *("-device", "virtio-serial-pci", "-chardev", f"socket,id=hand,path={paths['hand']},server=on,wait=off"),
            *("-device", "virtserialport,chardev=hand,name=drill"),
            *("-object", json.dumps({"qom-type": "throttle-group", "id": CARD_PACE})),
            *("-object", json.dumps({"qom-type": "throttle-group", "id": STICK_PACE})),
            *("-blockdev", json.dumps(slow), "-device", f"virtio-blk-pci,drive={CARD},id=disk"),
            *(
                "-netdev",
                f"user,id=net,restrict=on{doors}",
                "-device",
                "virtio-net-pci,netdev=net,romfile=",
            ),
            *("-device", "qemu-xhci,id=usb", "-device", "virtio-rng-pci"),
        ]

    def _doors(self) -> tuple[tuple[int, int], ...]:
        """Ports of this machine's loopback, each with the one of the emulated machine that it leads to."""
        return (self.port, 80), (self.tls_port, 443)

    def _ways_out(self) -> str:
        address, ports = self._reaches
        bridge = f"{sys.executable} {BRIDGE}"
        return "".join(f",guestfwd=tcp:{address}:{there}-cmd:{bridge} {here}" for there, here in ports.items())

    def wait_until_off(self, within: float) -> None:
        """Wait for it to switch itself off, or to start again, which it is not let do by itself."""
        assert self._process is not None, "started before"
        self._process.wait(within)
        self._let_go()

    def cut_power(self) -> None:
        """Pull the plug: what the machine had not written to its card is gone."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(30)
        self._let_go()

    def _let_go(self) -> None:
        for end in (self._qmp, self._hand):
            if end is not None:
                end.close()
        self._process = self._qmp = self._hand = None

    # ------------------------------------------------------------------------------ asking
    def run(self, line: str, within: float = COMMAND_SECONDS_MAX) -> Said:
        """Run a shell line in the machine as root."""
        assert self._hand is not None, "started before"
        self._asked += 1
        self._hand.send({"id": self._asked, "run": line, "within": within})
        deadline = time.monotonic() + within + COMMAND_SECONDS_MAX
        while True:
            answer = self._hand.receive(deadline - time.monotonic())
            if answer["id"] == self._asked:
                return Said(answer["code"], answer["output"])

    def tell(self, line: str, within: float = COMMAND_SECONDS_MAX) -> str:
        """As `run`, of a line that must succeed; what it wrote."""
        said = self.run(line, within)
        if said.code:
            raise DrillError(f"`{line}` ended with {said.code}: {said.text[-2_000:]}")
        return said.text.strip()

    def properties(self, unit: str, *names: str) -> dict[str, str]:
        """What systemd knows of a unit."""
        wanted = " ".join(f"-p {name}" for name in names)
        lines = self.tell(f"systemctl show {wanted} {shlex.quote(unit)}").splitlines()
        return dict(line.partition("=")[::2] for line in lines)

    def until(self, line: str, within: float = BOOT_SECONDS_MAX, every: float = 3.0) -> float:
        """Wait until a shell line succeeds; after how many seconds. A machine that starts does not answer at first."""
        began, said = time.monotonic(), "nothing"
        while True:
            try:
                answer = self.run(line)
                if not answer.code:
                    return time.monotonic() - began
                said = answer.text
            except TimeoutError:
                pass
            if time.monotonic() - began > within:
                raise DrillError(f"`{line}` did not succeed within {within:.0f} s: {said[-2_000:]}")
            time.sleep(every)

    def qmp(self, command: str, **arguments: Any) -> Any:
        """Ask the emulator."""
        assert self._qmp is not None, "started before"
        self._qmp.send({"execute": command} | ({"arguments": arguments} if arguments else {}))
        while True:
            answer = self._qmp.receive(COMMAND_SECONDS_MAX)
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise DrillError(f"{command}: {answer['error']['desc']}")

    # ------------------------------------------------------------------------------ its disks
    def written(self) -> tuple[int, int]:
        """Writes to the card since it was switched on, and their bytes."""
        (card,) = (each for each in self.qmp("query-blockstats") if each.get("node-name") == CARD)
        return card["stats"]["wr_operations"], card["stats"]["wr_bytes"]

    def slow_down(self, writes_per_second: int, pace: str = CARD_PACE) -> None:
        """Make the card, or the stick, as slow as a bad one; 0: as fast as it is."""
        self.qmp("qom-set", path=f"/objects/{pace}", property="limits", value={"iops-write": writes_per_second})

    def plug_in(self, stick: Path) -> None:
        """Put a USB stick into the machine."""
        file = {"driver": "file", "filename": str(stick), "cache": {"no-flush": True}}
        slow = {"driver": "throttle", "node-name": "stick", "throttle-group": STICK_PACE, "file": file}
        self.qmp("blockdev-add", **slow)
        self.qmp("device_add", driver="usb-storage", id="stick", drive="stick", bus="usb.0", removable=True)

    def pull_out(self) -> None:
        """Take it out again, without a word to the machine."""
        self.qmp("device_del", id="stick")
        self._wait_for(self._stick_is_gone, 60)

    def _stick_is_gone(self) -> bool:
        try:
            self.qmp("blockdev-del", **{"node-name": "stick"})
        except DrillError:
            return False
        return True

    @staticmethod
    def _wait_for(true: Callable[[], bool], within: float) -> None:
        deadline = time.monotonic() + within
        while not true():
            if time.monotonic() > deadline:
                raise DrillError("the emulator does not do what it is asked")
            time.sleep(0.1)


def free_port() -> int:
    """One of this machine's loopback that nobody has now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
