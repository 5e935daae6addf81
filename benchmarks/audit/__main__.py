# SPDX-License-Identifier: AGPL-3.0-or-later
"""`python -m benchmarks.audit`: visit everything, write it down, draw the table, exit 1 if a promise was broken."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

from convergences_node.web.messages import LANGUAGES
from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.table import Table

from benchmarks.audit.kinds import Kind, kinds
from benchmarks.audit.limits import broken
from benchmarks.audit.territory import territory
from benchmarks.audit.visit import CPU_SLOWED, LATENCY_MS, LINE_BYTES_A_SECOND, READY_MS_MAX, Seen, Way, visit
from benchmarks.figures import OUT

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
WIDTHS = ((320, 640), (1280, 900))
SCHEMES = ("light", "dark")
PICTURES = OUT / "pages"


def main() -> int:
    """Audit; 0 when every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit", description=__doc__)
    parser.add_argument("--only", default="", help="only pages whose name begins so")
    parser.add_argument(
        "--quick", action="store_true", help="a French phone in the light and an English desk in the dark"
    )
    asked = parser.parse_args()
    ways = [Way(language, *size, scheme) for language, size, scheme in product(LANGUAGES, WIDTHS, SCHEMES)]
    if asked.quick:
        ways = [Way(LANGUAGES[0], *WIDTHS[0], SCHEMES[0]), Way(LANGUAGES[-1], *WIDTHS[-1], SCHEMES[-1])]
    with tempfile.TemporaryDirectory(prefix="convergences-audit-") as folder:
        seen = list(_audit(Path(folder), ways, asked.only))
    _write(seen)
    failures = [(each, words) for each in seen if (words := list(broken(each)))]
    _show(seen)
    for each, words in failures:
        print(f"{each.page} ({each.language}, {each.width}, {each.scheme}): {'; '.join(words)}")
    print(f"{len(seen)} visits, {len(failures)} with something broken; pictures in {PICTURES}")
    return 1 if failures or not seen else 0


def _audit(folder: Path, ways: Sequence[Way], only: str) -> Iterator[Seen]:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        looked = stack.enter_context(territory(folder))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        stack.callback(browser.close)
        pages = [kind for kind in kinds(looked.elements, looked.filled) if kind.name.startswith(only)]
        for kind, way in product(pages, ways):
            seen = visit(browser, looked.address, kind.name, kind.path, way, _picture(kind, way))
            if seen.first_paint_ms > READY_MS_MAX:
                seen.home_paint_ms = visit(browser, looked.address, "home", "/", way, None).first_paint_ms
            yield seen
            print(".", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def _picture(kind: Kind, way: Way) -> Path:
    return PICTURES / f"{kind.name}-{way.width}-{way.language}-{way.scheme}.png"


def _write(seen: Sequence[Seen]) -> None:
    line = {"cpu_slowed": CPU_SLOWED, "bytes_a_second": LINE_BYTES_A_SECOND, "latency_ms": LATENCY_MS}
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "throttling": line,
        "pages": [{**asdict(each), "broken": list(broken(each))} for each in seen],
    }
    (OUT / "pages.json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _show(seen: Sequence[Seen]) -> None:
    """A line a page: the worst of its visits."""
    table = Table(
        "page", "visits", "axe", "bytes", "other hosts", "console", "first ms", "largest ms", "shift", "broken"
    )
    for name in dict.fromkeys(each.page for each in seen):
        some = [each for each in seen if each.page == name]
        table.add_row(
            name,
            str(len(some)),
            str(sum(len(each.axe) for each in some)),
            f"{max(each.bytes for each in some):,}",
            str(sum(len(each.other_hosts) for each in some)),
            str(sum(len(each.console) for each in some)),
            str(max(each.first_paint_ms for each in some)),
            str(max(each.largest_paint_ms for each in some)),
            f"{max(each.layout_shift for each in some):.3f}",
            str(sum(1 for each in some if list(broken(each)))),
        )
    Console(width=150).print(table)


if __name__ == "__main__":
    sys.exit(main())
