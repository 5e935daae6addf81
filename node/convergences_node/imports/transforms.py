# SPDX-License-Identifier: AGPL-3.0-or-later
"""Small named pieces of work: from a cell as somebody typed it to a value that a field accepts.

Each is pure, takes what is in the cells and the column's settings, answers the value, or None for an empty cell, and
raises `BadCell` when the cell cannot be understood. They do not guess: `03/04/2024` is a
French date because the tables are French, but a time that does not say its offset is refused.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from convergences_protocol.element import is_element_text

from .cell_dates import date
from .cell_points import lambert93, point
from .cells import BadCell as BadCell
from .cells import Label as Label
from .cells import Reference as Reference
from .cells import clean as clean
from .cells import items as items
from .cells import shown as shown
from .mapping import Column

REFERENCE_CHARS_MAX = 400
TRUE = frozenset({"oui", "vrai", "true", "yes", "1", "o", "x"})
FALSE = frozenset({"non", "faux", "false", "no", "0", "n"})

_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,24}(?:[:/?#].*)?", re.IGNORECASE)


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
