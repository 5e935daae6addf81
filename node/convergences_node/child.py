# SPDX-License-Identifier: AGPL-3.0-or-later
"""How a process of the node starts another one, which is a module of ours.

Without `-P`, Python looks for modules in the folder that a command was given in before it looks for its own: a file
that somebody left in `/tmp` would run as whoever asks for an index there, or has an archive verified.
"""

from __future__ import annotations

import sys


def command_of(module: str, *arguments: str) -> list[str]:
    """What starts a module, by its whole name, with this Python."""
    return [sys.executable, "-P", "-m", module, *arguments]
