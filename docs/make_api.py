# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes `docs/api.md` from the routes: `python docs/make_api.py` (`--check` only compares, 1 if it differs)."""

import sys
from pathlib import Path

from convergences_node.web.api_page import api_page
from convergences_node.web.routes import ROUTES

DOCS = Path(__file__).resolve().parent


def files() -> dict[Path, str]:
    """The derived page with the text that it should have."""
    return {DOCS / "api.md": api_page((DOCS / "api-words.md").read_text("utf-8"), ROUTES)}


def main() -> int:
    stale = [path for path, text in files().items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale:
        print(path.name)
        if "--check" not in sys.argv:
            path.write_text(files()[path], "utf-8")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
