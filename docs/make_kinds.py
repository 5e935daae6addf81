# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes what is derived from the kinds: `python docs/make_kinds.py` (`--check` only compares; 1 if they differ)."""

import sys
from pathlib import Path

from convergences_protocol.kinds import KINDS
from convergences_protocol.kinds.cddl import kinds_cddl
from convergences_protocol.kinds.page import kinds_page

ROOT = Path(__file__).resolve().parents[1]


def files() -> dict[Path, str]:
    """Every derived file with the text that it should have."""
    return {
        ROOT / "docs" / "kinds.md": kinds_page(KINDS.values()),
        ROOT / "protocol" / "kinds.cddl": kinds_cddl(KINDS.values()),
    }


def main() -> int:
    stale = [path for path, text in files().items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale:
        print(path.relative_to(ROOT))
        if "--check" not in sys.argv:
            path.write_text(files()[path], "utf-8")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
