# SPDX-License-Identifier: AGPL-3.0-or-later
"""A signed update from a stick, by the real units: refused if it is not signed, taken back if it is not well, kept."""

from __future__ import annotations

import json
import shlex
from typing import Any

import image
import releases
from drilled import FOLDER, SERVICE, Drill
from machine import BOOT_SECONDS_MAX, DrillError
from sticks import let_go

STICK_MIB = 400
STICK_WITHIN_S = 600
STAGED_WITHIN_S = 1_800
ENDED_WITHIN_S = 5_400
"""Two installations by an emulated dpkg, the ten minutes of the trial, and what a first start takes."""
HOME = "/var/lib/convergences-update"
RESUME = "convergences-update-resume.service"


def a_wrong_update(drill: Drill) -> None:
    """A stranger's release, and an altered package: the node refuses both, and so does root's installer"""
    shelf = _Shelf(drill)
    shelf.trust()
    stranger = releases.key(shelf.folder, "stranger")
    for by, altered, what in ((stranger, False, "signed by a stranger"), (shelf.key, True, "altered once signed")):
        shelf.put(releases.GOOD, by, altered=altered)
        _refused(drill, "update stage /media/stick", what)
        _past_the_node(drill)
        shelf.pull_out()


def _refused(drill: Drill, line: str, what: str) -> None:
    said = drill.machine.run(f"sudo -u convergences convergences {line} --folder {FOLDER}", STAGED_WITHIN_S)
    drill.expect(said.code and "Traceback" not in said.text, f"{what}: {said.text.strip()[:200]}")


def _past_the_node(drill: Drill) -> None:
    """The files and the wish, put there by somebody who has become the node's user: root asks for the signature."""
    machine = drill.machine
    stage = f"""
        rm -rf {FOLDER}/update
        install -d -m 0700 {FOLDER}/update
        cp /media/stick/*_{releases.GOOD}_*.deb {FOLDER}/update/package.deb
        cp /media/stick/convergences-{releases.GOOD}.release {FOLDER}/update/release
        touch /run/convergences/update-apply
    """
    machine.tell(f"rm -f {HOME}/state.json")  # what it says afterwards, it says of this one
    machine.tell(f"sudo -u convergences sh -ec {shlex.quote(stage)}", STAGED_WITHIN_S)
    state = _end(drill)
    drill.expect(state["phase"] == "refused", f"root's installer refuses it too: {state['reason']}")
    machine.tell(f"rm -rf {FOLDER}/update")
    drill.expect(machine.run("test -e /run/convergences/update-apply").code, "and the wish is gone")


def an_update_that_fails(drill: Drill) -> None:
    """A signed version whose node does not start: the one before is back by itself"""
    shelf = _Shelf(drill)
    before = _version(drill)
    shelf.put(releases.BAD, shelf.key)
    _update(drill, releases.BAD)
    shelf.pull_out()
    state = _end(drill)
    drill.expect(state["phase"] == "returned", f"it was taken back: {state['reason']}")
    _well(drill, before)


def an_update(drill: Drill) -> None:
    """A signed version that is well: kept after its ten minutes"""
    shelf = _Shelf(drill)
    shelf.put(releases.GOOD, shelf.key)
    _update(drill, releases.GOOD)
    shelf.pull_out()
    state = _end(drill)
    drill.expect(state["phase"] == "confirmed", f"it is kept: {state['reason']}")
    _well(drill, releases.GOOD)


class _Shelf:
    """The drill's key and its stick."""

    def __init__(self, drill: Drill) -> None:
        self._drill = drill
        self.folder = drill.machine.folder / "releases"
        self.folder.mkdir(exist_ok=True)
        known = self.folder / "known"
        if not known.exists():
            known.write_text(releases.key(self.folder, "drill").line + "\n", "utf-8")
        self.key = releases.Key(self.folder / "drill.key", known.read_text("utf-8").strip())

    def trust(self) -> None:
        """The machine is to know the drill's key, as if its package had been built with it."""
        path, sums = f"{releases.LIBRARIES}/release-keys", "/var/lib/dpkg/info/convergences.md5sums"
        self._drill.machine.tell(f"echo {shlex.quote(self.key.line)} >/{path}")
        self._drill.machine.tell(f'cd /; sed -i "\\|  {path}$|d" {sums}; md5sum {path} >>{sums}; sync')
        altered = self._drill.machine.tell("dpkg --verify convergences", 600)
        self._drill.expect(not altered, "dpkg finds the installed package whole")

    def put(self, version: str, by: releases.Key, *, altered: bool = False) -> None:
        """Make a release of this version and plug in a stick that holds it; `altered`: not as it was signed."""
        (package,) = self._drill.machine.folder.glob("boot/*.deb")
        made = releases.repacked(package, version, self.key.line + "\n", self.folder)
        shelf = self._drill.machine.folder / "on-stick"
        shelf.mkdir(exist_ok=True)
        for old in shelf.iterdir():
            old.unlink()
        made = made.rename(shelf / made.name)
        releases.signed(shelf, version, by)
        if altered:
            releases.alter(made)
        stick = image.stick(self._drill.machine.folder / "releases.img", STICK_MIB)
        image.into_fat(stick, shelf)
        self._drill.machine.plug_in(stick)
        self._drill.machine.until("systemctl is-active --quiet media-stick.automount", STICK_WITHIN_S)

    def pull_out(self) -> None:
        """Nothing on it is wanted any more."""
        let_go(self._drill)
        self._drill.machine.pull_out()
        self._drill.machine.until("! systemctl is-active --quiet media-stick.automount", STICK_WITHIN_S)


def _update(drill: Drill, version: str) -> None:
    """As an operator does it: prepare what is on the stick, then wish for it."""
    said = json.loads(drill.node(f"update stage /media/stick --version {version} --json", STAGED_WITHIN_S))
    drill.expect(said["version"] == version, f"the node has checked and copied it: {said}")
    drill.size = drill.status()["log"]["size"]
    drill.node("update apply")


def _end(drill: Drill) -> dict[str, Any]:
    """Wait for the installer's end, whatever it is."""
    machine = drill.machine
    ended = f'grep -q \'"phase": "\\(confirmed\\|returned\\|refused\\)"\' {HOME}/state.json'
    idle = f"! systemctl show -P ActiveState {RESUME} convergences-update.service | grep -qvxE '(inactive|failed)?'"
    machine.until(f"test ! -e /run/convergences/update-apply && {ended} && {idle}", ENDED_WITHIN_S, 10)
    state: dict[str, Any] = json.loads(machine.tell(f"cat {HOME}/state.json"))
    return state


def _version(drill: Drill) -> str:
    return drill.machine.tell("dpkg-query -W -f '${db:Status-Abbrev}${Version}' convergences").removeprefix("ii ")


def _well(drill: Drill, version: str) -> None:
    """That version runs with all that was there, and nothing of the update is left."""
    machine = drill.machine
    drill.expect(_version(drill) == version, f"{version} is installed")
    machine.until(f"systemctl is-active --quiet {SERVICE}", BOOT_SECONDS_MAX)
    drill.wait_for_node()
    drill.expect(drill.status()["log"]["size"] >= drill.size, "every record is there")
    drill.expect(not machine.tell("dpkg --verify convergences", 600), "dpkg finds the package whole")
    left = machine.run(f"test -e /etc/systemd/system/{RESUME} -o -e {HOME}/busy")
    if not left.code:
        raise DrillError("something of the update is left, and would begin again")
