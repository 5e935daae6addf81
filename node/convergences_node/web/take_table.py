# SPDX-License-Identifier: AGPL-3.0-or-later
"""A search or an element as a table (CSV, RFC 4180): a column a field, in the order in which the kinds declare them.

The columns depend on the kinds asked for and never on the answer, so that a table can be asked for again and compared.
A cell that a spreadsheet would take for a formula begins with an apostrophe: what a stranger wrote is never computed.
"""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence

from aiohttp import web
from convergences_protocol.kinds import KINDS, FieldType

from convergences_node.index.details import Detail
from convergences_node.index.views import Item
from convergences_node.web.asking import question_of
from convergences_node.web.exporting import (
    Exported,
    answer_file,
    exported_element,
    exported_search,
    printable,
    shown,
)

MEDIA = "text/csv; charset=utf-8; header=present"
BETWEEN = " | "
"""Between the values of one cell, as an import reads them."""
LEADING = ("id", "url", "kind")
LEFT_OUT = (FieldType.OUTLINE, FieldType.MEDIA)
"""What no cell holds."""
_FORMULA = re.compile(r"[\s\ufeff]*[=+\-@\uff1d\uff0b\uff0d\uff20|%]|[\t\r\n]")
_NUMBER = re.compile(r"[+-]?[0-9][0-9 .\u00a0\u202f]*")
"""A telephone or a longitude begins with a sign, and computes nothing."""


async def search_table(request: web.Request) -> web.Response:
    """A search as CSV: a line an element, a column a field of the kinds asked for."""
    asked = shown(question_of(request))
    exported = await exported_search(request, asked)
    body = await asyncio.to_thread(table, exported, asked.kinds)
    return answer_file(request, exported, body, MEDIA, "csv")


async def element_table(request: web.Request) -> web.Response:
    """An element as CSV: one line under the fields of its kind."""
    exported, view = await exported_element(request)
    body = await asyncio.to_thread(table, exported, (view.item.kind,))
    return answer_file(request, exported, body, MEDIA, "csv")


def columns(kinds: Sequence[str]) -> list[str]:
    """The fields of these kinds, each once; outlines are for maps, and a point is two columns."""
    names: dict[str, None] = {}
    for kind in kinds:
        for field in KINDS[kind].fields if kind in KINDS else ():
            if field.type is FieldType.POINT:
                names |= {f"{field.name}_latitude": None, f"{field.name}_longitude": None}
            elif field.type not in LEFT_OUT:
                names[field.name] = None
    return [*LEADING, *names]


def table(exported: Exported, kinds: Sequence[str]) -> bytes:
    """The table's bytes."""
    names = columns(kinds)
    return first_line(names) + b"".join(lines(exported, names))


def first_line(names: Sequence[str]) -> bytes:
    """The columns' names. The mark at its beginning tells spreadsheets that the table is UTF-8."""
    return b"\xef\xbb\xbf" + _line(names)


def lines(exported: Exported, names: Sequence[str]) -> Iterator[bytes]:
    """A line an element."""
    for item in exported.items:
        cells = dict(_cells(exported, item, exported.details.get(item.id)))
        yield _line([safe(cells.get(name, "")) for name in names])


def _line(cells: Sequence[str]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().encode()


def _cells(exported: Exported, item: Item, detail: Detail | None) -> Iterator[tuple[str, str]]:
    yield from (("id", item.id), ("url", exported.address(item.id)), ("kind", item.kind))
    fields: Mapping[str, object] = detail.fields if detail else {}
    labels = detail.labels if detail else {}
    for name, value in fields.items():
        known = KINDS[item.kind].by_name.get(name) if item.kind in KINDS else None
        if known is not None and known.type is FieldType.POINT and isinstance(value, list):
            yield f"{name}_latitude", f"{value[0] / 1e7:.7f}"
            yield f"{name}_longitude", f"{value[1] / 1e7:.7f}"
        elif isinstance(value, list):
            yield name, BETWEEN.join(labels.get(str(each), str(each)) for each in value)
        else:
            yield name, labels.get(str(value), str(value))


def safe(text: str) -> str:
    """A cell that no spreadsheet computes (OWASP, CSV injection)."""
    text = printable(text)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
