# SPDX-License-Identifier: AGPL-3.0-or-later
"""`python -m benchmarks`: every figure beside its reference, in one run; a table, and `benchmarks/out/latest.json`."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from . import backlog, imports, latency, memory, pages, rebuild, rest, search, search_http, slow_card, sparql
from .figures import Figure, show, write


def main() -> int:
    """Run the chosen parts in their order; a part that fails is named, and the others go on."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "parts",
        nargs="*",
        metavar="part",
        help="backlog, rest, latency, search, sparql, pages, imports, rebuild, memory, slow_card; all by default",
    )
    parser.add_argument("--records", type=int, default=backlog.RECORDS, help="records of the backlog (default 100000)")
    parser.add_argument("--rounds", type=int, default=2, help="interleaved rounds with the peers (default 2)")
    parser.add_argument("--small", action="store_true", help="search over 100,000 elements only, not 1,000,000 too")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="convergences-bench-") as scratch:
        parts = _parts(Path(scratch), asked.records, asked.rounds, search.COUNTS[: 1 if asked.small else None])
        unknown = set(asked.parts) - set(parts)
        if unknown:
            parser.error(f"no part named {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
        figures, failed = _run({name: part for name, part in parts.items() if not asked.parts or name in asked.parts})
    show(figures)
    path = write(figures)
    print(f"written: {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    return 1 if failed else 0


def _parts(
    scratch: Path, records: int, rounds: int, searched: Sequence[int]
) -> dict[str, Callable[[], Iterator[Figure]]]:
    pair = scratch / "backlog" / "round0"
    return {
        "backlog": lambda: backlog.measure(scratch / "backlog", records, rounds),
        "rest": lambda: chain(
            rest.measure(pair / "town", pair / "agglomeration"), rest.measure_imported(scratch / "rest", records)
        ),
        "latency": lambda: latency.measure(scratch / "latency"),
        "search": lambda: search_http.measure(scratch / "search", searched),
        "sparql": lambda: sparql.measure(scratch / "sparql"),
        "pages": lambda: pages.measure(scratch / "pages"),
        "imports": lambda: imports.measure(scratch / "imports"),
        "rebuild": lambda: rebuild.measure(scratch / "rebuild", records),
        "memory": lambda: memory.measure(scratch / "memory", records),
        "slow_card": lambda: slow_card.measure(scratch / "slow_card", records),
    }


def _run(parts: dict[str, Callable[[], Iterator[Figure]]]) -> tuple[list[Figure], bool]:
    figures: list[Figure] = []
    failed = False
    for name, part in parts.items():
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        try:
            for figure in part():
                figures.append(figure)
                print(f"  {figure.name}: {figure.value:,.4g} {figure.unit}", file=sys.stderr, flush=True)
        except Exception as error:
            failed = True
            print(f"{name} failed: {type(error).__name__}: {error}", file=sys.stderr)
    return figures, failed


if __name__ == "__main__":
    sys.exit(main())
