# SPDX-License-Identifier: AGPL-3.0-or-later
"""JSON Schema (draft 2020-12, as OpenAPI 3.1 has it) of a field, derived from its declaration.

What `check` accepts the schema accepts; the schema may be wider where a schema cannot say it (a real calendar day, text
in form NFC, two dates in order). Bodies need no translation to JSON: there is text, numbers, lists and maps in them.
"""

from __future__ import annotations

from typing import Any

from . import media
from .field import MANY_MAX, Field, FieldType
from .values import LATITUDE_E7_MAX, LONGITUDE_E7_MAX, RING_POINTS_MIN

JsonSchema = dict[str, Any]

_ELEMENT = "FR-[0-9ABR]{2,9}:[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_OWN_TERM = "x-[a-z0-9]+(?:-[a-z0-9]+)*"
_TIME = "[0-9]{2}:[0-9]{2}(?::[0-9]{2})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
_PATTERNS = {
    FieldType.DATE: rf"[0-9]{{4}}(?:-[0-9]{{2}}(?:-[0-9]{{2}}(?:T{_TIME})?)?)?",
    FieldType.RECURRENCE: "FREQ=(?:DAILY|WEEKLY|MONTHLY|YEARLY)(?:;[A-Z]+=[^;]+)*",
    FieldType.TIMEZONE: "[A-Z][A-Za-z0-9_+/-]*",
    FieldType.URL: "https?://[^ ]+",
    FieldType.EMAIL: "[^ @]+@[^ @]+",
    FieldType.PHONE: r"[+]?[0-9][0-9 ().\/-]*",
    FieldType.LANGUAGE: "[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*",
    FieldType.ELEMENT: _ELEMENT,
    FieldType.TERRITORY: "FR-[0-9ABR]{2,9}",
    FieldType.DIGEST: "[0-9a-f]{64}",
    FieldType.COLOUR: "#[0-9a-f]{6}",
}


def field_schema(field: Field) -> JsonSchema:
    """The schema of one field's value."""
    item = _item_schema(field)
    return {"type": "array", "items": item, "minItems": 1, "maxItems": MANY_MAX} if field.many else item


def _item_schema(field: Field) -> JsonSchema:
    match field.type:
        case FieldType.TEXT | FieldType.MARKDOWN:
            return {"type": "string", "minLength": 1, "maxLength": field.limit}
        case FieldType.TERM:
            own = {"type": "string", "pattern": f"^(?:{_OWN_TERM}|{_ELEMENT})$", "maxLength": field.limit}
            return {"anyOf": [{"type": "string", "enum": list(field.terms)}, own]}
        case FieldType.INTEGER:
            return {"type": "integer", "minimum": -field.limit, "maximum": field.limit}
        case FieldType.BOOLEAN:
            return {"type": "boolean"}
        case FieldType.POINT:
            pair = [_range(LATITUDE_E7_MAX), _range(LONGITUDE_E7_MAX)]
            return {"type": "array", "prefixItems": pair, "minItems": 2, "maxItems": 2}
        case FieldType.OUTLINE:
            ring = {"type": "array", "items": _range(LONGITUDE_E7_MAX), "minItems": 2 * RING_POINTS_MIN}
            polygon = {"type": "array", "items": ring, "minItems": 1}
            return {"type": "array", "items": polygon, "minItems": 1}
        case FieldType.MEDIA:
            return _media_schema()
        case _:
            return {"type": "string", "pattern": f"^(?:{_PATTERNS[field.type]})$", "maxLength": field.limit}


def _media_schema() -> JsonSchema:
    file = {
        "digest": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "bytes": {"type": "integer", "minimum": 1, "maximum": media.BYTES_MAX},
    }
    side = {"type": "integer", "minimum": 1, "maximum": media.PIXELS_MAX}
    form = {"type": "object", "properties": {**file, "width": side, "height": side}, "additionalProperties": False}
    words = {
        "alt": media.ALT_CHARS_MAX,
        "credit": media.CREDIT_CHARS_MAX,
        "licence": media.LICENCE_CHARS_MAX,
    }
    return {
        "type": "object",
        "properties": {
            **file,
            "type": {"type": "string", "enum": list(media.MEDIA_TYPES)},
            "width": side,
            "height": side,
            **{name: {"type": "string", "minLength": 1, "maxLength": most} for name, most in words.items()},
            "sizes": {"type": "array", "items": form, "minItems": 1, "maxItems": media.SIZES_MAX},
        },
        "required": ["digest", "bytes", "type", "alt"],
    }


def _range(greatest: int) -> JsonSchema:
    return {"type": "integer", "minimum": -greatest, "maximum": greatest}
