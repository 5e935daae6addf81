# SPDX-License-Identifier: AGPL-3.0-or-later
"""Dates as people type them, and what EDTF says of the same moment (`edtf.py`). Nothing is guessed."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from convergences_protocol.edtf import is_edtf

from .cells import BadCell, clean, shown
from .mapping import Column

_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.\d+)?\s*(Z|[+-]\d{2}:?\d{2})?)?")
_SERIAL = re.compile(r"([2-7]\d{4})(\.\d{1,15})?")
"""A spreadsheet's own number of a day, of 1954 to 2119, that lost its writing as a date (ECMA-376 part 1, §18.17.4)."""
_SERIAL_ORIGIN = datetime(1899, 12, 30)
_FRENCH = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})(?:(?: à|,)? (\d{1,2})(?:h|:)(\d{2})?)?")


def date(cells: Sequence[Any], column: Column) -> str | None:
    """EDTF text (`edtf.py`) from ISO or French writing, or from the column's own `format`.

    Midnight without an offset says a day; another hour takes the offset of the column's `zone`, if it has one.
    """
    given = " ".join(part for part in map(clean, cells) if part)
    if not given:
        return None
    if column.format:
        found = _by_format(given, column)
    elif is_edtf(given):
        return given
    elif match := _ISO.fullmatch(given):
        found = _iso(match, column.zone)
    elif match := _SERIAL.fullmatch(given):
        moment = _SERIAL_ORIGIN + timedelta(seconds=round(float(given) * 86_400))
        found = _dated(moment.date().isoformat(), moment.time().isoformat("minutes"), None, column.zone, given)
    elif match := _FRENCH.fullmatch(given):
        time = match[4] and f"{int(match[4]):02}:{match[5] or '00'}"
        found = _dated(f"{match[3]}-{int(match[2]):02}-{int(match[1]):02}", time, None, column.zone, given)
    else:
        raise BadCell("cell_date", given=shown(given))
    if not is_edtf(found):
        raise BadCell("cell_day", given=shown(given))
    return found


def _by_format(given: str, column: Column) -> str:
    try:
        read = datetime.strptime(given, column.format or "")
    except ValueError:
        raise BadCell("cell_date", given=shown(given)) from None
    day = read.date().isoformat()
    if read.tzinfo is not None:
        return f"{day}T{read.isoformat(timespec='seconds')[11:]}"
    time = f"{read:%H:%M:%S}" if "%H" in (column.format or "") or "%I" in (column.format or "") else None
    return _dated(day, time, None, column.zone, given)


def _iso(match: re.Match[str], zone: str | None) -> str:
    return _dated(f"{match[1]}-{match[2]}-{match[3]}", match[4], match[5], zone, match[0])


def _dated(day: str, time: str | None, offset: str | None, zone: str | None, given: str) -> str:
    """A day, or a moment with its offset; a time that has none and whose zone nobody said is refused."""
    if time is None or (offset is None and time.strip("0:") == ""):
        return day
    if offset is None:
        if zone is None:
            raise BadCell("cell_offset", given=shown(given))
        try:
            moment = datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=ZoneInfo(zone))
        except ValueError:
            raise BadCell("cell_day", given=shown(given)) from None
        return moment.isoformat(timespec="seconds")
    if offset != "Z":
        offset = f"{offset[:3]}:{offset[-2:]}"
    return f"{day}T{time}{'Z' if offset in ('+00:00', '-00:00') else offset}"
