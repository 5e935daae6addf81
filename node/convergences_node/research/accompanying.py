# SPDX-License-Identifier: AGPL-3.0-or-later
"""What explains the tables: a dictionary of every column, made of the kinds' declarations, and a page to read first."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from convergences_protocol.kinds import Kind

from convergences_node.research.columns import PARTS, Column, columns_of
from convergences_node.web.messages import Messages, catalogue
from convergences_node.web.words import field_label, kind_label

DICTIONARY, README = "dictionary.csv", "README.md"
LANGUAGES = ("fr", "en")


def write_dictionary(folder: Path, kinds: Mapping[str, Kind]) -> None:
    """Every column of every table: its type in SQL, what it is called, its property in RDF, the words it may hold."""
    with (folder / DICTIONARY).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(
            ["table", "column", "type", *(f"label_{language}" for language in LANGUAGES), "property", "terms"]
        )
        for kind in kinds.values():
            for column in (*columns_of(kind), *(Column(name, "VARCHAR") for name in PARTS)):
                labels = [_label(catalogue(language), kind, column) for language in LANGUAGES]
                field = column.field
                terms = " | ".join(field.terms) if field is not None and column.name == field.name else ""
                property_ = field.property if field is not None else ""
                writer.writerow([kind.name, column.name, column.sql, *labels, property_, terms])


def _label(messages: Messages, kind: Kind, column: Column) -> str:
    if column.field is None:
        return messages.text(f"research.column.{column.name}")
    label = field_label(messages, kind.name, column.field.name)
    added = column.name.removeprefix(column.field.name).lstrip("_")
    return f"{label} ({messages.text(f'research.added.{added}')})" if added else label


def write_readme(
    folder: Path, kinds: Mapping[str, Kind], counts: Mapping[str, int], messages: Messages, **values: str
) -> None:
    """What this is, of whom, of when, under which licence, how it is laid out, how it is read."""
    tables = [f"- `{name}`: {kind_label(messages, name)}, {counts[name]}" for name in kinds]
    paragraphs = [
        f"# {messages.text('research.title', **values)}",
        messages.text("research.what", **values),
        "\n".join(tables),
        messages.text("research.layout"),
        messages.text("research.licence", **values),
        messages.text("research.people"),
        messages.text("research.read", **values),
        f"```sql\n{_EXAMPLES[values['format']]}\n```",
    ]
    (folder / README).write_text("\n\n".join(paragraphs) + "\n", encoding="utf-8")


_EXAMPLES = {
    "parquet": "SELECT territory, year, count(*) FROM read_parquet('action/**/*.parquet', hive_partitioning = true)\n"
    "GROUP BY ALL ORDER BY ALL;",
    "csv": "SELECT territory, year, count(*)\n"
    "FROM read_csv('action/**/*.csv', hive_partitioning = true, all_varchar = true)\nGROUP BY ALL ORDER BY ALL;",
}
