# SPDX-License-Identifier: AGPL-3.0-or-later
"""A USB stick is plugged in: it is mounted safely, a backup is written to it by itself, and it may be pulled out."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import image
from drilled import Drill
from machine import STICK_PACE, DrillError

STICK_MIB = 64
BACKED_UP_WITHIN_S = 600
LET_GO_WITHIN_S = 300
"""systemd lets go of it after ten seconds; an emulated machine beside other programs takes minutes for anything."""
SLOW_WRITES = 3
"""A second, so that there is a half way to pull it out at."""
SAFE = ("nosuid", "nodev", "noexec")


def a_stick(drill: Drill) -> None:
    """A stick is plugged in: the backup is on it, and on no other machine's disk"""
    machine, stick = drill.machine, image.stick(drill.machine.folder / "stick.img", STICK_MIB)
    drill.expect(not machine.run("test -d /media/stick").code, "its place is there before any stick")
    machine.plug_in(stick)
    machine.until("systemctl is-active --quiet media-stick.automount", BACKED_UP_WITHIN_S)
    options = machine.tell("ls /media/stick >/dev/null; findmnt -n -t vfat -o OPTIONS --target /media/stick")
    drill.expect(all(name in options.split(",") for name in SAFE), f"it is mounted, and harmless: {options}")
    _backed_up(drill, 1)
    let_go(drill)
    names = image.names_in_fat(stick)
    drill.expect(any(name.endswith("-000001.age") for name in names), f"the backup is on the stick: {names}")
    listed = json.loads(drill.node("backup /media/stick --list --json"))
    drill.expect("000001" in json.dumps(listed), "the node reads it back from there")
    let_go(drill)
    machine.pull_out()
    machine.until("! systemctl is-active --quiet media-stick.automount", LET_GO_WITHIN_S)
    drill.expect(not machine.tell("findmnt -n -o TARGET /media/stick || true"), "pulled out, nothing of it is left")


def pulled_out_half_way(drill: Drill) -> None:
    """It is plugged in again and pulled out while the next backup is written; then once more, and it is made"""
    machine, stick = drill.machine, drill.machine.folder / "stick.img"
    machine.slow_down(SLOW_WRITES, STICK_PACE)
    machine.plug_in(stick)
    machine.until("ls /media/stick/*.part >/dev/null 2>&1", BACKED_UP_WITHIN_S, every=0.5)
    machine.pull_out()
    machine.slow_down(0, STICK_PACE)
    machine.until("! systemctl is-active --quiet convergences-stick-backup.service media-stick.automount", 300)
    drill.wait_for_node()
    drill.expect(not drill.restarts(), "the node goes on")
    reason = drill.status().get("backup", {}).get("reason")
    drill.expect(reason, f"and says why there is no new backup: {reason}")
    machine.plug_in(stick)
    made = _backed_up(drill, 2)
    let_go(drill)
    machine.pull_out()
    names = image.names_in_fat(stick)
    kept = sorted(Path(name).name for name in names if name.endswith(".age"))
    drill.expect(not any(name.endswith(".part") for name in names), f"nothing half is left, {made} is made: {kept}")
    drill.expect(kept[0].endswith("-000001.age"), "the first backup is as it was")


def next_backup(drill: Drill) -> Callable[[Drill], str]:
    """Asked before the plug: what then waits for the backup that it brings about."""
    found = re.search(r"-(\d{6})\.age$", str(drill.status().get("backup", {}).get("path", "")))
    number = int(found[1]) + 1 if found else 1
    return lambda drill: _backed_up(drill, number)


def _backed_up(drill: Drill, number: int) -> str:
    """Wait for the backup that the plug has asked for; its file."""
    began = time.monotonic()
    while not str(path := drill.status().get("backup", {}).get("path", "")).endswith(f"{number:06}.age"):
        if time.monotonic() - began > BACKED_UP_WITHIN_S:
            raise DrillError(f"no backup came: {drill.status().get('backup')}")
        time.sleep(2)
    drill.note(f"from the plug to backup {number}", f"{time.monotonic() - began:.0f} s emulated")
    return Path(path).name


def let_go(drill: Drill) -> None:
    """Wait until the stick is mounted no more, so that it may be pulled out or read from outside."""
    # Read from the kernel's list: whoever walks to the place itself, as findmnt does, is somebody who looks into it.
    drill.machine.until("! grep -q ' /media/stick vfat ' /proc/self/mounts", LET_GO_WITHIN_S)
