# SPDX-License-Identifier: AGPL-3.0-or-later
"""The name of a source in words, where this node knows one: what a record says itself is a code, such as `gares-idfm`.

The words are read again when their file has changed, for an import may have brought some.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from convergences_node.imports.titles import read_titles
from convergences_node.territories.facts import SOURCE, SOURCE_TITLE

_BROUGHT = {SOURCE: SOURCE_TITLE}
"""Of what comes with the node, which no import has brought."""


def source_title(path: Path | None, code: str) -> str:
    """A source's words; its code where there are none."""
    known = _BROUGHT.get(code, code)
    if path is None or not code:
        return known
    try:
        changed = path.stat().st_mtime_ns
    except OSError:
        return known
    return _titles(path, changed).get(code, known)


@lru_cache(maxsize=2)
def _titles(path: Path, changed: int) -> dict[str, str]:
    return read_titles(path)
