# SPDX-License-Identifier: AGPL-3.0-or-later
"""The pages about kinds and words are what the declarations make them."""

import runpy
from pathlib import Path

from convergences_protocol.kinds import KINDS

ROOT = Path(__file__).resolve().parents[1]


def test_the_derived_files_are_up_to_date() -> None:
    for path, text in runpy.run_path(str(ROOT / "docs" / "make_kinds.py"))["files"]().items():
        assert path.read_text("utf-8") == text, f"{path.name}: run docs/make_kinds.py"


def test_the_glossary_has_a_line_for_every_kind_and_term() -> None:
    """French and English side by side: no term is without its word in both."""
    glossary = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    rows = {line.split("|")[1].strip(): line.split("|")[2:4] for line in glossary.splitlines() if line.count("|") >= 4}
    wanted = {f"`{kind.name}`" for kind in KINDS.values()}
    wanted |= {f"`{term}`" for kind in KINDS.values() for field in kind.fields for term in field.terms}
    assert sorted(wanted - set(rows)) == []
    assert all(word.strip() for words in rows.values() for word in words)
