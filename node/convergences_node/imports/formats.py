# SPDX-License-Identifier: AGPL-3.0-or-later
"""The formats that a file may be in, each with its reader; nothing else lists them.

A reader that leans on a library that somebody else wrote works *apart* (`apart.py`), in a process of its own whose
memory and time are limited: what breaks there is a refused row here. Readers of our own read as they go, in this one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any

from convergences_protocol.errors import Fault, LocalError


@dataclass(frozen=True, slots=True)
class Format:
    """One format: the module of this package and the function in it that reads, and whether it does so apart."""

    module: str
    function: str
    apart: bool = False

    def reader(self) -> Any:
        """The reader, imported when it is wanted: some of the libraries below are large."""
        return getattr(import_module(f"convergences_node.imports.{self.module}"), self.function)


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "csv": Format("csv_rows", "read_csv"),
        "ndjson": Format("json_rows", "read_ndjson"),
        "json": Format("json_rows", "read_json"),
        "geojson": Format("json_rows", "read_json"),
        "xlsx": Format("sheet_rows", "read_sheet", apart=True),
        "ods": Format("sheet_rows", "read_sheet", apart=True),
        "xls": Format("sheet_rows", "read_sheet", apart=True),
        "gpx": Format("gpx_rows", "read_gpx"),
        "ics": Format("ics_rows", "read_ics", apart=True),
        "feed": Format("feed_rows", "read_feed", apart=True),
        "gogocarto": Format("gogocarto_rows", "read_gogocarto"),
        "openagenda": Format("openagenda_rows", "read_openagenda"),
        "mobilizon": Format("mobilizon_rows", "read_mobilizon"),
        "schema_org": Format("schema_org_rows", "read_schema_org", apart=True),
        "jsonld": Format("linked_rows", "read_jsonld", apart=True),
        "turtle": Format("linked_rows", "read_turtle", apart=True),
        "xml": Format("unknown_rows", "read_xml"),
        "foreign": Format("unknown_rows", "read_foreign"),
    }
)


def format_named(name: str) -> Format:
    """The format of that name. Raises `LocalError`."""
    found = FORMATS.get(name)
    if found is None:
        raise LocalError(
            f"no reader for the format {name[:40]!r}",
            hint=f"one of {', '.join(sorted(FORMATS))}",
            fault=Fault("", "format_unknown", {"given": name[:40], "known": ", ".join(sorted(FORMATS))}),
        )
    return found
