# SPDX-License-Identifier: AGPL-3.0-or-later
"""Three floors, and stairs that only go down; read from the sources, so that no import can hide inside a function.

`protocol/` touches no file, socket, clock or dice; `node/` does not know `cli/`; and nothing lists the kinds by hand.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from convergences_protocol.kinds import KINDS

ROOT = Path(__file__).resolve().parents[1]
FLOORS = {name: ROOT / name / f"convergences_{name}" for name in ("protocol", "node", "cli")}

_PURE_TEXT = """
    __future__ abc base64 binascii bisect calendar collections contextlib copy dataclasses enum functools hashlib heapq
    hmac importlib itertools json math operator pkgutil re string struct textwrap types typing unicodedata
"""
PURE = frozenset(_PURE_TEXT.split())
"""What the protocol may take from the standard library; `importlib` and `pkgutil` let `kinds/` find its own files."""

PURE_PARTS = {
    "random": {"Random"},  # dice are handed in, so their type may be named
    "datetime": {"date", "datetime", "timedelta", "timezone", "UTC"},  # a calendar, as long as nobody asks for now
}
CLOCK_CALLS = {"now", "utcnow", "today", "open", "print", "input", "exec", "eval", "breakpoint"}
EXTERNAL = {"cbor2", "ed25519_zebra", "nacl"}
"""The libraries that the protocol stands on: bytes in a known order, and signatures."""


def sources(floor: str) -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(FLOORS[floor].rglob("*.py")):
        yield path, ast.parse(path.read_text("utf-8"))


def imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Every absolute import as (module, name); the name is empty for `import module`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from ((node.module or "", alias.name) for alias in node.names)


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_protocol_reaches_nothing() -> None:
    found = []
    for path, tree in sources("protocol"):
        for module, name in imports(tree):
            top = module.partition(".")[0]
            pure = name in PURE_PARTS[top] if top in PURE_PARTS else top in PURE
            if not (pure or top in EXTERNAL or top == "convergences_protocol"):
                found.append(f"{shown(path)} imports {module} {name}")
    assert found == []


def test_the_protocol_asks_no_clock_and_opens_nothing() -> None:
    found = []
    for path, tree in sources("protocol"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if called in CLOCK_CALLS and _is_worldly(node.func):
                    found.append(f"{shown(path)}:{node.lineno} calls {called}")
    assert found == []


def _is_worldly(function: ast.expr) -> bool:
    """A bare builtin, or a clock of `datetime` or `date`; another object's own `open` or `now` is its business."""
    if isinstance(function, ast.Name):
        return True
    owner = function.value if isinstance(function, ast.Attribute) else None
    return isinstance(owner, ast.Name) and owner.id in ("datetime", "date")


@pytest.mark.parametrize(("floor", "above"), [("protocol", {"node", "cli"}), ("node", {"cli"})])
def test_no_stairs_go_up(floor: str, above: set[str]) -> None:
    forbidden = {f"convergences_{name}" for name in above}
    found = [
        f"{shown(path)} imports {module}"
        for path, tree in sources(floor)
        for module, _ in imports(tree)
        if module.partition(".")[0] in forbidden
    ]
    assert found == []


def test_importing_the_whole_protocol_loads_neither_network_nor_database() -> None:
    """What the sources promise, in a process of its own: the modules that a pure floor must not bring along."""
    names = [".".join(path.relative_to(ROOT / "protocol").with_suffix("").parts) for path, _ in sources("protocol")]
    names = [name.removesuffix(".__init__") for name in names]
    program = (
        "import importlib, sys\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "print(sorted({'sqlite3', 'asyncio', 'aiohttp', 'trio', 'libp2p', 'rdflib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_nothing_lists_the_kinds_by_hand() -> None:
    """A literal that holds most of the kinds' names is a list that the next kind would be missing from."""
    found = []
    for floor in FLOORS:
        for path, tree in sources(floor):
            for node in ast.walk(tree):
                names = {part.value for part in _members(node) if isinstance(part, ast.Constant)} & set(KINDS)
                if len(names) > len(KINDS) // 2:
                    found.append(f"{shown(path)}:{getattr(node, 'lineno', 0)} lists {sorted(map(str, names))}")
    assert found == []


def _members(node: ast.AST) -> list[ast.expr]:
    """What a literal collection holds side by side."""
    if isinstance(node, ast.List | ast.Set | ast.Tuple):
        return node.elts
    return [key for key in node.keys if key is not None] if isinstance(node, ast.Dict) else []


def test_no_table_and_no_page_lists_the_kinds_by_hand() -> None:
    """Style sheets may give some kinds a look of their own; the others have the common one."""
    found = []
    for floor in FLOORS.values():
        for path in sorted(path for path in floor.rglob("*") if path.suffix in (".sql", ".html", ".js")):
            for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
                names = set(re.findall(r"[a-z_]+", line)) & set(KINDS)
                if len(names) > len(KINDS) // 2:
                    found.append(f"{shown(path)}:{number} lists {sorted(map(str, names))}")
    assert found == []


def test_every_source_says_its_licence_and_its_purpose() -> None:
    found = []
    for floor in FLOORS:
        for path, tree in sources(floor):
            if not path.read_text("utf-8").startswith("# SPDX-License-Identifier: AGPL-3.0-or-later\n"):
                found.append(f"{shown(path)} has no licence line")
            if not ast.get_docstring(tree):
                found.append(f"{shown(path)} does not say what it is for")
    assert found == []
