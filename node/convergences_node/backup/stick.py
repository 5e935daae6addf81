# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where a backup goes if nothing else is said: the folder of the settings, or else the stick that is plugged in.

The package's units put a stick at one place (decision 90), where it is mounted while somebody looks into it. So asking
whether there is one must not look into it.
"""

from __future__ import annotations

import os
from pathlib import Path

STICK = Path("/media/stick")
"""Where `deploy/package/files/stick` puts it."""


def usual_target(folder: str, stick: Path = STICK) -> str:
    """`folder`, which is that of the settings, or the stick's; empty if there is neither."""
    return folder or (str(stick) if os.path.ismount(stick) else "")
