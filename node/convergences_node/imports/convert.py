# SPDX-License-Identifier: AGPL-3.0-or-later
"""From a row to the element that it describes, by a mapping; pure.

What to do with a cell follows from the type that the kind declares for the field: a DATE is read as a date, a theme as
the name of one. What a row names elsewhere (a theme, another row) stays a `Label` or a `Reference`
until the importer, who knows what there is, resolves it. Everything wrong with a row is told at once.
"""

from collections.abc import Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass
from typing import Any

from convergences_protocol.errors import Fault
from convergences_protocol.kinds import KINDS, Field, FieldType, Kind

from .cells import BadCell, Label, Reference, clean, items
from .identity import SOURCE_CHARS_MAX as SOURCE_CHARS_MAX
from .identity import BadRow as BadRow
from .identity import identity_of
from .judging import is_open, judge, too_large
from .mapping import Column, Element, Mapping, Relation
from .placing import place
from .rows import Row
from .transforms import TRANSFORMS, reference, theme

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
    left_out: list[Fault]
    open: bool
    """Whether `fields` holds a `Label` or a `Reference`."""

    @property
    def key(self) -> tuple[str, str]:
        """What tells the row again, at the next import."""
        return self.source, self.source_id

    def labels(self) -> Iterator[tuple[str, Column]]:
        """Every name of a theme, with the column that it is from."""
        for name, value in self.fields.items() if self.open else ():
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, Label):
                    yield one.text, self.columns[name]

    def references(self) -> Iterator[Reference]:
        """Every other row that this one names."""
        for value in self.fields.values() if self.open else ():
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, Reference):
                    yield one
        yield from (relation.other for relation in self.relations if isinstance(relation.other, Reference))


class Converter:
    """Turns rows into elements by one mapping; what can be settled of the mapping before the first row is."""

    def __init__(self, mapping: Mapping) -> None:
        self._mapping = mapping
        self._plans = [_Plan(element) for element in mapping.element]
        said = mapping.source
        given = {"licence": said.licence, "language": said.language, "fetched": said.fetched}
        self._said = {name: value for name, value in given.items() if value is not None}

    def identity(self, row: Row) -> tuple[str, str]:
        """What names the row for ever: `(source, source_id)`. Raises `BadRow`."""
        if row.fault:
            raise BadRow([row.fault])
        return identity_of(row, self._mapping)

    def convert(self, row: Row, key: tuple[str, str] | None = None) -> Converted:
        """The element that a row describes; `key` if its identity is known already. Raises `BadRow`."""
        source, source_id = key or self.identity(row)
        plan = next((plan for plan in self._plans if plan.element.fits(row.cells)), None)
        if plan is None:
            raise BadRow([Fault("row", "row_no_element")])
        fields, faults, left_out = _fields(row, plan)
        is_left_open = plan.may_be_open and any(map(is_open, fields.values()))
        for name, value in (("source", source), ("source_id", source_id), *self._said.items()):
            fields.setdefault(name, value)
        faults += judge(plan.kind, fields, plan.columns, left_out, is_left_open)
        faults += too_large(fields)
        if faults:
            raise BadRow(faults)
        named_here = _with_source(fields, source) if is_left_open else fields
        relations = list(_relations(row, plan.element, source)) if plan.element.relations else []
        return Converted(
            row.line, plan.kind, source, source_id, named_here, plan.columns, relations, left_out, is_left_open
        )

    def relations(self, row: Row, source: str) -> list[ImpliedRelation]:
        """What a row says of others, also where it is refused for something else; nothing, if it cannot be read."""
        plan = next((plan for plan in self._plans if plan.element.fits(row.cells)), None)
        try:
            return list(_relations(row, plan.element, source)) if plan is not None else []
        except BadCell:
            return []


class _Plan:
    """What is done with the rows of one element of the mapping, settled once."""

    def __init__(self, element: Element) -> None:
        self.element = element
        self.kind = KINDS[element.kind]
        self.columns = element.columns()
        cells = [(name, column) for name, column in self.columns.items() if column.transform != "commune"]
        self.steps = [_Step(name, self.kind.by_name[name], column) for name, column in cells]
        # A commune is found from what the other fields say.
        self.communes = [(name, column) for name, column in self.columns.items() if column.transform == "commune"]
        self.may_be_open = any(step.transform in (theme, reference) for step in self.steps)


class _Step:
    """How one field gets its value."""

    def __init__(self, name: str, declared: Field, column: Column) -> None:
        self.name = name
        self.declared = declared
        self.column = column
        self.names = column.names
        self.transform = TRANSFORMS[transform_of(declared, column)]
        self.takes_lists = declared.type is FieldType.POINT

    def value(self, cells: Map[str, Any]) -> Any:
        """The value of the field: of the cells, or the mapping's own where they are empty."""
        found = None
        if self.names:
            of = [cells.get(name) for name in self.names]
            found = self._many(of) if self.declared.many else self._one(of)
        if not found and found is not False and found != 0 and self.column.value is not None:
            return self._many([self.column.value]) if self.declared.many else self.column.value
        return found

    def _many(self, cells: list[Any]) -> list[Any]:
        values = [self.transform([item], self.column) for item in items(cells, self.column)]
        return list(dict.fromkeys(value for value in values if value is not None))

    def _one(self, cells: list[Any]) -> Any:
        if isinstance(cells[0], list) and not self.takes_lists:
            # One value is wanted and the source has several: they are all said, in one text.
            cells = [", ".join(map(clean, cells[0])), *cells[1:]]
        value = self.transform(cells, self.column)
        return self.column.prefix + value if self.column.prefix and isinstance(value, str) else value


def _fields(row: Row, plan: _Plan) -> tuple[dict[str, Any], list[Fault], list[Fault]]:
    fields: dict[str, Any] = {}
    faults: list[Fault] = []
    left_out: list[Fault] = []
    for step in plan.steps:
        try:
            value = step.value(row.cells)
        except BadCell as error:
            (left_out if step.column.bad == "leave_out" else faults).append(error.at(step.name))
            continue
        if value is not None and value != []:
            fields[step.name] = value
    for name, column in plan.communes:
        try:
            found = place([row.cells.get(one) for one in column.names], column, fields)
        except BadCell as error:
            (left_out if column.bad == "leave_out" else faults).append(error.at(name))
            continue
        if found is not None:
            fields[name] = found
    return fields, faults, left_out


def transform_of(declared: Field, column: Column) -> str:
    if column.transform:
        return column.transform
    if declared.type is FieldType.TEXT and len(column.names) > 1 and not declared.many:
        return "address"
    if declared.type is FieldType.ELEMENT and declared.targets == ("theme",):
        return "theme"
    return BY_TYPE.get(declared.type, "text")


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
