# SPDX-License-Identifier: AGPL-3.0-or-later
"""From the kept old version to the new one, or back: each step is remembered before it is done, and may be redone."""

from __future__ import annotations

import sys

from debian_system import PACKAGE, SERVICE, SOCKET
from plain_files import digest_of, replace, sync_folder
from update_attempt import RESUME, Attempt
from update_keeping import keep_old
from update_watching import LOOK_EVERY_S, verdict

STARTS_MAX = 5
"""A machine that went down so often in ten minutes is not well either, whoever pulls its plug."""
INSTALLS_MAX = 2
DPKG_BUSY_S_MAX = 1_800.0
"""Debian's own updates may be under way; after this, dpkg is asked all the same and says so."""


def resume(attempt: Attempt) -> str:
    """Go on from wherever this attempt is, to one of its ends. Returns which."""
    steps = {"taken": keep_old, "kept": _prepare, "installing": _install, "trial": _watch, "returning": _return}
    while (step := steps.get(attempt.state["phase"])) is not None:
        step(attempt)
    _finish(attempt)
    return str(attempt.state["phase"])


def _prepare(attempt: Attempt) -> None:
    version = attempt.state["to"]
    if digest_of(attempt.debian(version)) != attempt.state["sha256"]:
        attempt.save("refused", reason={"code": "update_damaged", "params": {"version": version}})
        return
    attempt.save("installing")


def _install(attempt: Attempt) -> None:
    """A package that was half installed when the power went is installed again, once."""
    if attempt.state["installs"] >= INSTALLS_MAX:
        attempt.give_up("install_cut")
        return
    attempt.save("installing", installs=attempt.state["installs"] + 1)
    _pause(attempt)
    if _dpkg(attempt, attempt.state["to"]):
        attempt.save("trial")
    else:
        attempt.give_up("install_failed")


def _watch(attempt: Attempt) -> None:
    state = attempt.state
    if state["starts"] >= STARTS_MAX:
        attempt.give_up("starts")
        return
    attempt.save("trial", starts=state["starts"] + 1)
    _start(attempt)
    why = verdict(attempt)
    if why:
        attempt.give_up(why)
    else:
        attempt.save("confirmed", reason=None, kept={"version": state["to"], "sha256": state["sha256"]})


def _return(attempt: Attempt) -> None:
    """The old version, however often it takes: a failure ends this process, and systemd starts it again."""
    run, state = attempt.machine.run, attempt.state
    there = run("dpkg-query", "-W", "-f", "${Version}", PACKAGE).stdout.strip()
    if there not in ("", state["from"], state["to"]):
        # Somebody has installed another one by hand: it is theirs to watch.
        attempt.save("returned", reason={"code": "update_back_by_hand", "params": {}})
        return
    _pause(attempt)
    if not _dpkg(attempt, state["from"]):
        run("dpkg", "--configure", "-a")
        if not _dpkg(attempt, state["from"]):
            # Rather a node of whatever is there than none; and tried again in half a minute.
            _start(attempt)
            raise SystemExit(1)
    attempt.save("returned")


def _finish(attempt: Attempt) -> None:
    """The end of an attempt: a node that runs, one kept package, and nothing left that begins again by itself."""
    if attempt.state["phase"] == "returned" or (attempt.home / "busy").exists():
        _start(attempt)
    attempt.clear()
    (attempt.units / "multi-user.target.wants" / RESUME).unlink(missing_ok=True)
    (attempt.units / RESUME).unlink(missing_ok=True)
    attempt.machine.run("systemctl", "daemon-reload")


# ------------------------------------------------------------------------------------- the node and its package
def _pause(attempt: Attempt) -> None:
    """No node while its files change; nor after a start of the machine in between, by its units' condition."""
    _await_dpkg(attempt)
    replace(attempt.home / "busy", b"", 0o644)
    attempt.machine.run("systemctl", "stop", SOCKET, SERVICE)


def _await_dpkg(attempt: Attempt) -> None:
    """Wait for whoever has dpkg's lock, with the node still running (dpkg(1), lock-frontend)."""
    machine = attempt.machine
    until = machine.monotonic() + DPKG_BUSY_S_MAX
    while machine.is_dpkg_busy() and machine.monotonic() < until:
        machine.sleep(LOOK_EVERY_S)


def _dpkg(attempt: Attempt, version: str) -> bool:
    done = attempt.machine.run("dpkg", "--force-downgrade,confold", "--install", str(attempt.debian(version)))
    print(done.stdout, done.stderr, file=sys.stderr)
    attempt.machine.run("sync")  # the bytecode that the package makes is synced by nobody else
    return done.returncode == 0


def _start(attempt: Attempt) -> None:
    (attempt.home / "busy").unlink(missing_ok=True)
    sync_folder(attempt.home)
    run = attempt.machine.run
    run("systemctl", "daemon-reload")
    run("systemctl", "reset-failed", SOCKET, SERVICE)
    run("systemctl", "start", SOCKET)
    run("systemctl", "start", "--no-block", SERVICE)
