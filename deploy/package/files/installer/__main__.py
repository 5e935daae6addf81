# SPDX-License-Identifier: AGPL-3.0-or-later
"""Installs a signed release of the package, watches it for ten minutes, and puts the old one back if it is not well.

The node may install nothing: it leaves a release in its folder and a wish in its runtime folder, and systemd starts
`installer take` as root. What was left there is copied, checked against the keys of the installed package, and from
then on only the copy counts. Everything after is done by a *copy of this program* that the new package does not own,
started by a unit that it does not own either: a package that is broken to the bone is taken back all the same.
After a power cut at any place, `installer resume` goes on. Only Python's own library is imported: see decision 88.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import sys

from debian_system import Machine
from update_attempt import RESUME, Attempt
from update_installing import resume
from update_taking import take


def main(arguments: list[str], machine: Machine | None = None) -> int:
    parser = argparse.ArgumentParser(prog="installer", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("take", "resume"))
    what = parser.parse_args(arguments).what
    machine = machine or Machine()
    home = machine.root / "var/lib/convergences-update"
    home.mkdir(mode=0o755, parents=True, exist_ok=True)
    begun = False
    # Root's alone to open: whoever may read a file may hold its lock, and no update would begin, or be taken back.
    with os.fdopen(os.open(home / "lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600), "w") as lock:
        os.fchmod(lock.fileno(), 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another one is at work", file=sys.stderr)
            return 0
        attempt = Attempt(machine)
        if what == "take":
            begun = take(attempt)
        else:
            print(f"the update: {resume(attempt)}", file=sys.stderr)
    if begun:
        machine.run("systemctl", "start", "--no-block", RESUME)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
