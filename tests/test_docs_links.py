# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whoever begins at README finds every page, and no link leads nowhere."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
NOT_FOR_READERS = {ROOT / "docs" / "api-words.md"}
"""What a derived page is made from; the page says so."""


def links_of(page: Path) -> Iterator[Path]:
    for target in LINK.findall(page.read_text("utf-8")):
        if "://" not in target and not target.startswith("mailto:"):
            yield (page.parent / target).resolve()


def test_every_page_is_reached_and_every_link_leads_somewhere() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen:
            continue
        seen.add(page)
        linked = list(links_of(page))
        nowhere = [str(target) for target in linked if not target.exists()]
        assert not nowhere, f"{page.relative_to(ROOT)} links to what is not there: {nowhere}"
        waiting += [target for target in linked if target.suffix == ".md"]
    pages = {ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")} - NOT_FOR_READERS
    assert sorted(str(page.relative_to(ROOT)) for page in pages - seen) == []
