# SPDX-License-Identifier: AGPL-3.0-or-later
"""Where the suites that others wrote are: beside the repository, in `../shared/data/conformance`, never copied in."""

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

SUITES = Path(__file__).resolve().parents[3] / "shared" / "data" / "conformance"


@pytest.fixture(scope="session")
def suite() -> Callable[[str], Path]:
    """The folder or file of a suite by its name; the test is skipped, and says so aloud, when it is not there."""

    def find(name: str) -> Path:
        path = SUITES / name
        if not path.exists():
            warnings.warn(f"conformance suite {name} is not at {path}: nothing was proved", stacklevel=2)
            pytest.skip(f"conformance suite {name} is not beside this repository")
        return path

    return find
