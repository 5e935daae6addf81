# SPDX-License-Identifier: AGPL-3.0-or-later
"""Rows of a workbook: XLSX, ODS, and the older XLS, read by calamine, apart, after a look at the zip.

The columns are named by the first row that looks like a header: people write titles above their table, and groups of
columns above its columns. Where nobody says which sheet, it is the first that holds a table: many begin with a page of
explanations. A cell is what the spreadsheet showed last: formulas are never worked out, nor is anything fetched that
they name. Dates are ISO text.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import chain, islice
from typing import Any, BinaryIO

from convergences_protocol.errors import Fault

from .cells import NOTHING
from .csv_rows import named
from .rows import Dialect, Row
from .times import told
from .zip_look import ZIP_BYTES_MAX, look

HEADER_ROWS_MAX = 20
"""How far down a header is looked for."""
SHEETS_LOOKED_AT = 8
"""Sheets among which a table is looked for, where nobody says which one it is."""


def read_sheet(file: BinaryIO, dialect: Dialect) -> Iterator[Row]:
    """The rows of the sheet that the dialect names, or of the first one that is shown and holds a table."""
    if fault := _look(file):
        yield Row(1, {}, fault)
        return
    import python_calamine as calamine

    try:
        workbook = calamine.load_workbook(file)
        name = _sheet_name(workbook, dialect.sheet)
        if name is None:
            known = ", ".join(workbook.sheet_names)[:200]
            yield Row(1, {}, Fault("row", "sheet_unknown", {"given": dialect.sheet or "", "known": known}))
            return
        sheet = workbook.get_sheet_by_name(name)
        # An empty sheet has no first cell.
        first = sheet.start[0] if sheet.start else 0
        yield from _rows(sheet.iter_rows(), first + 1, dialect.timezone)
    except calamine.PasswordError:
        yield Row(1, {}, Fault("row", "sheet_locked"))
    except calamine.CalamineError as error:
        yield Row(1, {}, Fault("row", "sheet_broken", {"reason": str(error)[:200]}))


def _look(file: BinaryIO) -> Fault | None:
    """A workbook of 1997 is no zip; its size is all there is to look at."""
    start = file.read(2)
    file.seek(0)
    if start == b"PK":
        return look(file)
    too_large = file.seek(0, 2) > ZIP_BYTES_MAX
    file.seek(0)
    return Fault("row", "file_too_large", {"limit": ZIP_BYTES_MAX}) if too_large else None


def _sheet_name(workbook: Any, wanted: str | None) -> str | None:
    """The sheet that was asked for; sheets that their author has hidden only if asked for."""
    if wanted is not None:
        return wanted if wanted in workbook.sheet_names else None
    shown = [sheet.name for sheet in workbook.sheets_metadata if str(sheet.visible).endswith(".Visible")]
    several = shown[:SHEETS_LOOKED_AT] if len(shown) > 1 else []
    tables = (name for name in several if _has_table(workbook.get_sheet_by_name(name)))
    return next(tables, None) or next(iter([*shown, *workbook.sheet_names]), None)


def _has_table(sheet: Any) -> bool:
    """Whether it has two columns or more with names, and a row below them that fills two of them."""
    above = list(islice(sheet.iter_rows(), HEADER_ROWS_MAX + 1))
    at = _header_at(above)
    return at is not None and _texts(above[at]) > 1 and any(_filled(cells) > 1 for cells in above[at + 1 :])


def _rows(given: Iterator[list[Any]], first: int, timezone: str | None) -> Iterator[Row]:
    above = list(islice(given, HEADER_ROWS_MAX))
    at = _header_at(above)
    if at is None:
        return
    header = above[at]
    if (lower := _lower_names(above, at)) is not None:
        header, at = lower, at + 1
    columns = named([_cell(cell, None) for cell in header])
    line = first + at
    for cells in chain(above[at + 1 :], given):
        line += 1
        yield from _row(line, columns, cells, timezone)


def _header_at(above: Sequence[list[Any]]) -> int | None:
    """The first row with two names or more, and with names for half of the columns; titles of several cells are
    shorter. In a table of one column, the first that is not empty."""
    texts = [_texts(cells) for cells in above]
    wanted = min(2, max(texts, default=0))
    widest = max((_filled(cells) for cells in above), default=0)
    named_rows = [at for at, count in enumerate(texts) if count >= wanted > 0]
    return next((at for at in named_rows if 2 * texts[at] >= widest), next(iter(named_rows), None))


def _lower_names(above: Sequence[list[Any]], at: int) -> list[Any] | None:
    """The names of a header of two rows, where names of groups stand above those of their columns: a cell that is
    merged downwards leaves the lower row empty, one that is merged sideways the upper one."""
    if at + 1 >= len(above) or _texts(above[at + 1]) != _filled(above[at + 1]):
        return None
    upper, lower = above[at], above[at + 1]
    pairs = [(_has(one), _has(other)) for one, other in zip(upper, lower, strict=False)]
    first = next((other for one, other in pairs if one), True)
    gaps = [other for one, other in pairs[1:] if not one]
    if first or not gaps or not all(gaps):
        return None
    return [other if _has(other) else one for one, other in zip(upper, lower, strict=False)]


def _has(cell: Any) -> bool:
    return cell is not None and bool(str(cell).strip())


def _filled(cells: list[Any]) -> int:
    return sum(map(_has, cells))


def _texts(cells: list[Any]) -> int:
    return sum(isinstance(cell, str) and bool(cell.strip()) for cell in cells)


def _row(line: int, columns: list[str], cells: list[Any], timezone: str | None) -> Iterator[Row]:
    values = [_cell(cell, timezone) for cell in cells]
    if any(value not in ("", None) for value in values):
        yield Row(line, {name: value for name, value in zip(columns, values, strict=False) if name})


def _cell(cell: Any, timezone: str | None) -> Any:
    """The cell as JSON can say it: a whole number without the `.0` that every number of a sheet has."""
    if isinstance(cell, float):
        return int(cell) if cell.is_integer() and abs(cell) < 2**53 else cell
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else told(cell, timezone)
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    return "" if isinstance(cell, str) and cell in NOTHING else cell
