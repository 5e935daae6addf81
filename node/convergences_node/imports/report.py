# SPDX-License-Identifier: AGPL-3.0-or-later
"""What an import did, row by row where a person should look: never longer than a person can read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from convergences_protocol.errors import Fault

from convergences_node.faults import fault_to_json

LISTED_MAX = 1000
"""Refused rows listed with their reasons; the rest are counted: a million bad rows are one mistake, not a million."""


@dataclass(slots=True)
class Report:
    """Counts of rows, and of the themes and relations that came with them."""

    rows: int = 0
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    relations: int = 0
    themes: int = 0
    refused_count: int = 0
    left_out_count: int = 0
    refused: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[dict[str, Any]] = field(default_factory=list)

    def refuse(self, line: int, faults: Sequence[Fault]) -> None:
        """One row, with everything that is wrong with it."""
        self.refused_count += 1
        _list(self.refused, line, faults)

    def leave_out(self, line: int, faults: Sequence[Fault]) -> None:
        """Values that the row went without."""
        self.left_out_count += len(faults)
        _list(self.left_out, line, faults)

    def to_json(self, *, dry_run: bool, dialect: dict[str, str]) -> dict[str, Any]:
        return {
            "dry_run": dry_run,
            "file": dialect,
            "rows": self.rows,
            "created": self.created,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "relations": self.relations,
            "themes": self.themes,
            "refused_count": self.refused_count,
            "refused": sorted(self.refused, key=lambda entry: int(entry["line"])),
            "left_out_count": self.left_out_count,
            "left_out": self.left_out,
        }


def _list(entries: list[dict[str, Any]], line: int, faults: Sequence[Fault]) -> None:
    for fault in faults:
        if len(entries) < LISTED_MAX:
            entries.append({"line": line, **fault_to_json(fault)})
