# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whether a row's fields are what their kind allows, while what they name elsewhere is still to be looked up."""

from typing import Any

from convergences_protocol import cbor
from convergences_protocol.errors import Fault
from convergences_protocol.kinds import Kind, check
from convergences_protocol.record import BODY_BYTES_MAX

from .cells import Label, Reference
from .mapping import Column

SALT_MARGIN_BYTES = 64
"""For the salt that the record adds."""

_SOME_ELEMENT = "FR-93066:00000000-0000-7000-8000-000000000000"


def judge(
    kind: Kind, fields: dict[str, Any], columns: dict[str, Column], left_out: list[Fault], is_open: bool
) -> list[Fault]:
    """The kind's own judgement; what may be left out is taken out of `fields`."""
    faults = []
    for fault in check(kind, {name: _stand_in(value) for name, value in fields.items()} if is_open else fields):
        name = fault.path.partition(".")[0]
        if name in columns and columns[name].bad == "leave_out" and name not in kind.required:
            fields.pop(name, None)
            left_out.append(fault)
        else:
            faults.append(fault)
    return faults


def too_large(fields: dict[str, Any]) -> list[Fault]:
    """A record's body is bounded; only a row with a lot of text is worth measuring."""
    chars = 0
    for value in fields.values():
        chars += len(value) if type(value) is str else len(str(value)) if type(value) is list else 20
    if chars < BODY_BYTES_MAX // 8:
        return []
    body_bytes = len(cbor.encode({name: _stand_in(value) for name, value in fields.items()}))
    if body_bytes <= BODY_BYTES_MAX - SALT_MARGIN_BYTES:
        return []
    return [Fault("row", "body_too_long", {"bytes": body_bytes, "bytes_max": BODY_BYTES_MAX})]


def _stand_in(value: Any) -> Any:
    """What is still to be looked up is judged as if it had been found."""
    if isinstance(value, list):
        return [_stand_in(item) for item in value]
    return _SOME_ELEMENT if isinstance(value, Label | Reference) else value


def is_open(value: Any) -> bool:
    if type(value) is list:
        return any(map(is_open, value))
    return isinstance(value, Label | Reference)
