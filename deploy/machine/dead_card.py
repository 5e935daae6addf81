# SPDX-License-Identifier: AGPL-3.0-or-later
"""A dead card, twice, with the sheet and a stick: once a person brings the town back in a browser, and once the lines
that the operator's guide gives are typed as they stand there."""

from __future__ import annotations

import re
import shlex
import time
from pathlib import Path
from typing import Any

import image
from drilled import FOLDER, UNITS, Drill
from first_day import PASSPHRASE, SETUP_PAGE, in_a_browser, sheet_of
from machine import DrillError
from playwright.sync_api import Page
from sticks import STICK_MIB, let_go, next_backup

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "fr" / "operateur.md"
CHAPTER = "L'appareil est mort"
REBUILT_WITHIN_S = 1_800
SEARCHED_WITHIN_S = 600
OPERATOR = "camille"
HOME = "/root"
"""Where the sheet is copied to; the guide's reader has a home, too."""


def a_dead_card(drill: Drill) -> None:
    """The card is dead: the guide's own lines, the sheet and the stick make the same town again"""
    before = _last_words(drill, "Derniere")
    drill.machine.tell(f"printf %s {shlex.quote(sheet_of(drill))} >{HOME}/fiche.txt")
    for line in guide_lines():
        _type(drill, line)
    drill.wait_for_node()
    _is_the_same_town(drill, before, "Derniere")
    let_go(drill)
    drill.machine.pull_out()


def a_dead_device(drill: Drill) -> None:
    """The device is dead: in a browser, without a terminal, the sheet and the stick make the same town again"""
    before, machine = _last_words(drill, "Revenante"), drill.machine
    machine.tell(f"systemctl stop {UNITS}; mv {FOLDER} {FOLDER}.mort; systemctl start {UNITS}")
    drill.wait_for_node(SETUP_PAGE)
    began = time.monotonic()
    with in_a_browser(drill) as page:
        _bring_back(drill, page)
        drill.note("from the button to the page that asks to log in", f"{time.monotonic() - began:.0f} s emulated")
        page.get_by_label("Nom d’utilisateur", exact=True).fill(OPERATOR)
        page.get_by_label("Mot de passe", exact=True).fill(PASSPHRASE)
        page.get_by_role("button", name="Se connecter").click()
        drill.expect("page de l’opérateur" in page.inner_text("h1"), "who brought it back is its operator")
    drill.wait_for_node()
    _is_the_same_town(drill, before, "Revenante")
    let_go(drill)
    machine.pull_out()


def _last_words(drill: Drill, name: str) -> dict[str, Any]:
    """One more record, and a backup of it on the stick, which stays plugged in; how the town's log is then."""
    stick = drill.machine.folder / "stick.img"
    if not stick.exists():
        image.stick(stick, STICK_MIB)
    drill.node(f"add actor name={name} type=association")
    before: dict[str, Any] = drill.status()["log"]
    backed_up = next_backup(drill)
    drill.machine.plug_in(stick)
    backed_up()
    return before


def _bring_back(drill: Drill, page: Page) -> None:
    page.get_by_label("Code affiché par l’appareil", exact=True).fill(
        drill.machine.tell("cat /run/convergences/setup-code")
    )
    page.get_by_role("button", name="Continuer").click()
    page.get_by_role("link", name="Faire revenir une ville").click()
    for number, line in enumerate(sheet_of(drill).splitlines(), 1):
        page.get_by_label(f"Ligne {number}", exact=True).fill(line.lower())
    drill.expect(page.get_by_label("Sur la clé USB branchée").is_checked(), "the stick is what the page proposes")
    page.get_by_label("Nom d’utilisateur", exact=True).fill(OPERATOR)
    page.get_by_label("Mot de passe", exact=True).fill(PASSPHRASE)
    page.get_by_role("button", name="Faire revenir la ville").click()
    page.get_by_role("button", name="Se connecter").wait_for(timeout=REBUILT_WITHIN_S * 1_000)


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


def _is_the_same_town(drill: Drill, before: dict[str, Any], name: str) -> None:
    machine, now = drill.machine, drill.status()
    sizes = {log["origin"]: log["size"] for log in now["logs"]}
    drill.expect(sizes.get(before["origin"], 0) >= before["size"], f"all records of the town's log are there: {sizes}")
    machine.until(f"curl -sf 'http://127.0.0.1/api/v1/search?q={name}' | grep -q '\"{name}\"'", SEARCHED_WITHIN_S)
    drill.expect(drill.get(f"api/v1/search?q={name}")["items"], "residents find what was saved last")
    owners = machine.tell(f"find {FOLDER} ! -user convergences | head -3")
    drill.expect(not owners, "everything in its folder is its own")
    drill.note("what its page asks about the archive", now["doubts"] or "nothing")
    drill.size = now["log"]["size"]
