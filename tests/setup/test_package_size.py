# SPDX-License-Identifier: AGPL-3.0-or-later
"""`make deb` ends with no package that is larger than was promised."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

PACKAGE = Path(__file__).parents[2] / "deploy" / "package"


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(PACKAGE))
    spec = importlib.util.spec_from_file_location("package_build", PACKAGE / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("manual", "payload"):
        monkeypatch.delitem(sys.modules, name)
    return module


def sized(path: Path, size: int) -> Path:
    """A file of that length which takes no room."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)
    return path


def test_a_package_that_has_grown_is_refused_with_its_size(build: ModuleType, tmp_path: Path) -> None:
    package, usr = sized(tmp_path / "node.deb", 90_000_000), tmp_path / "usr"
    sized(usr / "lib/a", 200_000_000)
    sized(usr / "lib/b", 100_000_000)
    build.require_small(package, usr)
    sized(usr / "share/c", 100_000)
    with pytest.raises(SystemExit, match=r"installed 300\.1 MB, promised at most 300 MB"):
        build.require_small(package, usr)
    (usr / "share/c").unlink()
    sized(package, 90_100_000)
    with pytest.raises(SystemExit, match=r"package 90\.1 MB"):
        build.require_small(package, usr)
