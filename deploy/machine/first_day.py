# SPDX-License-Identifier: AGPL-3.0-or-later
"""From a blank card to a town: the machine installs itself, shows a code, and a person sets it up in a browser."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import image
from drilled import SERVICE, Drill
from machine import BOOT_SECONDS_MAX, DrillError
from playwright.sync_api import Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"
BROWSER = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]
PAGE_MS_MAX = 900_000
"""An emulated machine takes a minute for a page that a Pi makes in a second, and more beside other programs."""
CODE = re.compile(r"code : ([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4})")
TOWN = "FR-93072"
AGGLOMERATION = "Plaine Commune"
FIRST_RECORD = "Boulodrome"
PASSPHRASE = "quatre mots bien choisis"  # noqa: S105 - of a town that lives for a drill
ANSWERS_MAX = 12
SETUP_PAGE = ""
INSTALL_LOG = "convergences-install.log"
JOURNAL_MIB_MAX = 32
SHOWN_WITHIN_S = 300
SEARCHED_WITHIN_S = 900
BELOW_LINES_MAX = 15
"""A screen has 25 lines at least."""


def first_boot(drill: Drill) -> None:
    """A blank card installs itself and shows the setup page, without the internet"""
    machine, began = drill.machine, time.monotonic()
    drill.switch_on()
    if drill.suite == "bookworm":
        machine.wait_until_off(2 * BOOT_SECONDS_MAX)
        line = image.out_of_fat(machine.card, "cmdline.txt")
        drill.expect("systemd.run" not in line, "the first run does not come back")
        drill.switch_on()
    machine.until(f"grep -qx installed /boot/firmware/{INSTALL_LOG}", 4 * BOOT_SECONDS_MAX)
    drill.wait_for_node(SETUP_PAGE)
    drill.note("from power to the setup page", f"{(time.monotonic() - began) / 60:.0f} min emulated")
    _name_and_screen(drill)
    _journal(drill)


def _name_and_screen(drill: Drill) -> None:
    machine, page = drill.machine, drill.get("")
    drill.expect('name="code"' in page, "port 80 shows the setup page")
    code = machine.tell("cat /run/convergences/setup-code")
    drill.expect(code not in page, "the page does not show the code")
    drill.expect(_shown(drill, code), "the machine's screen shows the code above the login prompt")
    machine.until("! systemctl is-system-running | grep -qx starting", BOOT_SECONDS_MAX)
    below = machine.console.read_text("utf-8", "replace").rpartition(code)[2].count("\n")
    drill.at_most("lines on the screen below it, when all has started", below, BELOW_LINES_MAX, "lines")
    drill.expect(machine.tell("uname -n") == drill.name, "the machine has the name that was chosen")
    found = machine.tell(f"avahi-resolve-host-name -4 {drill.name}.local")
    drill.expect(found.split()[:1] == [f"{drill.name}.local"], f"mDNS answers: {found}")
    failed = machine.tell("systemctl --failed --plain --no-legend | cut -d' ' -f1")
    drill.expect("convergences" not in failed, f"no unit of ours has failed (others: {failed.split()})")


def _shown(drill: Drill, code: str) -> bool:
    """Whether the screen comes to show it: the page may be there before."""
    deadline = time.monotonic() + SHOWN_WITHIN_S
    while code not in CODE.findall(drill.machine.console.read_text("utf-8", "replace")):
        if time.monotonic() > deadline:
            return False
        time.sleep(1)
    return True


def _journal(drill: Drill) -> None:
    machine = drill.machine
    # The first minutes are there; not what came after the journal was started again with its new setting.
    since = machine.tell("systemctl show -P ActiveEnterTimestamp --timestamp=unix systemd-journald.service")
    later = int(since.removeprefix("@")) + 1  # in that second the one before may still have closed its file
    growing = machine.run(f"find /var/log/journal -name '*.journal' -newermt @{later}")
    drill.expect(not growing.text.startswith("/"), "the journal is not on the card any more")
    used = float(machine.tell("du -sm /run/log/journal | cut -f1"))
    drill.at_most("the journal in memory", used, JOURNAL_MIB_MAX, "MiB")


def first_day(drill: Drill) -> None:
    """A person sets the town up in a browser with an invitation, prints the sheet and types two words back"""
    code = drill.machine.tell("cat /run/convergences/setup-code")
    drill.agglomeration.start()
    with in_a_browser(drill) as page:
        answers = _set_up(drill, page, code, drill.agglomeration.invite(TOWN))
    drill.at_most("questions and buttons", answers, ANSWERS_MAX, "in all")
    drill.wait_for_node()
    spent = drill.machine.run("test -e /run/convergences/setup-code -o -L /etc/issue.d/convergences.issue")
    drill.expect(spent.code, "the spent code is gone, from the screen too")
    drill.size = drill.status()["log"]["size"]
    drill.expect(not drill.restarts(), f"{SERVICE} was not started a second time by systemd")


@contextmanager
def in_a_browser(drill: Drill) -> Iterator[Page]:
    """The machine's first page, as somebody on its network sees it, who reads French and has no JavaScript."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=BROWSER)
        try:
            page = browser.new_context(locale="fr", java_script_enabled=False).new_page()
            page.set_default_timeout(PAGE_MS_MAX)
            page.goto(drill.machine.address, timeout=PAGE_MS_MAX)
            yield page
        finally:
            browser.close()


def joined(drill: Drill) -> None:
    """It has joined its agglomeration by then: what is written here is found by who searches the whole territory"""
    drill.node(f"add actor name={FIRST_RECORD} type=association")
    took = _until(lambda: drill.agglomeration.finds(FIRST_RECORD), f"{AGGLOMERATION} finds what was written here")
    drill.note("from a save in the town until it is found at the agglomeration", f"{took:.0f} s emulated")
    _until(lambda: _confirmed(drill), "and has confirmed that it keeps this town's log")
    drill.size = drill.status()["log"]["size"]


def _confirmed(drill: Drill) -> bool:
    """As its operator's page says it."""
    said = {sign["name"]: sign["form"] for sign in drill.status()["signs"]}
    return said.get("agglomeration") in ("whole", "good")


def _until(true: Callable[[], bool], promise: str) -> float:
    """Wait for it; after how many seconds it came."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > SEARCHED_WITHIN_S:
            raise DrillError(f"not within {SEARCHED_WITHIN_S} s: {promise}")
        time.sleep(0.5)
    print(f"   {promise}", flush=True)
    return time.monotonic() - began


def _set_up(drill: Drill, page: Page, code: str, invitation: str) -> int:
    """Every page of the setup; how many answers were given and buttons pressed."""
    answers = 0

    def fill(label: str, text: str) -> None:
        nonlocal answers
        page.get_by_label(label, exact=True).fill(text)
        answers += 1

    def press(name: str | re.Pattern[str]) -> None:
        nonlocal answers
        page.get_by_role("button", name=name).click()
        answers += 1

    fill("Code affiché par l’appareil", code)
    press("Continuer")
    fill("Invitation de l’agglomération", invitation)
    press("Continuer avec l’invitation")
    drill.expect(f"rejoindra {AGGLOMERATION}" in page.inner_text("main"), "the page says whom the town joins")
    fill("Mot de passe", PASSPHRASE)
    press("Continuer")
    _sheet_file(drill).write_text(_copied(page), "utf-8")
    for number, word in enumerate(_words_asked(page), 1):
        page.locator(f"#word{number}").fill(word.lower())
        answers += 1
    press("Terminer l’installation")
    if "page de l’opérateur" not in page.inner_text("h1"):
        raise DrillError(f"the setup ends with {page.inner_text('h1')!r}")
    return answers + 1  # printing, which no page can press


def sheet_of(drill: Drill) -> str:
    """The lines of the town's recovery sheet, as somebody copies them from the paper."""
    return _sheet_file(drill).read_text("utf-8")


def _sheet_file(drill: Drill) -> Path:
    return drill.machine.folder / "sheet.txt"


def _copied(page: Page) -> str:
    return "".join(" ".join(row) + "\n" for row in _rows(page))


def _rows(page: Page) -> list[list[str]]:
    return [row.locator("td").all_inner_texts() for row in page.locator(".words tr").all()]


def _words_asked(page: Page) -> list[str]:
    """The words that are to be typed back, read from the sheet."""
    rows = _rows(page)
    places = [tuple(map(int, re.findall(r"\d+", label))) for label in page.locator("form label").all_inner_texts()]
    return [rows[line - 1][place - 1] for line, place in places]
