# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the libraries of a package hold that no node reads, and what lies there twice: neither takes room on a card.

A file that stays is as its maker published it, to the byte. Licences stay, whatever else of a library goes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from filecmp import cmp
from pathlib import Path

SUFFIXES = (".c", ".h", ".hash", ".pxd", ".pxi", ".pyi", ".pyx", ".typed")
"""For compilers and type checkers. Nothing of it is read when a library is imported."""
UNREAD = (
    "Crypto/SelfTest",
    "async_generator/_tests",
    "certifi/tests",
    "docs",
    "examples",
    "icalendar/tests",
    "ifaddr/test_ifaddr.py",
    "interop",
    "netaddr/eui/iab.txt",
    "netaddr/eui/oui.txt",
    "netaddr/tests",
    "newsfragments",
    "recurring_ical_events/test",
    "sniffio/_tests",
    "stubs",
    "trio/_core/_tests",
    "trio/_tests",
    "trio_typing/_tests",
)
"""The libraries' own tests, what libp2p's wheel lays beside it, and the makers of all network cards, whom netaddr
can name. By their whole paths, for elsewhere a folder `tests` may be a part of the library.
`tests/setup/test_package_lean.py` does without them."""


def leave_out(folder: Path) -> None:
    """Take from a folder of unpacked libraries what no node reads, and the folders that are empty without it."""
    for name in UNREAD:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for path in [path for path in _files(folder) if path.suffix in SUFFIXES]:
        path.unlink()
    for path in sorted((path for path in folder.rglob("*") if path.is_dir()), reverse=True):
        if not any(path.iterdir()):
            path.rmdir()


def link_twins(first: Path, other: Path) -> None:
    """Make each file of `other` that `first` has too, at the same place and with the same bytes, a link to that one.

    Files, not folders: a library is imported from one folder, and its bytecode is written there.
    """
    for path in _files(other):
        twin = first / path.relative_to(other)
        if twin.is_file() and path.stat().st_size and cmp(twin, path, shallow=False):
            path.unlink()
            path.symlink_to(os.path.relpath(twin, path.parent))


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
