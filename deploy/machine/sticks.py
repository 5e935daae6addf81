# SPDX-License-Identifier: AGPL-3.0-or-later
"""A USB stick is plugged in: it is mounted safely, a backup is written to it by itself, and it may be pulled out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
    backed_up = next_backup(drill)
    machine.plug_in(stick)
    machine.until("systemctl is-active --quiet media-stick.automount", BACKED_UP_WITHIN_S)
    options = machine.tell("ls /media/stick >/dev/null; findmnt -n -t vfat -o OPTIONS --target /media/stick")
    drill.expect(all(name in options.split(",") for name in SAFE), f"it is mounted, and harmless: {options}")
    backed_up()
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
    backed_up = next_backup(drill)
    machine.plug_in(stick)
    made = backed_up()
    let_go(drill)
    machine.pull_out()
    names = image.names_in_fat(stick)
    kept = sorted(Path(name).name for name in names if name.endswith(".age"))
    drill.expect(not any(name.endswith(".part") for name in names), f"nothing half is left, {made} is made: {kept}")
    drill.expect(kept[0].endswith("-000001.age"), "the first backup is as it was")


def next_backup(drill: Drill) -> Callable[[], str]:
    """Asked before the plug: what then waits for the backup that it brings about, and names its file.

    Its number says nothing: each stick counts its own, and whatever is plugged in meanwhile gets one.
    """
    before = _last_backup(drill).get("made_at")

    def wait() -> str:
        began = time.monotonic()
        while (last := _last_backup(drill)).get("made_at") == before:
            if time.monotonic() - began > BACKED_UP_WITHIN_S:
                raise DrillError(f"no backup came: {last}")
            time.sleep(2)
        name = Path(last["path"]).name
        drill.note(f"from the plug to {name}", f"{time.monotonic() - began:.0f} s emulated")
        return name

    return wait


def _last_backup(drill: Drill) -> dict[str, Any]:
    found: dict[str, Any] = drill.status().get("backup", {})
    return found


def let_go(drill: Drill) -> None:
    """Wait until the stick is mounted no more, so that it may be pulled out or read from outside."""
    # Read from the kernel's list: whoever walks to the place itself, as findmnt does, is somebody who looks into it.
    drill.machine.until("! grep -q ' /media/stick vfat ' /proc/self/mounts", LET_GO_WITHIN_S)
