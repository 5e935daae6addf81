# SPDX-License-Identifier: AGPL-3.0-or-later
"""Fields that a person typed as `name=value`, turned into what the kind declares by the transforms of an import."""

from collections.abc import Sequence
from typing import Any

from convergences_protocol.errors import Fault, Refused
from convergences_protocol.kinds import FieldType, Kind

from .convert import BY_TYPE
from .mapping import Column
from .transforms import TRANSFORMS, BadCell, Reference


def fields_from_text(kind: Kind, pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The fields; a name given several times is a list. Raises `Refused` with every fault."""
    faults: list[Fault] = []
    fields: dict[str, Any] = {}
    for name, text in pairs:
        declared = kind.by_name.get(name)
        if declared is None:
            faults.append(Fault(name[:40], "unknown_field"))
            continue
        try:
            value = _value(declared.type, text)
        except BadCell as error:
            faults.append(error.at(name))
            continue
        if declared.many:
            fields.setdefault(name, []).append(value)
        elif name in fields:
            faults.append(Fault(name, "given_twice"))
        else:
            fields[name] = value
    if faults:
        hint = f"the fields of {kind.name}: {', '.join(kind.by_name)}"
        raise Refused(faults, hint=hint if any(fault.code == "unknown_field" for fault in faults) else None)
    return fields


def _value(type: FieldType, text: str) -> Any:
    value = TRANSFORMS[BY_TYPE.get(type, "text")]([text], Column())
    if isinstance(value, Reference):
        raise BadCell("bad_element")
    if value is None:
        raise BadCell("empty")
    return value
