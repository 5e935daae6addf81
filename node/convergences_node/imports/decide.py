# SPDX-License-Identifier: AGPL-3.0-or-later
"""What to author of a batch of rows, given what earlier imports made of them and what people have done since; pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from convergences_protocol.element import ElementId
from convergences_protocol.errors import Fault
from convergences_protocol.kinds import KINDS, check

from convergences_node.archive.model import NewRecord, SourceRow

from .convert import SOURCE_CHARS_MAX, BadRow, Converted, ImpliedRelation
from .desk import Key, Known, content_digest


@dataclass(frozen=True, slots=True)
class Resolved:
    """A row with nothing left to look up, and the relations that it implies, by the ids these are remembered under."""

    row: Converted
    element: ElementId | None
    """The element that it is or will be; None: that of an earlier import, else a new one."""
    fields: dict[str, Any]
    relations: dict[str, dict[str, Any]]
    content: bytes = field(init=False)
    """The digest of what the row says now."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "content", content_digest(self.row.kind.name, self.fields))

    def remembered(self) -> Iterator[Key]:
        """What an earlier import may have left: of the row, and of its relations."""
        yield self.row.key
        for source_id in self.relations:
            yield self.row.source, source_id

    def contents(self) -> Iterator[tuple[Key, bytes]]:
        """The digest of what is said now, of the row and of its relations."""
        yield self.row.key, self.content
        for source_id, fields in self.relations.items():
            yield (self.row.source, source_id), content_digest("relation", fields)


@dataclass(slots=True)
class Decision:
    """What one batch comes to."""

    records: list[NewRecord] = field(default_factory=list)
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    relations: int = 0
    refused: list[tuple[int, Fault]] = field(default_factory=list)
    edited: list[Resolved] = field(default_factory=list)
    """Rows that say something new of an element that people have edited here."""
    kept: list[Key] = field(default_factory=list)
    """Rows that were refused for what people have done here, and not for what they say."""


def changed(resolved: Sequence[Resolved], known: Mapping[Key, Known]) -> list[Known]:
    """What was imported before and says something else now: where it matters whether people have edited it."""
    contents = (one for row in resolved for one in row.contents())
    return [known[key] for key, content in contents if key in known and known[key].content != content]


def decide(resolved: Sequence[Resolved], known: Mapping[Key, Known], edited: Collection[ElementId]) -> Decision:
    """The records of a batch. What people have edited stays as they left it."""
    decision = Decision()
    for one in resolved:
        before = known.get(one.row.key)
        if before is not None and before.gone:
            decision.refused.append((one.row.line, Fault("row", f"row_{before.gone}")))
            decision.kept.append(one.row.key)
            continue
        record = _record(one.row.kind.name, one.fields, one.element, before, one.row.key, one.content)
        if record is not None and before is not None and before.element in edited:
            edited_here = Fault("row", "row_edited", {"element": str(before.element)})
            decision.refused.append((one.row.line, edited_here))
            decision.edited.append(one)
            decision.kept.append(one.row.key)
            continue
        if record is None:
            decision.unchanged += 1
        else:
            decision.records.append(record)
            decision.changed += before is not None
            decision.created += before is None
        if one.relations:
            _decide_relations(decision, one, known, edited)
    return decision


def _decide_relations(
    decision: Decision, one: Resolved, known: Mapping[Key, Known], edited: Collection[ElementId]
) -> None:
    """Relations that are new or have changed; those that people have ended or edited are theirs."""
    for source_id, fields in one.relations.items():
        key = (one.row.source, source_id)
        before = known.get(key)
        if before and (before.gone or before.element in edited):
            continue
        # A new one is named by the archive: nothing in the file can name a relation.
        record = _record("relation", fields, None, before, key, content_digest("relation", fields))
        if record is not None:
            decision.records.append(record)
            decision.relations += 1


def _record(
    kind: str, fields: dict[str, Any], element: ElementId | None, before: Known | None, key: Key, content: bytes
) -> NewRecord | None:
    """The record to author, or None if nothing has changed."""
    source = SourceRow(*key, content)
    if before is None:
        return NewRecord(kind, fields, element=element, source=source)
    if before.content == content:
        return None
    return NewRecord(kind, fields, element=before.element, previous=before.current, source=source)


def implied(row: Converted, element: ElementId | None, others: Mapping[Key, ElementId]) -> dict[str, dict[str, Any]]:
    """The row's relations as fields of `relation` records. Raises `BadRow` if one that must be cannot be."""
    found: dict[str, dict[str, Any]] = {}
    assert element is not None or not row.relations, "what names other rows was given its element in the first pass"
    for relation in row.relations:
        other = _other_end(relation, others)
        if other is None:
            _refuse(row, relation, [Fault(relation.predicate, "row_unknown", {"given": str(relation.other)})])
            continue
        subject, target = (str(element), other) if relation.row_is_subject else (other, str(element))
        source_id = relation_id(row.source_id, relation)
        fields = {
            "subject": subject,
            "predicate": relation.predicate,
            "object": target,
            "role": relation.role,
            "source": row.source,
            "source_id": source_id,
            "licence": row.fields.get("licence"),
        }
        said = {name: value for name, value in fields.items() if value is not None}
        if faults := check(KINDS["relation"], said):  # such as a row that names itself
            _refuse(row, relation, [replace(one, path=relation.predicate) for one in faults])
            continue
        found[source_id] = said
    return found


def _refuse(row: Converted, relation: ImpliedRelation, faults: Sequence[Fault]) -> None:
    """A relation that cannot be costs its row, or only itself, as the mapping says."""
    if not relation.may_be_left_out:
        raise BadRow(list(faults))
    row.left_out.extend(faults)


def _other_end(relation: ImpliedRelation, others: Mapping[Key, ElementId]) -> str | None:
    if isinstance(relation.other, str):
        return relation.other
    element = others.get((relation.other.source, relation.other.source_id))
    return str(element) if element else None


def relation_id(row_id: str, relation: ImpliedRelation) -> str:
    """What tells the relation again at the next import; a digest where it would be too long to read."""
    name = f"{row_id}:{relation.predicate}:{relation.other}"
    return name if len(name) <= SOURCE_CHARS_MAX else sha256(name.encode()).hexdigest()
