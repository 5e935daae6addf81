# SPDX-License-Identifier: AGPL-3.0-or-later
"""Boot a blank machine, emulated, and live a node's life on it: first boot, first day, watchdog, sticks, pulled plugs.

    make deb
    python deploy/machine/drill.py --deb dist/convergences_0.1.0_amd64.deb --arch amd64

Needs root, this project's `.venv`, and of Debian: qemu-system-x86 or qemu-system-arm, mmdebstrap, fdisk, dosfstools,
mtools, e2fsprogs, chromium; for arm64 on another processor also qemu-user-static and binfmt_misc mounted. The blank
machine is built once and kept in `build/machine`; an emulated machine is slow: a drill takes from half an hour on.

Each act says what it found; the first thing that is not as promised ends the drill with code 1, and the machine's own
journal is kept beside its card. The acts stand in the order of a node's life and build on each other. Never part of CI.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import image
from acts import ACTS
from agglomeration import ADDRESS, Agglomeration
from drilled import Drill
from machine import CONSOLES, MEMORY_MIB, NICE, DrillError, Machine
from playwright.sync_api import Error as BrowserError

ROOT = Path(__file__).resolve().parents[2]
NAME = "stains"
"""Of the machine, on its network."""
DEVICE_SECONDS_MAX = 1_800
"""For a device to be found: systemd waits a minute and a half, in which an emulated one may not even see its screen."""
SUITES = ("trixie", "bookworm")
"""Debian 13, whose first boot is cloud-init's, and Debian 12, whose first boot is a script's."""


def main() -> int:
    """Drill; 0 if everything was as promised."""
    options = _options()
    prefix = f"{options.suite}-{options.arch}-"
    folder = options.go_on or Path(tempfile.mkdtemp(prefix=prefix, dir=_made(options.cache)))
    print(f"{options.suite}, {options.arch}, {options.memory} MiB: {folder}", flush=True)
    blank = image.blank(options.suite, options.arch, options.cache)
    card = folder / "card.img"
    if not options.go_on:
        subprocess.run(["cp", "--sparse=always", str(blank.card), str(card)], check=True)
        _prepare(card, folder / "boot", options)
    agglomeration = Agglomeration(folder)
    kernel, reaches = (blank.kernel, blank.initrd), (ADDRESS, agglomeration.ports)
    machine = Machine(folder, options.arch, card, *kernel, options.memory, options.nice, reaches)
    with agglomeration, machine:
        drill = Drill(machine, NAME, options.suite, options.cache, agglomeration)
        if options.go_on:
            agglomeration.start()
            drill.switch_on()
            drill.wait_for_node()
            drill.size = drill.status()["log"]["size"]
        return _play(drill, _wanted(options))


def _wanted(options: argparse.Namespace) -> list[Callable[[Drill], None]]:
    names = [act.__name__ for act in ACTS]
    later = ACTS[names.index(options.since) if options.since else 0 :]
    return [act for act in later if not options.only or act.__name__ in options.only]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--deb", type=Path, required=True, help="convergences_…_<arch>.deb")
    parser.add_argument("--arch", choices=sorted(CONSOLES), default="amd64")
    parser.add_argument("--suite", choices=SUITES, default=SUITES[0], help="release of Debian")
    parser.add_argument("--memory", type=int, default=MEMORY_MIB, help="MiB; a Zero 2 W has 512")
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "machine", help="where blank machines are kept")
    known = [act.__name__ for act in ACTS]
    parser.add_argument("--only", nargs="+", choices=known, help="these acts alone; most need the first two")
    parser.add_argument("--since", choices=known, help="this act and all after it")
    again = "the folder of an earlier drill, whose machine had its town: its card is switched on again"
    parser.add_argument("--go-on", type=Path, metavar="FOLDER", help=again)
    parser.add_argument("--nice", type=int, default=NICE, help="of the emulator")
    return parser.parse_args()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _prepare(card: Path, boot: Path, options: argparse.Namespace) -> None:
    """What a person does on any computer: prepare.py on the card's boot partition, as Imager leaves it."""
    boot.mkdir()
    line = (
        f"console=tty1 console={CONSOLES[options.arch]},115200 root=LABEL=rootfs rootfstype=ext4 rootwait net.ifnames=0"
        f" systemd.default_device_timeout_sec={DEVICE_SECONDS_MAX}"
    )
    (boot / "cmdline.txt").write_text(line + "\n")
    if options.suite == "trixie":
        (boot / "user-data").write_text("#cloud-config\n")
        (boot / "meta-data").write_text("instance-id: rpios-image\n")
    prepare = [str(ROOT / "deploy/raspberry-pi/prepare.py"), str(boot), "--package", str(options.deb), "--name", NAME]
    subprocess.run([sys.executable, *prepare], check=True)
    image.into_fat(card, boot)


def _play(drill: Drill, acts: list[Callable[[Drill], None]]) -> int:
    for act in acts:
        began = time.monotonic()
        print(f"\n== {(act.__doc__ or '').splitlines()[0]}", flush=True)
        try:
            act(drill)
        except (DrillError, BrowserError, OSError, AssertionError, ValueError) as error:
            print(f"NOT AS PROMISED: {error}", flush=True)
            drill.keep_journal()
            return 1
        finally:
            print(f"   ({time.monotonic() - began:.0f} s)", flush=True)
    print("\n" + drill.table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
