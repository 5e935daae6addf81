# SPDX-License-Identifier: AGPL-3.0-or-later
"""How much of a card the installed package takes, with the bytecode that `files/postinst` has Python make there.

Counted as `du` counts on ext4: whole blocks, folders too. The bytecode is compiled here and kept nowhere, by the Python
that runs this: 3.11's took 44.0 MB when 3.13's took 41.1 (the libraries of November 2026).
"""

from __future__ import annotations

import marshal
import warnings
from pathlib import Path

BLOCK_BYTES = 4096
LINK_BYTES_MAX = 59
"""A longer link has a block of its own (ext4's documentation, "Symbolic Links")."""
HEADER_BYTES = 16
"""Before the code in a `.pyc` (PEP 552)."""


def installed(usr: Path) -> int:
    """Bytes that all of `usr` takes once it is on a card, with one Python's bytecode: that of which there is more."""
    libraries = usr / "lib/convergences"
    own = [_bytecode(folder) for folder in libraries.glob("cpython-*")]
    return sum(_taken(path) for path in (usr, *usr.rglob("*"))) + _bytecode(libraries / "common") + max(own, default=0)


def _taken(path: Path) -> int:
    size = path.lstat().st_size
    if path.is_symlink():
        return BLOCK_BYTES if size > LINK_BYTES_MAX else 0
    return BLOCK_BYTES if path.is_dir() else _blocks(size)


def _bytecode(folder: Path) -> int:
    """What `compileall` would add below `folder`: a file for each source, and a `__pycache__` where there is one."""
    sources = list(folder.rglob("*.py"))
    files = sum(_blocks(HEADER_BYTES + _code_bytes(path)) for path in sources)
    return files + BLOCK_BYTES * len({path.parent for path in sources})


def _code_bytes(source: Path) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries' own sources, which are not ours to mend
        return len(marshal.dumps(compile(source.read_bytes(), str(source), "exec", dont_inherit=True)))


def _blocks(size: int) -> int:
    return -(-size // BLOCK_BYTES) * BLOCK_BYTES
