# SPDX-License-Identifier: AGPL-3.0-or-later
"""The documentation page of the kinds, derived from their declarations: `docs/make_kinds.py` writes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from .field import MANY_MAX, Field, FieldType
from .kind import FAULT_CODES, Kind
from .prefixes import PREFIXES
from .values import LIMITS

_HEAD = """# Kinds

Written by `docs/make_kinds.py` from the declarations in `protocol/convergences_protocol/kinds/`; a test keeps it so.
A kind is one file there: adding one is adding a file, its test, and running the script again.

`*` marks a required field, `[]` a list of up to {many} items, none of them empty. In a body a field is present with a
value or it is absent; there is no null and no empty text. Text is Unicode NFC, without control characters.

| type | value in the body | at most |
|---|---|---|
{types}
| prefix | vocabulary |
|---|---|
{prefixes}
"""

_VALUES: Mapping[FieldType, str] = {
    FieldType.TEXT: "text of one line, counted in characters",
    FieldType.MARKDOWN: "CommonMark; newlines and tabs allowed",
    FieldType.TERM: "a term of the field's list, a territory's own (`x-repair-cafe`), or an element id",
    FieldType.INTEGER: "integer",
    FieldType.BOOLEAN: "true or false",
    FieldType.DATE: "EDTF level 0: `2026`, `2026-05`, `2026-05-14`, `2026-05-14T18:30+02:00`; a time says its offset",
    FieldType.RECURRENCE: "RRULE of RFC 5545 section 3.3.10: `FREQ=WEEKLY;BYDAY=TU`. `FREQ` first, by the day or"
    " slower; each part once, lists without spaces; `INTERVAL` to 999, `COUNT` to 1,000, not with `UNTIL`; no"
    " `BYSECOND`; what the RFC forbids together is refused",
    FieldType.TIMEZONE: "IANA name: `Europe/Paris`",
    FieldType.URL: 'http or https address, without credentials, spaces, a backquote, a bar, or any of `" < > \\ ^ { }`',
    FieldType.EMAIL: "one address, without quotes, comments or address literals, at a name with a dot",
    FieldType.PHONE: "digits, with `+ ( ) . - /` and spaces; a digit first, behind `+` if there is one, and last",
    FieldType.LANGUAGE: "BCP 47 tag: `fr`",
    FieldType.ELEMENT: "element id: `FR-93066:0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b`",
    FieldType.TERRITORY: "territory code: `FR-93066`, `FR-200057867`, `FR-93`, `FR-R11`",
    FieldType.POINT: "`[latitude, longitude]` in 1e-7 degree, integers, WGS 84",
    FieldType.OUTLINE: "list of polygons, each a list of rings, each a flat list of latitudes and longitudes as above",
    FieldType.DIGEST: "SHA-256 of a file, 64 lower-case hexadecimal digits",
    FieldType.COLOUR: "a colour of sRGB: `#0b5864`, lower-case hexadecimal digits",
    FieldType.MEDIA: "a picture or a document: a map with the file's `digest`, `type`, `bytes`, and what it is in words"
    " (`alt`); of a picture `width`, `height`, and up to four other `sizes`; `credit` and `licence` if there are any",
}


_COUNTED: Mapping[FieldType, str] = {
    FieldType.INTEGER: "either way",
    FieldType.OUTLINE: "points",
}


def _most(field_type: FieldType) -> str:
    """The greatest length, where it is not in the type itself; a field may have a limit of its own."""
    if field_type in _OWN_SHAPE:
        return ""
    return f"{LIMITS[field_type]:,} {_COUNTED.get(field_type, 'characters')}"


_OWN_SHAPE = frozenset(
    {FieldType.BOOLEAN, FieldType.ELEMENT, FieldType.TERRITORY, FieldType.POINT, FieldType.DIGEST, FieldType.COLOUR}
    | {FieldType.MEDIA}
)


def kinds_page(kinds: Iterable[Kind]) -> str:
    """The whole page, in Markdown."""
    types = "".join(f"| {each.value} | {_VALUES[each]} | {_most(each)} |\n" for each in FieldType)
    prefixes = "".join(f"| `{name}` | `{iri}` |\n" for name, iri in PREFIXES.items())
    parts = [_HEAD.format(many=MANY_MAX, types=types, prefixes=prefixes)]
    parts.extend(_section(kind) for kind in kinds)
    parts.append(_faults())
    return "\n".join(parts)


def _section(kind: Kind) -> str:
    lines = [f"## {kind.name}", "", f"RDF class `{kind.rdf_class}`; titled by `{kind.title_field}`.", ""]
    lines += ["| field | type | property | searched | facet |", "|---|---|---|---|---|"]
    lines += [_row(field) for field in kind.fields]
    lines += _terms(kind)
    if kind.rules:
        lines += ["", "Besides: " + "; ".join(rule.words for rule in kind.rules) + "."]
    return "\n".join(lines) + "\n"


def _row(field: Field) -> str:
    name = f"`{field.name}`{'*' if field.required else ''}{' []' if field.many else ''}"
    searched, facet = field.searched or "", "yes" if field.facet else ""
    return f"| {name} | {_type(field)} | `{field.property}` | {searched} | {facet} |"


def _type(field: Field) -> str:
    """The type with what narrows it: the greatest length, or the kinds that an element id may name."""
    if field.targets:
        return f"{field.type.value} ({', '.join(field.targets)})"
    if field.type in (FieldType.TEXT, FieldType.MARKDOWN):
        return f"{field.type.value}, {field.limit}"
    return field.type.value


def _terms(kind: Kind) -> Iterator[str]:
    for field in kind.fields:
        if field.terms:
            named = [
                f"`{term}`" + (f" ({field.term_iris[term]})" if term in field.term_iris else "") for term in field.terms
            ]
            yield ""
            yield f"`{field.name}`: {', '.join(named)}."


def _faults() -> str:
    head = (
        "## Faults\n\nWhat can be wrong with a record; the sentence is `fault.<code>`.\n\n| code | with |\n|---|---|\n"
    )
    return head + "".join(f"| `{code}` | {', '.join(sorted(names))} |\n" for code, names in FAULT_CODES.items())
