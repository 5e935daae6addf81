# SPDX-License-Identifier: AGPL-3.0-or-later
"""`make deb` ends with no package that is larger than was promised, once it is on a card with its bytecode."""

from __future__ import annotations

import compileall
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

PACKAGE = Path(__file__).parents[2] / "deploy" / "package"
OURS = ("disk_usage", "lean", "manual", "payload")


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(PACKAGE))
    spec = importlib.util.spec_from_file_location("package_build", PACKAGE / "build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in OURS:
        monkeypatch.delitem(sys.modules, name)
    return module


def sized(path: Path, size: int) -> Path:
    """A file of that length which takes no room."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(size)
    return path


def on_a_card(usr: Path) -> int:
    """What is there, in blocks of ext4; a link as short as ours takes none."""
    plain = [path for path in (usr, *usr.rglob("*")) if not path.is_symlink()]
    return sum(4096 if path.is_dir() else (path.stat().st_size + 4095) // 4096 * 4096 for path in plain)


def tree(usr: Path) -> Path:
    """A package of one library, one half of which is for each Python."""
    libraries = usr / "lib/convergences"
    for name in ("common/a/__init__.py", "common/a/b.py", "cpython-311/c/__init__.py"):
        (libraries / name).parent.mkdir(parents=True, exist_ok=True)
        (libraries / name).write_text(f"NAMES = {[f'name {number} of {name}' for number in range(900)]}\n")
    (libraries / "cpython-313/c").mkdir(parents=True)
    (libraries / "cpython-313/c/__init__.py").symlink_to("../../cpython-311/c/__init__.py")
    return usr


def test_bytecode_is_counted_as_python_makes_it(build: ModuleType, tmp_path: Path) -> None:
    usr = tree(tmp_path / "usr")
    before, counted = on_a_card(usr), build.disk_usage.installed(usr)
    for folder in ("common", "cpython-313"):
        assert compileall.compile_dir(usr / "lib/convergences" / folder, quiet=2)
    assert counted == on_a_card(usr) > before + 3 * 4096


def test_a_package_that_has_grown_is_refused_with_its_size(build: ModuleType, tmp_path: Path) -> None:
    package, usr = sized(tmp_path / "node.deb", 90_000_000), tmp_path / "usr"
    sized(usr / "lib/a", 200_000_000)
    sized(usr / "lib/b", 99_980_000)
    build.require_small(package, usr)
    sized(usr / "share/c", 100_000)
    with pytest.raises(SystemExit, match=r"installed 300\.1 MB, promised at most 300 MB"):
        build.require_small(package, usr)
    (usr / "share/c").unlink()
    sized(package, 90_100_000)
    with pytest.raises(SystemExit, match=r"package 90\.1 MB"):
        build.require_small(package, usr)


def test_bytecode_alone_can_be_too_much(build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package, usr = sized(tmp_path / "node.deb", 1), tree(tmp_path / "usr")
    monkeypatch.setattr(build, "INSTALLED_BYTES_MAX", on_a_card(usr))
    with pytest.raises(SystemExit, match="installed"):
        build.require_small(package, usr)
