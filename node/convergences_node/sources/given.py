# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files that people have put on the node from their own machines, each the source of that name."""

from __future__ import annotations

from pathlib import Path

from .declaration import FOLDER

FILES = "files"
"""Below `sources/`."""


def given_file(folder: Path, name: str) -> Path:
    """Where the file of a source of that name is, if it was put here by somebody."""
    return folder / FOLDER / FILES / name


def is_given(name: str, where: str) -> bool:
    """Whether what a source is declared to be is such a file of its own."""
    return where == f"{FOLDER}/{FILES}/{name}"
