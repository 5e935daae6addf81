# SPDX-License-Identifier: AGPL-3.0-or-later
"""What `deploy/package` leaves out of the libraries is missed by no node, and what it links is what was there."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import sysconfig
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
LIBRARIES = Path(sysconfig.get_path("purelib"))
OWN_OR_OPTIONAL = r"(from|import) (convergences_|__future__|duckdb\b)"
"""The last is for those who study an archive (pyproject.toml), and never in the package."""

_IMPORT = """
import json, sys
absent, wanted = json.load(sys.stdin)
class Absent:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if any(name == one or name.startswith(one + ".") for one in absent):
            raise ModuleNotFoundError(f"{name} is not in the package", name=name)
sys.meta_path.insert(0, Absent)
for statement in wanted:
    exec(statement, {})
print(sorted(set(absent) & set(sys.modules)))
"""


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """`lean` and `payload`, which are no package's modules."""
    monkeypatch.syspath_prepend(str(ROOT / "deploy" / "package"))
    return {name: __import__(name) for name in ("lean", "payload")}


def imported(source: Path) -> set[str]:
    """What a source of ours imports from elsewhere, at its top or within a function: the statements."""
    nodes = ast.walk(ast.parse(source.read_bytes()))
    found = (node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) and not getattr(node, "level", 0))
    return {text for node in found if not re.match(OWN_OR_OPTIONAL, text := ast.unparse(node))}


def test_all_that_our_sources_import_loads_without_what_is_left_out(package: dict[str, ModuleType]) -> None:
    left_out = {name.replace("-", "_") for name in package["payload"].LEFT_OUT}
    whole = {
        name
        for name, of in packages_distributions().items()
        if {one.lower().replace("-", "_") for one in of} <= left_out
    }
    assert {"grpc", "pygments", "rdflib"} <= whole
    parts = {name.removesuffix(".py").replace("/", ".") for name in package["lean"].UNREAD if not name.endswith(".txt")}
    sources = [path for floor in ("protocol", "node", "cli") for path in (ROOT / floor).rglob("*.py")]
    wanted = {statement for path in sources for statement in imported(path)}
    assert {"from rich.live import Live", "from PIL import ImageCms"} <= wanted
    given = json.dumps([sorted(whole | parts), sorted(wanted)])
    command = [sys.executable, "-c", _IMPORT]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_what_is_left_out_is_still_there_to_leave_out(package: dict[str, ModuleType]) -> None:
    """A library that has moved its tests would bring them along unseen."""
    assert [name for name in package["lean"].UNREAD if not (LIBRARIES / name).exists()] == []
    assert set(package["payload"].LEFT_OUT) <= set(package["payload"].requirements(ROOT / "requirements.lock"))


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_stubs_headers_and_tests_go_and_the_rest_stays(package: dict[str, ModuleType], tmp_path: Path) -> None:
    kept = {
        "a/__init__.py": "1",
        "a/tests/part.py": "2",
        "a-1.dist-info/licenses/LICENSE": "3",
        "trio/testing.py": "4",
        "netaddr/eui/oui.idx": "5",
    }
    gone = {
        "a/__init__.pyi": "",
        "a/py.typed": "",
        "a/include/a.h": "6",
        "a-stubs/__init__.pyi": "7",
        "trio/_tests/test_a.py": "8",
        "netaddr/eui/oui.txt": "9",
    }
    folder = written(tmp_path, kept | gone)
    package["lean"].leave_out(folder)
    there = {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert there == kept
    assert not (folder / "a-stubs").exists() and not (folder / "a/include").exists()


def test_the_same_bytes_become_a_link_that_moves_with_its_folder(
    package: dict[str, ModuleType], tmp_path: Path
) -> None:
    first = written(tmp_path / "stage/first", {"a/b/same.py": "A = 1\n", "a/other.so": "of 3.11", "a/__init__.py": ""})
    other = written(tmp_path / "stage/other", {"a/b/same.py": "A = 1\n", "a/other.so": "of 3.13", "a/__init__.py": ""})
    package["lean"].link_twins(first, other)
    (tmp_path / "stage").rename(tmp_path / "installed")
    first, other = tmp_path / "installed/first", tmp_path / "installed/other"
    assert (other / "a/b/same.py").readlink() == Path("../../../first/a/b/same.py")
    assert (other / "a/b/same.py").read_text() == "A = 1\n"
    assert (other / "a/other.so").read_text() == "of 3.13"
    assert not (other / "a/other.so").is_symlink()
    assert not (other / "a/__init__.py").is_symlink(), "an empty file takes less than a link"
    assert not any(path.is_symlink() for path in first.rglob("*"))
