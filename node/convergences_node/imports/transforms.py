# SPDX-License-Identifier: AGPL-3.0-or-later
"""Small named pieces of work: from a cell as somebody typed it to a value that a field accepts.

Each is pure, takes what is in the cells and the column's settings, answers the value, or None for an empty cell, and
raises `BadCell` when the cell cannot be understood. They do not guess: `03/04/2024` is a
French date because the tables are French, but a time that does not say its offset is refused.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from convergences_protocol.edtf import is_edtf
from convergences_protocol.element import is_element_text
from convergences_protocol.errors import Fault

from .lambert import degrees_of_lambert93
from .mapping import Column

SHOWN_CHARS_MAX = 60
REFERENCE_CHARS_MAX = 400
E7 = Decimal(10_000_000)
FRANCE = ((41.0, 51.6), (-5.6, 10.0))
"""Latitudes and longitudes of mainland France, in degrees."""
TRUE = frozenset({"oui", "vrai", "true", "yes", "1", "o", "x"})
FALSE = frozenset({"non", "faux", "false", "no", "0", "n"})

_ISO = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.\d+)?\s*(Z|[+-]\d{2}:?\d{2})?)?")
_FRENCH = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})(?:(?: à|,)? (\d{1,2})(?:h|:)(\d{2})?)?")
NOTHING = frozenset({"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!"})
"""What a spreadsheet writes where a formula of its own failed: nobody meant to say that."""
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,24}(?:[:/?#].*)?", re.IGNORECASE)


class BadCell(Exception):  # noqa: N818 - the cell is bad, the program is not
    """A cell that cannot be understood: `code` and `params` are those of the fault that its field will have."""

    def __init__(self, code: str, **params: object) -> None:
        super().__init__(f"{code} {params}")
        self.code = code
        self.params = params

    def at(self, path: str) -> Fault:
        """The fault of the field that the cell was for."""
        return Fault(path, self.code, self.params)


@dataclass(frozen=True, slots=True)
class Label:
    """The name of a theme, to be looked up in the tree."""

    text: str


@dataclass(frozen=True, slots=True)
class Reference:
    """Another row, by its source and its id there."""

    source: str
    source_id: str

    def __str__(self) -> str:
        return f"{self.source}:{self.source_id}"


def clean(cell: Any) -> str:
    """A cell's text: composed (NFC, as records are), with the white space of a single line."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    text = cell if type(cell) is str else str(cell)
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    # Most cells are clean already, and asking is quicker than taking them apart.
    if not text.isprintable() or "  " in text or text[:1] == " " or text[-1:] == " ":
        text = " ".join(text.split())
    return "" if text[:1] == "#" and text in NOTHING else text


def items(cells: Sequence[Any], column: Column) -> list[str]:
    """The items of a list: of one cell that is a list or has a separator, or one a column. Each item once."""
    found: list[str] = []
    for cell in cells:
        parts = cell if isinstance(cell, list) else clean(cell).split(column.separator) if column.separator else [cell]
        found += [clean(part) for part in parts]
    return list(dict.fromkeys(item for item in found if item))


def text(cells: Sequence[Any], column: Column) -> str | None:
    return clean(cells[0]) or None


def markdown(cells: Sequence[Any], column: Column) -> str | None:
    """Several lines are kept as lines."""
    lines = str("" if cells[0] is None else cells[0]).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(clean(line) for line in lines).strip() or None


def address(cells: Sequence[Any], column: Column) -> str | None:
    """The parts that are there, in order; a part that an earlier one already says is left out."""
    kept: list[str] = []
    for part in map(clean, cells):
        if part and not any(part.casefold() in earlier.casefold() for earlier in kept):
            kept.append(part)
    return (column.separator or ", ").join(kept) or None


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


def point(cells: Sequence[Any], column: Column) -> list[int] | None:
    """`[latitude, longitude]` in 1e-7 degree, from two cells or from one that holds both."""
    parts = list(cells)
    if len(parts) == 1:
        one = parts[0]
        parts = one if isinstance(one, list) else re.split(r"[;,]\s*|\s+", clean(one)) if clean(one) else [None, None]
    texts = [clean(part) for part in parts]
    if not any(texts):
        return None
    if len(texts) != 2:
        raise BadCell("cell_point", given=shown(" ".join(texts)))
    if _are_lambert93(texts):
        raise BadCell("cell_lambert93", given=shown(" ".join(texts)))
    latitude, longitude = (_degrees(part) for part in texts)
    if abs(latitude) > 90 * E7 or abs(longitude) > 180 * E7:
        raise BadCell("cell_not_on_earth", given=shown(" ".join(texts)))
    if not latitude and not longitude:
        raise BadCell("cell_in_the_sea")
    if is_in_france(longitude, latitude) and not is_in_france(latitude, longitude):
        raise BadCell("cell_swapped", given=shown(" ".join(texts)))
    return [latitude, longitude]


def is_in_france(latitude: float, longitude: float) -> bool:
    """Whether a point (1e-7 degree) may be in mainland France: no pair of numbers is, and is so too when swapped."""
    (south, north), (west, east) = FRANCE
    return south * 1e7 <= latitude <= north * 1e7 and west * 1e7 <= longitude <= east * 1e7


def lambert93(cells: Sequence[Any], column: Column) -> list[int] | None:
    """`[latitude, longitude]` in 1e-7 degree from metres east and north in Lambert-93 (EPSG:2154)."""
    texts = [clean(cell).replace(",", ".").replace(" ", "") for cell in cells]
    if not any(texts):
        return None
    try:
        east, north = map(float, texts)
    except ValueError:
        raise BadCell("cell_point", given=shown(" ".join(texts))) from None
    if not (0 < east < 1_400_000 and 6_000_000 < north < 7_300_000):
        raise BadCell("cell_point", given=shown(" ".join(texts)))
    latitude, longitude = degrees_of_lambert93(east, north)
    return [round(latitude * 1e7), round(longitude * 1e7)]


def _are_lambert93(texts: Sequence[str]) -> bool:
    """Whether two numbers, in either order, are metres of the French projection rather than degrees."""
    try:
        east, north = sorted(float(text.replace(",", ".").replace(" ", "")) for text in texts)
    except ValueError:
        return False
    return 360 < east < 1_400_000 and 6_000_000 < north < 7_300_000


def _degrees(part: str) -> int:
    try:
        number = Decimal(part.replace(",", "."))
        if not number.is_finite() or abs(number) > 360:
            raise InvalidOperation
    except ArithmeticError:
        raise BadCell("cell_degrees", given=shown(part)) from None
    return int((number * E7).to_integral_value())


def term(cells: Sequence[Any], column: Column) -> str | None:
    """Our word for the source's; without a table, the source's word is taken to be ours."""
    given = clean(cells[0])
    if not column.terms:
        return given or column.otherwise
    found = column.terms.get(given, column.otherwise)
    if found is None and given:
        raise BadCell("cell_term", given=shown(given))
    return found


def url(cells: Sequence[Any], column: Column) -> str | None:
    """An address of the Web; `https://` is added where only the domain was typed."""
    given = clean(cells[0])
    if not given or re.match(r"https?://", given, re.IGNORECASE):
        scheme, mark, rest = given.partition("://")
        return scheme.lower() + mark + rest or None
    if " " not in given and _DOMAIN.fullmatch(given):
        return f"https://{given}"
    raise BadCell("cell_url", given=shown(given))


def integer(cells: Sequence[Any], column: Column) -> int | None:
    given = clean(cells[0]).replace(" ", "")
    if not given:
        return None
    if not re.fullmatch(r"[+-]?\d{1,18}(?:[.,]0+)?", given):
        raise BadCell("cell_integer", given=shown(given))
    return int(re.split(r"[.,]", given)[0])


def boolean(cells: Sequence[Any], column: Column) -> bool | None:
    given = clean(cells[0]).casefold()
    if given in TRUE | FALSE:
        return given in TRUE
    if given:
        raise BadCell("cell_boolean", given=shown(given))
    return None


def phone(cells: Sequence[Any], column: Column) -> str | None:
    """Digits in pairs, as they are said; the zero that a spreadsheet took from a French number is put back."""
    given = clean(cells[0]).replace("\u202f", " ")
    digits = re.sub(r"[\s.\-]|\(0\)", "", given)
    if re.fullmatch(r"[1-9]\d{8}", digits):
        digits = f"0{digits}"
    digits = re.sub(r"^00(?=33\d{9}$)", "+", digits)
    if re.fullmatch(r"0\d{9}", digits):
        return " ".join(digits[at : at + 2] for at in range(0, 10, 2))
    if re.fullmatch(r"\+33\d{9}", digits):
        return " ".join(("+33", digits[3], *(digits[at : at + 2] for at in range(4, 12, 2))))
    return given or None


def postcode(cells: Sequence[Any], column: Column) -> str | None:
    """Five digits: the zero that a spreadsheet took is put back, and so is `.0` taken away."""
    given = clean(cells[0]).removesuffix(".0").replace(" ", "")
    return f"0{given}" if re.fullmatch(r"\d{4}", given) else given or None


def email(cells: Sequence[Any], column: Column) -> str | None:
    """The address alone, when it came in angle brackets or with a semicolon behind."""
    return clean(cells[0]).strip("<>;, ") or None


def colour(cells: Sequence[Any], column: Column) -> str | None:
    """Six digits, with `#` before them; three are doubled, as in stylesheets."""
    given = clean(cells[0]).lower().removeprefix("#")
    if len(given) == 3:
        given = "".join(digit * 2 for digit in given)
    return f"#{given}" if given else None


def territory(cells: Sequence[Any], column: Column) -> str | None:
    """A code, with `FR-` before it if it was left out."""
    given = clean(cells[0]).upper()
    return f"FR-{given.removeprefix('FR-')}" if given else None


def reference(cells: Sequence[Any], column: Column) -> str | Reference | None:
    """An element's id as it is; else another row, `source:id`, or its id alone within the same source."""
    given = clean(cells[0])
    if not given or is_element_text(given):
        return given or None
    if len(given) > REFERENCE_CHARS_MAX or not given.isprintable():
        raise BadCell("cell_reference", given=shown(given))
    source, colon, source_id = given.partition(":")
    return Reference(source, source_id) if colon else Reference("", given)


def theme(cells: Sequence[Any], column: Column) -> str | Label | None:
    given = clean(cells[0])
    return given if is_element_text(given) else Label(given) if given else None


def shown(given: str) -> str:
    """The beginning of what somebody typed, safe to print."""
    printable = "".join(sign if sign.isprintable() else "\ufffd" for sign in given[: SHOWN_CHARS_MAX + 1])
    return repr(printable if len(printable) <= SHOWN_CHARS_MAX else printable[:SHOWN_CHARS_MAX] + "…")


TRANSFORMS: dict[str, Callable[[Sequence[Any], Column], Any]] = {
    "text": text,
    "split": text,
    "markdown": markdown,
    "address": address,
    "date": date,
    "point": point,
    "lambert93": lambert93,
    "postcode": postcode,
    "term": term,
    "url": url,
    "integer": integer,
    "boolean": boolean,
    "phone": phone,
    "email": email,
    "colour": colour,
    "territory": territory,
    "reference": reference,
    "theme": theme,
}
