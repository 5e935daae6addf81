# SPDX-License-Identifier: AGPL-3.0-or-later
"""From a row to the element that it describes, by a mapping; pure.

What to do with a cell follows from the type that the kind declares for the field: a DATE is read as a date, a theme as
the name of one. What a row names elsewhere (a theme, another row) stays a `Label` or a `Reference`
until the importer, who knows what there is, resolves it. Everything wrong with a row is told at once.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from convergences_protocol import cbor
from convergences_protocol.errors import Fault
from convergences_protocol.kinds import KINDS, Field, FieldType, Kind, check
from convergences_protocol.record import BODY_BYTES_MAX

from .mapping import Column, Element, Mapping, Relation
from .placing import place
from .rows import Row
from .transforms import TRANSFORMS, BadCell, Label, Reference, clean, items, reference

SOURCE_CHARS_MAX = 200
SALT_MARGIN_BYTES = 64
"""For the salt that the record adds."""
BY_TYPE = {
    FieldType.MARKDOWN: "markdown",
    FieldType.DATE: "date",
    FieldType.POINT: "point",
    FieldType.TERM: "term",
    FieldType.URL: "url",
    FieldType.INTEGER: "integer",
    FieldType.BOOLEAN: "boolean",
    FieldType.PHONE: "phone",
    FieldType.EMAIL: "email",
    FieldType.TERRITORY: "territory",
    FieldType.ELEMENT: "reference",
    FieldType.COLOUR: "colour",
}


@dataclass(frozen=True, slots=True)
class ImpliedRelation:
    """A relation between the row and another row."""

    predicate: str
    other: str | Reference
    row_is_subject: bool
    role: str | None
    may_be_left_out: bool


@dataclass(frozen=True, slots=True)
class Converted:
    """A row turned into an element, as far as it can be without knowing anything but the row."""

    line: int
    kind: Kind
    source: str
    source_id: str
    fields: dict[str, Any]
    columns: dict[str, Column]
    relations: list[ImpliedRelation]
    left_out: list[Fault] = field(default_factory=list)

    @property
    def key(self) -> tuple[str, str]:
        """What tells the row again, at the next import."""
        return self.source, self.source_id

    def references(self) -> Iterator[Reference]:
        """Every other row that this one names."""
        for value in self.fields.values():
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, Reference):
                    yield one
        yield from (relation.other for relation in self.relations if isinstance(relation.other, Reference))


class BadRow(Exception):  # noqa: N818 - the row is bad, the program is not
    """A row that is refused, with everything that is wrong with it."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        super().__init__()
        self.faults = list(faults)

    def __str__(self) -> str:
        return "; ".join(map(str, self.faults))


def convert(row: Row, mapping: Mapping) -> Converted:
    """The element that a row describes. Raises `BadRow`."""
    if row.fault:
        raise BadRow([row.fault])
    element = next((element for element in mapping.element if element.fits(row.cells)), None)
    if element is None:
        raise BadRow([Fault("row", "row_no_element")])
    kind = KINDS[element.kind]
    source, source_id = identity(row, mapping)
    columns = element.columns()
    fields, faults, left_out = _fields(row, kind, columns)
    fields |= _provenance(mapping, source, source_id, fields)
    faults += _judge(kind, fields, columns, left_out)
    faults += _too_large(fields)
    if faults:
        raise BadRow(faults)
    named_here = _with_source(fields, source)
    relations = list(_relations(row, element, source))
    return Converted(row.line, kind, source, source_id, named_here, columns, relations, left_out)


def identity(row: Row, mapping: Mapping) -> tuple[str, str]:
    """What names the row for ever: `(source, source_id)`. Raises `BadRow`."""
    named = mapping.source.name
    if isinstance(named, Column):
        source = clean(row.cells.get(named.column) if named.column else named.value) or clean(named.value)
    else:
        source = named
    ids = mapping.source.ids
    source_id = clean(row.cells.get(ids[0])) if len(ids) == 1 else _together(row, ids)
    if 0 < len(source) <= SOURCE_CHARS_MAX and 0 < len(source_id) <= SOURCE_CHARS_MAX:
        return source, source_id
    raise BadRow(
        Fault(name, "too_long", {"limit": SOURCE_CHARS_MAX}) if value else Fault(name, "row_unidentified")
        for name, value in (("source", source), (", ".join(ids), source_id))
        if not 0 < len(value) <= SOURCE_CHARS_MAX
    )


def _together(row: Row, ids: Sequence[str]) -> str:
    """One name of several cells; a digest where it would be too long. At least one of them says something."""
    parts = [clean(row.cells.get(name)) for name in ids]
    name = " · ".join(parts)
    if not any(parts):
        return ""
    return name if len(name) <= SOURCE_CHARS_MAX else sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def _fields(row: Row, kind: Kind, columns: dict[str, Column]) -> tuple[dict[str, Any], list[Fault], list[Fault]]:
    fields: dict[str, Any] = {}
    faults: list[Fault] = []
    left_out: list[Fault] = []
    # A commune is found from what the other fields say.
    for name, column in sorted(columns.items(), key=lambda item: item[1].transform == "commune"):
        try:
            value: Any
            if column.transform == "commune":
                value = place([row.cells.get(one) for one in column.names], column, fields)
            else:
                value = _value(row, kind.by_name[name], column)
        except BadCell as error:
            (left_out if column.bad == "leave_out" else faults).append(error.at(name))
            continue
        if value is not None and value != []:
            fields[name] = value
    return fields, faults, left_out


def _value(row: Row, declared: Field, column: Column) -> Any:
    """The value of one field: of the cells, or the mapping's own where they are empty."""
    cells = [row.cells.get(name) for name in column.names]
    found = None if not cells else _many(cells, declared, column) if declared.many else _one(cells, declared, column)
    if (found is None or found == []) and column.value is not None:
        return _many([column.value], declared, column) if declared.many else column.value
    return found


def _many(cells: list[Any], declared: Field, column: Column) -> list[Any]:
    transform = TRANSFORMS[_transform(declared, column)]
    values = [transform([item], column) for item in items(cells, column)]
    return list(dict.fromkeys(value for value in values if value is not None))


def _one(cells: list[Any], declared: Field, column: Column) -> Any:
    first = cells[0]
    if isinstance(first, list) and declared.type is not FieldType.POINT:
        # One value is wanted and the source has several: they are all said, in one text.
        cells = [", ".join(map(clean, first)), *cells[1:]]
    value = TRANSFORMS[_transform(declared, column)](cells, column)
    return column.prefix + value if column.prefix and isinstance(value, str) else value


def _transform(declared: Field, column: Column) -> str:
    if column.transform:
        return column.transform
    if declared.type is FieldType.TEXT and len(column.names) > 1 and not declared.many:
        return "address"
    if declared.type is FieldType.ELEMENT and declared.targets == ("theme",):
        return "theme"
    return BY_TYPE.get(declared.type, "text")


def _provenance(mapping: Mapping, source: str, source_id: str, fields: dict[str, Any]) -> dict[str, Any]:
    said = mapping.source
    given = {
        "source": source,
        "source_id": source_id,
        "licence": said.licence,
        "language": said.language,
        "fetched": said.fetched,
    }
    return {name: value for name, value in given.items() if value is not None and name not in fields}


def _judge(kind: Kind, fields: dict[str, Any], columns: dict[str, Column], left_out: list[Fault]) -> list[Fault]:
    """The kind's own judgement; what may be left out is taken out of `fields`."""
    faults = []
    for fault in check(kind, {name: _stand_in(value) for name, value in fields.items()}):
        name = fault.path.partition(".")[0]
        if name in columns and columns[name].bad == "leave_out" and name not in kind.required:
            fields.pop(name, None)
            left_out.append(fault)
        else:
            faults.append(fault)
    return faults


def _too_large(fields: dict[str, Any]) -> list[Fault]:
    """A record's body is bounded; only a row with a lot of text is worth measuring."""
    if sum(len(str(value)) for value in fields.values()) < BODY_BYTES_MAX // 8:
        return []
    body_bytes = len(cbor.encode({name: _stand_in(value) for name, value in fields.items()}))
    if body_bytes <= BODY_BYTES_MAX - SALT_MARGIN_BYTES:
        return []
    return [Fault("row", "body_too_long", {"bytes": body_bytes, "bytes_max": BODY_BYTES_MAX})]


_SOME_ELEMENT = "FR-93066:00000000-0000-7000-8000-000000000000"


def _stand_in(value: Any) -> Any:
    """What is still to be looked up is judged as if it had been found."""
    if isinstance(value, list):
        return [_stand_in(item) for item in value]
    return _SOME_ELEMENT if isinstance(value, Label | Reference) else value


def _with_source(fields: dict[str, Any], source: str) -> dict[str, Any]:
    """References that did not name their source mean the row's own."""
    return {name: _own(value, source) for name, value in fields.items()}


def _own(value: Any, source: str) -> Any:
    if isinstance(value, list):
        return [_own(item, source) for item in value]
    return Reference(source, value.source_id) if isinstance(value, Reference) and not value.source else value


def _relations(row: Row, element: Element, source: str) -> Iterator[ImpliedRelation]:
    for relation in element.relations:
        other = reference([relation.value or row.cells.get(_end(relation))], Column())
        if other is not None:
            row_is_subject = relation.object is not None
            yield ImpliedRelation(
                relation.predicate, _own(other, source), row_is_subject, relation.role, relation.unknown == "leave_out"
            )


def _end(relation: Relation) -> str:
    return relation.subject or relation.object or ""
