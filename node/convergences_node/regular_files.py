# SPDX-License-Identifier: AGPL-3.0-or-later
"""Reading from a folder that somebody else has filled, such as a stick's: a name there may be a pipe's.

To open a pipe waits for whoever would write to it, for ever, and keeps a thread of the node.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

NOT_REGULAR = "Not a regular file"
"""The words of EFTYPE, which Linux has not."""


def open_regular(path: Path) -> BinaryIO:
    """A file, to be read. OSError where there is none of that name, or something else than a file."""
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, NOT_REGULAR, str(path))
    return path.open("rb")
