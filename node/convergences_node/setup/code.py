# SPDX-License-Identifier: AGPL-3.0-or-later
"""The one-time code: whoever reads the machine's own console may set it up, and nobody else on the network.

Twelve signs of Crockford's base32 are sixty bits: at one attempt a second, which is what all strangers together are
given, it would take thirty thousand million years. It is shown on standard error (the journal, under systemd) and in
a file that only its owner and root can read, from where the package shows it on the screen. It is good once: who gave
it holds the setup, and a new one is made when that person has been silent for half an hour.
"""

from __future__ import annotations

import hmac
import logging
import os
import secrets
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUPS, GROUP_CHARS = 3, 4
UNDERSTOOD = str.maketrans("OIL", "011", " -.")
CODE_CHARS_MAX = 40
"""What a person may type, with spaces and dashes."""
CODE_NAME = "setup-code"
CODE_MODE = 0o600

Show = Callable[[str | None], None]
"""Told the code when there is a new one, and None when there is none any more."""


class OneTimeCode:
    """The code of the moment, if there is one."""

    def __init__(self, show: Show, draw: Callable[[int], int] = secrets.randbelow) -> None:
        self._show = show
        self._draw = draw
        self._code: str | None = None

    @property
    def is_out(self) -> bool:
        """Whether there is a code to be given."""
        return self._code is not None

    def renew(self) -> None:
        """Make another one, and show it."""
        signs = "".join(ALPHABET[self._draw(len(ALPHABET))] for _ in range(GROUPS * GROUP_CHARS))
        self._code = "-".join(signs[at : at + GROUP_CHARS] for at in range(0, len(signs), GROUP_CHARS))
        self._show(self._code)

    def redeem(self, text: str) -> bool:
        """Whether this is the code; then it is spent. Small letters, spaces, and O for 0 or I for 1 are understood."""
        given = plain(text[:CODE_CHARS_MAX])
        expected = plain(self._code or "")
        if not expected or not hmac.compare_digest(given.encode(), expected.encode()):
            return False
        self._code = None
        self._show(None)
        return True


def plain(text: str) -> str:
    """A code without what makes it readable."""
    return text.strip().upper().translate(UNDERSTOOD)


class Console:
    """Where a code is shown: the log, and a file for the screen of the machine."""

    def __init__(self, folder: Path | None) -> None:
        self._path = folder / CODE_NAME if folder else None

    def __call__(self, code: str | None) -> None:
        """Show it, or take it away."""
        if code is not None:
            log.warning("the code for the setup page is %s", code)
        if self._path is None:
            return
        self._path.unlink(missing_ok=True)
        if code is not None:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, CODE_MODE)
            with os.fdopen(descriptor, "w") as file:
                file.write(f"{code}\n")


def console_folder() -> Path | None:
    """Where systemd lets the service keep what must not outlive it (RuntimeDirectory=, systemd.exec(5))."""
    named = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(named) if named else None
