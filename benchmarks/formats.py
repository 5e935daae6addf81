# SPDX-License-Identifier: AGPL-3.0-or-later
"""`python -m benchmarks.formats [FOLDER]`: every reader over every file of a folder, whatever the file.

Each file is read in a process of its own, with limits of memory, processor time and wall time, by the reader that its
first bytes choose; where a mapping comes with the format, its rows are converted by it. `benchmarks/out/formats.json`
tells of each file the format, the outcome, the items, what was refused and why, the seconds and the growth of memory.
A reader that lets an exception out is an outcome too (`traceback`), and the only one that fails the run.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from convergences_node.territories.communes import communes

from benchmarks.format_reading import Limits, preload, read_in_child

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data"
OUT = Path(__file__).resolve().parent / "out" / "formats.json"
DOCUMENTATION = (".md", ".rst")
DOCUMENTATION_NAMES = ("LICENSE", "LICENCE", "README", "COPYING")
"""What people wrote about the data; a licence is a fine table of one column, and tells nothing about readers."""
REASONS_SHOWN = 3
OUTCOMES = ("read", "partly", "refused", "empty", "traceback", "killed")


def main() -> int:
    """Read all, write the report, print the table; 1 if a reader failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.formats", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER, help=f"what to read (default {FOLDER})")
    parser.add_argument("--seconds", type=int, default=Limits().seconds, help="a file may take (default %(default)s)")
    parser.add_argument("--mebibytes", type=int, default=Limits().mebibytes, help="and hold (default %(default)s)")
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args()
    if not asked.folder.is_dir():
        print(f"{asked.folder} is not a folder: nothing was read", file=sys.stderr)
        return 2
    held = communes()
    preload()
    limits = Limits(asked.seconds, asked.mebibytes)
    files = [read_in_child(path, asked.folder, limits) for path in files_of(asked.folder)]
    del held
    write(asked.out, files)
    show(files)
    print(f"written: {asked.out}")
    return 1 if any(one["outcome"] == "traceback" for one in files) else 0


def files_of(folder: Path) -> Iterator[Path]:
    """The data of a folder, in order."""
    for path in sorted(folder.rglob("*")):
        documentation = path.suffix.lower() in DOCUMENTATION or path.name.upper().startswith(DOCUMENTATION_NAMES)
        if path.is_file() and not documentation:
            yield path


def write(out: Path, files: Sequence[dict[str, Any]]) -> None:
    """The report: each file, and the sums by format."""
    out.parent.mkdir(parents=True, exist_ok=True)
    report = {"formats": list(sums(files)), "files": files}
    out.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", "utf-8")


def sums(files: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The files of each format, by outcome, with the reasons that were given most."""
    for name in sorted({one["format"] for one in files}):
        of_format = [one for one in files if one["format"] == name]
        reasons: Counter[str] = Counter()
        for one in of_format:
            reasons.update(one["reasons"])
        outcomes = Counter(one["outcome"] for one in of_format)
        yield {
            "format": name,
            "files": len(of_format),
            **{outcome: outcomes[outcome] for outcome in OUTCOMES},
            "items": sum(one["items"] for one in of_format),
            "refused_rows": sum(reasons.values()),
            "reasons": dict(reasons.most_common()),
            "seconds": round(sum(one["seconds"] for one in of_format), 2),
            "peak_mebibytes": max(one["peak_mebibytes"] for one in of_format),
        }


def show(files: Sequence[dict[str, Any]]) -> None:
    """The table by format."""
    heads = ("format", "files", *OUTCOMES, "items", "refused", "seconds", "MiB", "why")
    rows = [
        (
            one["format"],
            one["files"],
            *(one[outcome] for outcome in OUTCOMES),
            one["items"],
            one["refused_rows"],
            one["seconds"],
            one["peak_mebibytes"],
            ", ".join(f"{why} {count}" for why, count in list(one["reasons"].items())[:REASONS_SHOWN]),
        )
        for one in sums(files)
    ]
    widths = [max(len(str(row[at])) for row in [heads, *rows]) for at in range(len(heads))]
    for row in [heads, *rows]:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    raise SystemExit(main())
