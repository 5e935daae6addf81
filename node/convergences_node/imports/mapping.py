# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which column becomes which field: the mapping, a TOML file that a person writes once for a source.

    [source]
    name = "gares-idfm"              # or { column = "source" } where one file mixes several
    id = "id_zdc"                    # the column whose value names a row for ever

    [[element]]
    kind = "place"
    when = { type = "lieu" }         # only these rows; the first element that fits is taken

    [element.fields]
    name = "nom"                     # a column
    type = { value = "station" }     # the same for every row
    location = { columns = ["lat", "lon"] }
    themes = { column = "thematiques", under = "Autres thèmes" }

    [[element.relations]]
    predicate = "organises"
    subject = "organisateur"         # a column that names another row, `source:id`; this row is the object

What to do with a cell follows from the field's type in the kind's declaration; `transform` says otherwise.
A mapping is checked against the kinds when it is read: a field that no kind has is refused with the names there are.
"""

from collections.abc import Mapping as Map
from pathlib import Path
from typing import Any, Literal

import msgspec
from convergences_protocol.errors import Fault, LocalError
from convergences_protocol.kinds import KINDS, FieldType

from convergences_node.toml_file import read_toml, tables_of

MAPPING_BYTES_MAX = 256 * 1024
PREDICATE = KINDS["relation"].by_name["predicate"]
ZONE = KINDS["action"].by_name["timezone"]

Transform = Literal[
    "text", "split", "date", "point", "address", "term", "theme", "reference", "territory", "url", "integer",
    "boolean", "phone", "email", "markdown", "colour", "postcode", "lambert93", "commune",
]  # fmt: skip


class Part(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A table of the mapping; a name that is not declared is a spelling mistake, and is refused."""


class Column(Part):
    """Where a field's value comes from."""

    column: str | None = None
    columns: list[str] = []
    """Several columns that make one value: a point, an address; for a list, each column is an item."""
    value: str | int | bool | list[str] | None = None
    """The same value for every row; with `column`, for the rows whose cell is empty."""
    transform: Transform | None = None
    separator: str | None = None
    """Between the items of one cell, such as `|`; or, for an address, between its parts."""
    terms: dict[str, str] = {}
    """The source's words and ours; for themes, the source's categories and names of themes."""
    otherwise: str | None = None
    """Our word for a cell that `terms` does not have."""
    prefix: str = ""
    under: str | None = None
    """Name of this town's own theme under which unknown themes are gathered."""
    format: str | None = None
    """How a date is written, in the signs of `strptime`, such as `%d/%m/%Y %H:%M`."""
    zone: str | None = None
    """The time zone of hours that say no offset, such as `Europe/Paris`."""
    within: str = ""
    """The département or agglomeration that a commune is known to be in, such as `FR-33`."""
    unknown: Literal["create", "leave_out", "refuse"] = "create"
    """What to do about a theme, or another row, that is not known."""
    bad: Literal["refuse", "leave_out"] = "refuse"
    """What a value that cannot be read costs: the whole row, or only itself."""

    @property
    def names(self) -> list[str]:
        return self.columns or ([self.column] if self.column else [])


class Relation(Part):
    """A relation that a row implies: exactly one of `subject` and `object` is given, this row is the other end."""

    predicate: str
    subject: str | None = None
    object: str | None = None
    value: str | None = None
    """The other end's id, the same for every row; the column that is named is not looked at then."""
    role: str | None = None
    unknown: Literal["refuse", "leave_out"] = "refuse"
    """What an end that is not known costs: the whole row, or only the relation."""


class Element(Part):
    """What one kind of row becomes."""

    kind: str
    fields: dict[str, str | Column]
    when: dict[str, str | list[str]] = {}
    relations: list[Relation] = []

    def fits(self, cells: Map[str, Any]) -> bool:
        """Whether the row's cells are what `when` asks for."""
        return all(
            cells.get(column) in ([wanted] if isinstance(wanted, str) else wanted)
            for column, wanted in self.when.items()
        )

    def columns(self) -> dict[str, Column]:
        """Each field with its column, the short form written out."""
        return {name: Column(column=given) if isinstance(given, str) else given for name, given in self.fields.items()}


class Source(Part):
    """Names the source, and the column that names its rows."""

    name: str | Column
    id: str | list[str]
    """The column whose value names a row for ever; or several, whose values do so together."""
    licence: str | None = None
    language: str | None = None
    fetched: str | None = None
    titles: dict[str, str] = {}
    """What residents call the source, by its name: `{ gares-idfm = "Gares et stations (Île-de-France Mobilités)" }`."""

    @property
    def ids(self) -> list[str]:
        return [self.id] if isinstance(self.id, str) else self.id


class File(Part):
    """How to read the file, where looking at it would not tell."""

    format: str | None = None
    """One of `formats.FORMATS`."""
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    """The sheet of a workbook, or the list of a JSON document that the rows are in."""
    timezone: str | None = None
    """The time zone of times that do not say theirs, such as those of an agenda."""


class Mapping(Part):
    """The whole file."""

    source: Source
    element: list[Element]
    file: File = msgspec.field(default_factory=File)

    @property
    def refers(self) -> bool:
        """Whether rows may name other rows: what is known of a row is then not all that must be known to judge it."""
        return any(
            element.relations or any(_is_reference(element.kind, *item) for item in element.columns().items())
            for element in self.element
        )

    @property
    def labels(self) -> bool:
        """Whether themes are to be found by their names."""
        return any(
            column.transform == "theme"
            or (column.transform is None and KINDS[one.kind].by_name[name].targets == ("theme",))
            for one in self.element
            for name, column in one.columns().items()
        )

    @property
    def places(self) -> bool:
        """Whether communes are to be found."""
        return any(column.transform == "commune" for one in self.element for column in one.columns().values())


def _is_reference(kind: str, name: str, column: Column) -> bool:
    field = KINDS[kind].by_name[name]
    return column.transform == "reference" or (
        column.transform is None and field.type is FieldType.ELEMENT and field.targets != ("theme",)
    )


def load_mapping(path: Path) -> Mapping:
    """The mapping in a file. Raises `LocalError` with the place and the reason."""
    return parse_mapping(read_toml(path, MAPPING_BYTES_MAX), str(path))


def parse_mapping(data: bytes, name: str = "mapping") -> Mapping:
    """The mapping that a TOML text says. Raises `LocalError` with the place and the reason."""
    return read_mapping(tables_of(data, name), name)


def read_mapping(tables: Map[str, Any], name: str) -> Mapping:
    """The mapping that these tables say, checked against the kinds."""
    try:
        mapping = msgspec.convert(tables, Mapping)
    except msgspec.ValidationError as error:
        raise LocalError(
            f"{name}: {error}",
            hint="docs/import.md describes a mapping",
            fault=Fault("", "mapping_wrong", {"file": name, "reason": str(error)}),
        ) from None
    for number, element in enumerate(mapping.element, 1):
        _check(element, f"{name}: element {number}")
    return mapping


def plain_mapping(kind: str, columns: list[str], source: str) -> Mapping:
    """The mapping of a table whose columns are the kind's own field names, as a form or our own export writes them."""
    known = _kind(kind, "import").fields
    names = {field.name for field in known}
    fields: dict[str, str | Column] = {column: column for column in columns if column in names}
    if not fields:
        raise LocalError(
            f"no column of the file is a field of {kind}: {', '.join(columns)[:200]}",
            hint="write a mapping: docs/import.md",
            fault=Fault("", "no_column_known", {"kind": kind, "columns": ", ".join(columns)[:200]}),
        )
    return Mapping(
        source=Source(name=source, id="source_id" if "source_id" in columns else "id"),
        element=[Element(kind=kind, fields=fields)],
    )


def _check(element: Element, where: str) -> None:
    """Every field exists in the kind, every relation has one end of its own."""
    kind = _kind(element.kind, where)
    names = [field.name for field in kind.fields]
    for name, column in element.columns().items():
        if name not in names:
            raise LocalError(
                f"{where}: a {kind.name} has no field {name!r}",
                hint=f"its fields: {', '.join(names)}",
                fault=Fault("", "mapping_field", {"where": where, "kind": kind.name, "field": name}),
            )
        if not column.names and column.value is None and column.transform != "commune":
            raise LocalError(
                f"{where}: field {name} says neither column nor value",
                fault=Fault("", "mapping_field_empty", {"where": where, "field": name}),
            )
        if column.zone is not None and not ZONE.accepts(column.zone):
            raise LocalError(
                f"{where}: field {name}: {column.zone!r} is not a time zone such as Europe/Paris",
                fault=Fault("", "mapping_zone", {"where": where, "field": name, "given": column.zone}),
            )
    for relation in element.relations:
        if (relation.subject is None) == (relation.object is None):
            raise LocalError(
                f"{where}: relation {relation.predicate} needs a subject or an object, not both",
                fault=Fault("", "mapping_relation", {"where": where, "predicate": relation.predicate}),
            )
        for fault in PREDICATE.faults_of(relation.predicate):
            raise LocalError(
                f"{where}: relation: {fault}",
                hint=f"one of {', '.join(PREDICATE.terms)}",
                fault=Fault("", "mapping_predicate", {"where": where, "given": relation.predicate[:60]}),
            )


def _kind(name: str, where: str) -> Any:
    kind = KINDS.get(name)
    if kind is None or kind.control:
        known = ", ".join(sorted(name for name, kind in KINDS.items() if not kind.control))
        raise LocalError(
            f"{where}: no kind {name!r}",
            hint=f"kinds: {known}",
            fault=Fault("", "mapping_kind", {"where": where, "given": name, "kinds": known}),
        )
    return kind
