# SPDX-License-Identifier: AGPL-3.0-or-later
"""What an import did, row by row where a person should look: never longer than a person can read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from convergences_protocol.element import ElementId
from convergences_protocol.errors import Fault

from convergences_node.faults import fault_to_json

LISTED_MAX = 1000
"""Refused rows listed with their reasons; the rest are counted: a million bad rows are one mistake, not a million."""


BESIDE_MAX = 1000
"""Edited elements of which what the source says is kept beside what people have written."""
FILE_LINES_MAX = 1 << 32
"""Several files are one table: a line of the second is counted from here on."""


@dataclass(slots=True)
class Report:
    """Counts of rows, and of the themes and relations that came with them."""

    files: list[str] = field(default_factory=list)
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
    codes: Counter[str] = field(default_factory=Counter)
    """How often each fault cost a row."""
    beside: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By element that people have edited here: what its row says now."""

    def refuse(self, line: int, faults: Sequence[Fault]) -> None:
        """One row, with everything that is wrong with it."""
        self.refused_count += 1
        self.codes.update(fault.code for fault in faults)
        self._list(self.refused, line, faults)

    def leave_out(self, line: int, faults: Sequence[Fault]) -> None:
        """Values that the row went without."""
        self.left_out_count += len(faults)
        self._list(self.left_out, line, faults)

    def keep_beside(self, element: ElementId, fields: Mapping[str, Any]) -> None:
        """What a row says of an element that is left as people wrote it."""
        if len(self.beside) < BESIDE_MAX:
            self.beside[str(element)] = dict(fields)

    def place(self, line: int) -> dict[str, Any]:
        """A line within its file; the file is named where there are several."""
        number, within = divmod(line, FILE_LINES_MAX)
        return {"line": within, "file": self.files[number]} if len(self.files) > 1 else {"line": within}

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
            "edited": sorted(self.beside),
        }

    def _list(self, entries: list[dict[str, Any]], line: int, faults: Sequence[Fault]) -> None:
        for fault in faults:
            if len(entries) < LISTED_MAX:
                entries.append({**self.place(line), **fault_to_json(fault)})
