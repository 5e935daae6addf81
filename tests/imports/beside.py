# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files that lie beside the repository, never copied in: without them a test says loudly that it proved nothing."""

import warnings
from pathlib import Path

import pytest

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def data(name: str) -> Path:
    """The file or folder of that name."""
    path = DATA / name
    if not path.exists():
        warnings.warn(f"{name} is not at {path}: nothing was proved", stacklevel=2)
        pytest.skip(f"{name} is not beside this repository")
    return path
