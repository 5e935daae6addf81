# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a row names is found: themes in the tree, other rows among those of this import or of an earlier one."""

from collections.abc import Mapping
from typing import Any

from convergences_protocol.element import ElementId
from convergences_protocol.errors import Fault

from .cells import BadCell, Label, Reference
from .convert import BadRow, Converted
from .desk import Key
from .judging import is_open
from .themes import Themes


def resolve(row: Converted, themes: Themes, others: Mapping[Key, ElementId]) -> dict[str, Any]:
    """The row's fields with everything it names found. Raises `BadRow`."""
    fields: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, value in row.fields.items():
        if not is_open(value):
            fields[name] = value
            continue
        try:
            found = [one for item in _as_list(value) for one in _found(row, name, item, themes, others)]
        except BadCell as error:
            faults.append(error.at(name))
            continue
        if isinstance(value, list) and row.kind.by_name[name].many:
            found = list(dict.fromkeys(found))
        if found:
            fields[name] = found if isinstance(value, list) else found[0]
    if faults:
        raise BadRow(faults)
    return fields


def _found(row: Converted, name: str, item: Any, themes: Themes, others: Mapping[Key, ElementId]) -> list[Any]:
    column = row.columns.get(name)
    if isinstance(item, Label):
        assert column is not None, "only a column gives labels"
        return list(themes.find(item.text, column))
    if not isinstance(item, Reference):
        return [item]
    element = others.get((item.source, item.source_id))
    if element is None and column is not None and column.unknown != "leave_out":
        raise BadCell("row_unknown", given=str(item))
    return [str(element)] if element else []


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
