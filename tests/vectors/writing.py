# SPDX-License-Identifier: AGPL-3.0-or-later
"""Golden vectors as files: what their generators share.

Keys, salts and times are fixed, and Ed25519 signs the same bytes the same way, so that a file changes with the protocol
and never otherwise.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent

Vector = dict[str, Any]


def text_of(vectors: list[Vector]) -> str:
    """A file's text."""
    return json.dumps(vectors, ensure_ascii=False, indent=1) + "\n"


def stale(folder: str, content: dict[str, list[Vector]]) -> list[str]:
    """The files of that folder that are not what their generator writes."""
    paths = {name: FOLDER / folder / name for name in content}
    return [
        name for name, path in paths.items() if not path.exists() or path.read_text("utf-8") != text_of(content[name])
    ]


def main(folder: str, content: dict[str, list[Vector]]) -> int:
    """Write what differs, or with `--check` only say so; the exit code."""
    check, changed = "--check" in sys.argv, stale(folder, content)
    for name in changed:
        print(f"{'differs' if check else 'written'}: {name}, {len(content[name])} vectors")
        if not check:
            (FOLDER / folder / name).write_text(text_of(content[name]), "utf-8")
    return 1 if changed and check else 0
