# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whoever looks for a decision finds it: each page is listed once, by its own number and title."""

import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "decisions"
ROW = re.compile(r"^\| ([0-9]+) \| \[(.*)\]\(([^)]*)\) \| (.*) \|$", re.MULTILINE)


def test_every_decision_is_listed_once() -> None:
    """A new page needs its line in `docs/decisions/README.md`, under its theme."""
    pages = {path.name: path.read_text("utf-8").splitlines()[0] for path in FOLDER.glob("[0-9]*.md")}
    rows = ROW.findall((FOLDER / "README.md").read_text("utf-8"))
    listed = {name: f"# {number}. {title}" for number, title, name, _ in rows}
    assert sorted(listed) == sorted(name for _, _, name, _ in rows)
    assert listed == pages, "docs/decisions/README.md does not list every page by its title"
    assert all(int(name[:4]) == int(number) for number, _, name, _ in rows)


def test_what_is_said_to_have_changed_since_is_there() -> None:
    rows = ROW.findall((FOLDER / "README.md").read_text("utf-8"))
    numbers = {number for number, *_ in rows}
    assert {later for *_, since in rows for later in re.findall("[0-9]+", since)} <= numbers
