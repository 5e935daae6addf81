# SPDX-License-Identifier: AGPL-3.0-or-later
"""Sessions with nodes that run: an agglomeration invites a town, and finds what the town writes."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from convergences_node.control import is_running

from .conftest import EXAMPLE, Terminal

WITHIN = 60.0


def until(true: Callable[[], bool]) -> None:
    """Wait for what cannot be awaited: another process's state."""
    deadline = time.monotonic() + WITHIN
    while not true():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)


@contextmanager
def serving(terminal: Terminal, folder: str) -> Iterator[None]:
    """`convergences serve`, until the end of the `with`, on ports that the system gives, on this machine alone."""
    settings = Path(folder, "convergences.toml")
    text = settings.read_text("utf-8").replace("/ip4/0.0.0.0/tcp/4750", "/ip4/127.0.0.1/tcp/0")
    settings.write_text(text.replace("zeroconf = true", "zeroconf = false"), "utf-8")
    command = [sys.executable, "-c", "from convergences_cli.main import main; main()", "serve", "--folder", folder]
    with Path(f"{folder}.log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log)
    try:
        until(lambda: process.poll() is not None or is_running(Path(folder)))
        assert process.poll() is None, Path(f"{folder}.log").read_text("utf-8")
        until(lambda: terminal.done(f"status --folder {folder} --json").json["network"]["libp2p"] == "running")
        yield
    finally:
        process.terminate()
        assert process.wait(WITHIN) == 0, "a node stops cleanly when it is told to"


def test_a_town_joins_and_what_it_writes_is_found_at_the_agglomeration(terminal: Terminal) -> None:
    """Invite, join, import, search elsewhere, follow, charter, peers: what an operator does on the first day."""
    terminal.done("init 200057867 --folder pc --port 0")
    terminal.done("init 93059 --folder pi --port 0")
    with serving(terminal, "pc"), serving(terminal, "pi"):
        invitation = terminal.done("invite 93059 --folder pc")
        assert "for FR-93059, until 20" in invitation.err
        Path("pi.invitation").write_text(invitation.out, "utf-8")
        assert terminal.done("join pi.invitation --folder pi").out == "FR-93059 has joined Plaine Commune\n"
        assert terminal.done("join pi.invitation --folder pi").out == "FR-93059 had already joined Plaine Commune\n"
        terminal.done(f"import {EXAMPLE}/themes.ndjson --mapping {EXAMPLE}/themes.toml --folder pc")
        terminal.done(f"import {EXAMPLE}/records/93059.ndjson --mapping {EXAMPLE}/mapping.toml --folder pi")
        size = terminal.done("status --folder pi --json").json["log"]["size"]

        def held() -> int:
            logs = terminal.done("follow --folder pc --json").json["logs"]
            return next(int(log["size"]) for log in logs if log["territory"] == "FR-93059")

        until(lambda: held() == size)
        assert "Pierrefitte" in terminal.done("search pierrefitte --in 93059 --folder pc").out
        assert "FR-93059" in terminal.done("charter show --folder pi").out
        assert " yes " in f" {terminal.done('peers --folder pi').words} "
        assert terminal.done("follow all --folder pi").out.startswith("logs kept here: all")
        wrong = terminal.type("invite 93059 --folder pi")
        assert (wrong.code, wrong.err) == (1, "error: Only an agglomeration’s node has a charter to write in.\n")


def test_an_invitation_for_another_town_is_refused(terminal: Terminal) -> None:
    """By the town itself, before it says a word to anybody."""
    terminal.done("init 200057867 --folder pc")
    terminal.done("init 93066 --folder sd")
    text = terminal.done("invite 93001 --address http://127.0.0.1:9/ --folder pc").out.strip()
    seen = terminal.type(f"join {text} --folder sd")
    assert seen.code == 1
    assert seen.err.startswith("refused: The invitation is for FR-93001, and this log is that of FR-93066.")
    assert terminal.type("join nonsense --folder sd").code == 2
