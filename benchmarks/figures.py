# SPDX-License-Identifier: AGPL-3.0-or-later
"""One figure, its reference, and the table and file that a run leaves.

Machines are shared and noisy, so no figure is a promise by itself: what is compared between runs is the ratio to a
reference measured in the same run, on the same machine.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

OUT = Path(__file__).parent / "out"


@dataclass(frozen=True)
class Figure:
    """What was measured. `ratio` is value over reference; `wanted` says in words what it or the value should reach."""

    name: str
    value: float
    unit: str
    reference: float | None = None
    reference_name: str = ""
    wanted: str = ""
    reached: bool | None = None

    @property
    def ratio(self) -> float | None:
        return self.value / self.reference if self.reference else None


def show(figures: Iterable[Figure]) -> None:
    """Draw the figures as a table on standard output."""
    table = Table(
        "figure", "value", "unit", "reference", "ratio", "wanted", "reached", title="Convergences: benchmarks"
    )
    for figure in figures:
        reference = f"{figure.reference:,.4g} ({figure.reference_name})" if figure.reference else figure.reference_name
        ratio = f"{figure.ratio:.2f}" if figure.ratio is not None else ""
        reached = {True: "yes", False: "NO", None: ""}[figure.reached]
        table.add_row(figure.name, f"{figure.value:,.4g}", figure.unit, reference, ratio, figure.wanted, reached)
    Console(width=170).print(table)


def write(figures: Iterable[Figure], name: str = "latest") -> Path:
    """Write `benchmarks/out/<name>.json`: when, on what machine, and each figure with its ratio."""
    OUT.mkdir(exist_ok=True)
    path = OUT / f"{name}.json"
    rows = [{**asdict(figure), "ratio": figure.ratio} for figure in figures]
    machine = {"machine": platform.machine(), "python": platform.python_version()}
    document = {"at": datetime.now(UTC).isoformat(timespec="seconds"), **machine, "figures": rows}
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
