# SPDX-License-Identifier: AGPL-3.0-or-later
"""A dead card: the lines that the operator's guide gives are typed as they stand there, with the sheet and a stick."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import image
from drilled import FOLDER, Drill
from first_day import sheet_of
from machine import DrillError
from sticks import STICK_MIB, let_go, next_backup

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "fr" / "operateur.md"
CHAPTER = "L'appareil est mort"
REBUILT_WITHIN_S = 1_800
SEARCHED_WITHIN_S = 600
HOME = "/root"
"""Where the sheet is copied to; the guide's reader has a home, too."""


def a_dead_card(drill: Drill) -> None:
    """The card is dead: the guide's own lines, the sheet and the stick make the same town again"""
    machine = drill.machine
    stick = machine.folder / "stick.img"
    if not stick.exists():
        image.stick(stick, STICK_MIB)
    drill.node("add actor name=Derniere type=association")
    before = drill.status()
    backed_up = next_backup(drill)
    machine.plug_in(stick)
    backed_up()
    machine.tell(f"printf %s {shlex.quote(sheet_of(drill))} >{HOME}/fiche.txt")
    for line in guide_lines():
        _type(drill, line)
    drill.wait_for_node()
    _is_the_same_town(drill, before["log"])
    let_go(drill)
    machine.pull_out()


def guide_lines() -> list[str]:
    """What stands indented first in that chapter."""
    chapter = re.split(r"(?m)^## ", GUIDE.read_text("utf-8"))
    (told,) = [each for each in chapter if each.startswith(CHAPTER)]
    block = re.search(r"(?m)(?:^    .*\n)+", told)
    if block is None:
        raise DrillError("the guide gives no line to type")
    return [line.strip() for line in block[0].splitlines()]


def _type(drill: Drill, line: str) -> None:
    said = drill.machine.run(f"cd {HOME}; {line}", REBUILT_WITHIN_S)
    drill.expect(not said.code and "Traceback" not in said.text, f"`{line}`: {said.text.strip()[-300:] or 'done'}")


def _is_the_same_town(drill: Drill, before: dict[str, Any]) -> None:
    machine, now = drill.machine, drill.status()
    sizes = {log["origin"]: log["size"] for log in now["logs"]}
    drill.expect(sizes.get(before["origin"], 0) >= before["size"], f"all records of the town's log are there: {sizes}")
    machine.until("curl -sf 'http://127.0.0.1/api/v1/search?q=Derniere' | grep -q '\"Derniere\"'", SEARCHED_WITHIN_S)
    drill.expect(drill.get("api/v1/search?q=Derniere")["items"], "residents find what was saved last")
    owners = machine.tell(f"find {FOLDER} ! -user convergences | head -3")
    drill.expect(not owners, "everything in its folder is its own")
    drill.note("what its page asks about the archive", now["doubts"] or "nothing")
    drill.size = now["log"]["size"]
