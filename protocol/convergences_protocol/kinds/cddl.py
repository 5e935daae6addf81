# SPDX-License-Identifier: AGPL-3.0-or-later
"""CDDL (RFC 8610) of the kinds' bodies, derived from their declarations; it completes `protocol/records.cddl`.

A reader of bodies passes over fields that it does not know, so each body is open: a newer version may say more.
"""

from __future__ import annotations

from collections.abc import Iterable

from .field import MANY_MAX, Field, FieldType
from .kind import Kind

_HEAD = """; SPDX-License-Identifier: AGPL-3.0-or-later
; The bodies of each kind. Written by docs/make_kinds.py from protocol/convergences_protocol/kinds/; the types are in
; records.cddl, after which this file is read.

"""

_RULES = {
    FieldType.BOOLEAN: "bool",
    FieldType.DATE: "edtf-text",
    FieldType.RECURRENCE: "recurrence-text",
    FieldType.TIMEZONE: "timezone-text",
    FieldType.URL: "url-text",
    FieldType.EMAIL: "email-text",
    FieldType.PHONE: "phone-text",
    FieldType.LANGUAGE: "language-text",
    FieldType.ELEMENT: "element-text",
    FieldType.TERRITORY: "territory-code",
    FieldType.POINT: "point",
    FieldType.OUTLINE: "outline",
    FieldType.DIGEST: "digest-text",
    FieldType.COLOUR: "colour-text",
    FieldType.MEDIA: "media",
}


def kinds_cddl(kinds: Iterable[Kind]) -> str:
    """One rule a kind, and the choice between them."""
    kinds = list(kinds)
    choice = "known-body = " + " / ".join(f"{kind.name}-body" for kind in kinds) + "\n\n"
    return _HEAD + choice + "\n".join(_rule(kind) for kind in kinds)


def _rule(kind: Kind) -> str:
    members = "".join(f'  {"" if field.required else "? "}"{field.name}": {_value(field)},\n' for field in kind.fields)
    return f"{kind.name}-body = {{\n  salted,\n{members}  * tstr => value,\n}}\n"


def _value(field: Field) -> str:
    return f"[1*{MANY_MAX} {_item(field)}]" if field.many else _item(field)


def _item(field: Field) -> str:
    match field.type:
        case FieldType.TEXT | FieldType.MARKDOWN:
            # CDDL counts the bytes of text, a field's limit its characters, of at most four bytes each.
            return f"tstr .size (1..{4 * field.limit})"
        case FieldType.INTEGER:
            return f"-{field.limit}..{field.limit}"
        case FieldType.TERM:
            return " / ".join([*(f'"{term}"' for term in field.terms), "own-term"])
        case _:
            return _RULES[field.type]
