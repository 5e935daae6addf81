# SPDX-License-Identifier: AGPL-3.0-or-later
"""What names a row for ever, and what is said of a row that cannot be taken."""

from collections.abc import Iterable, Sequence
from hashlib import sha256

from convergences_protocol.errors import Fault

from .cells import clean
from .mapping import Column, Mapping
from .rows import Row

SOURCE_CHARS_MAX = 200


class BadRow(Exception):  # noqa: N818 - the row is bad, the program is not
    """A row that is refused, with everything that is wrong with it."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        super().__init__()
        self.faults = list(faults)

    def __str__(self) -> str:
        return "; ".join(map(str, self.faults))


def identity_of(row: Row, mapping: Mapping) -> tuple[str, str]:
    """What names the row for ever: `(source, source_id)`. Raises `BadRow`."""
    named = mapping.source.name
    if isinstance(named, Column):
        source = clean(row.cells.get(named.column) if named.column else named.value) or clean(named.value)
    else:
        source = named
    ids = mapping.source.ids
    source_id = clean(row.cells.get(ids[0])) if len(ids) == 1 else _together(row, ids)
    if 0 < len(source) <= SOURCE_CHARS_MAX and 0 < len(source_id) <= SOURCE_CHARS_MAX:
        if not (source.isascii() and source_id.isascii()):
            _encodable(source, source_id)
        return source, source_id
    raise BadRow(
        Fault(name, "too_long", {"limit": SOURCE_CHARS_MAX}) if value else Fault(name, "row_unidentified")
        for name, value in (("source", source), (", ".join(ids), source_id))
        if not 0 < len(value) <= SOURCE_CHARS_MAX
    )


def _encodable(*names: str) -> None:
    """Half a character, as JSON can write it, names nothing that could be kept."""
    try:
        "".join(names).encode()
    except UnicodeEncodeError:
        raise BadRow([Fault("source_id", "unseen_characters")]) from None


def _together(row: Row, ids: Sequence[str]) -> str:
    """One name of several cells; a digest where it would be too long. At least one of them says something."""
    parts = [clean(row.cells.get(name)) for name in ids]
    name = " · ".join(parts)
    if not any(parts):
        return ""
    return name if len(name) <= SOURCE_CHARS_MAX else sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
