# SPDX-License-Identifier: AGPL-3.0-or-later
"""A kind of element: its fields, its class in RDF, the field that titles it. `check` judges a record's fields by it.

A kind is declared once, as `KIND` in a file of this package that bears its name, and everything that knows about kinds
is derived from that declaration. Keys for the interface's texts are derived too: see `label_key` and its neighbours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from ..edtf import span
from ..errors import Fault as Fault
from .field import Field
from .values import Judge

NAME_BYTES_MAX = 32
ASKED_KEPT_MAX = 256
"""Sets of fields of one kind of which is remembered what they are asked: some 200 KB, if somebody makes up as many."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")

FAULT_CODES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "missing": frozenset(),
        "unknown_field": frozenset(),
        "wrong_type": frozenset({"expected"}),
        "empty": frozenset(),
        "too_long": frozenset({"limit"}),
        "too_many": frozenset({"limit"}),
        "out_of_range": frozenset({"limit"}),
        "unseen_characters": frozenset(),
        "not_nfc": frozenset(),
        "unknown_term": frozenset(),
        "bad_date": frozenset(),
        "bad_recurrence": frozenset(),
        "bad_timezone": frozenset(),
        "bad_url": frozenset(),
        "bad_email": frozenset(),
        "bad_phone": frozenset(),
        "bad_language": frozenset(),
        "bad_element": frozenset(),
        "bad_territory": frozenset(),
        "bad_digest": frozenset(),
        "bad_colour": frozenset(),
        "bad_media": frozenset(),
        "media_without_words": frozenset(),
        "before": frozenset({"other"}),
        "needs": frozenset({"other"}),
        "same": frozenset({"other"}),
        "wrong_shape": frozenset({"shape"}),
        "body_too_long": frozenset({"bytes", "bytes_max"}),
    }
)
"""Every code that a fault of a record can have, and the values that come with it."""

Fields = Mapping[str, object]
Judged = tuple[Judge, int, tuple[str, ...]]


def is_kind_name(name: object) -> bool:
    """Whether `name` could be a kind's, known here or not."""
    return type(name) is str and _NAME.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Rule:
    """What has to hold between fields, or of the shape of one, when each is sound by itself."""

    field: str
    """The field that it speaks of: a record without that field keeps it."""
    words: str
    """For the documentation."""
    faults: Callable[[Fields], Iterable[Fault]]


@dataclass(frozen=True)
class Kind:
    """One kind. `rules` are looked at once each field is sound by itself.

    A `control` kind speaks of the log and not of an element: nobody authors it by hand, and it is never projected.
    """

    name: str
    fields: tuple[Field, ...]
    rdf_class: str
    title_field: str
    control: bool = False
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        names = [field.name for field in self.fields]
        assert is_kind_name(self.name)
        assert len(set(names)) == len(names), f"{self.name}: a field twice"
        assert self.title_field in names
        assert "salt" not in names, "salt is the body's own"
        assert all(_NAME.fullmatch(name) for name in names)

    @cached_property
    def by_name(self) -> Mapping[str, Field]:
        """Fields by their names, in the order of the declaration."""
        return {field.name: field for field in self.fields}

    @cached_property
    def required(self) -> frozenset[str]:
        return frozenset(field.name for field in self.fields if field.required)

    @cached_property
    def asked(self) -> _Asked:
        """What is asked of a record, by the fields that it has."""
        return _Asked(self)

    @property
    def label_key(self) -> str:
        return f"kind.{self.name}"

    def field_label_key(self, field: Field) -> str:
        return f"field.{self.name}.{field.name}"

    def class_of(self, fields: Mapping[str, object]) -> str:
        """The RDF class of one element: the one that its `type` maps to, or the kind's."""
        declared = self.by_name.get("type")
        return declared.term_iris.get(str(fields.get("type")), self.rdf_class) if declared else self.rdf_class


class _Asked(dict[tuple[str, ...], tuple[Sequence[Judged], Sequence[Rule]] | None]):
    """By the names of a record's fields, in its order: the judges of their values and the rules that speak of them;
    None where one is missing or unknown. Records of a kind have the same few fields, and are asked the same."""

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self._kind = kind

    def __missing__(self, names: tuple[str, ...]) -> tuple[Sequence[Judged], Sequence[Rule]] | None:
        kind = self._kind
        if not kind.required <= set(names) <= kind.by_name.keys():
            return None
        if len(self) >= ASKED_KEPT_MAX:
            self.clear()
        rules = tuple(rule for rule in kind.rules if rule.field in names)
        found = self[names] = tuple(kind.by_name[name].judged() for name in names), rules
        return found


def check(kind: Kind, fields: Fields) -> list[Fault]:
    """All that is wrong with `fields` as a record of `kind`; empty when nothing is. Raises nothing."""
    if (asked := kind.asked[tuple(fields)]) is not None:
        judges, rules = asked
        for (judge, limit, terms), value in zip(judges, fields.values(), strict=True):
            if judge(value, limit, terms) is not None:
                break
        else:
            return [fault for rule in rules for fault in rule.faults(fields)]
    return _faults(kind, fields)


def _faults(kind: Kind, fields: Fields) -> list[Fault]:
    """`check`, of a record in which something is likely to be wrong."""
    absent = kind.required - fields.keys()
    faults = [Fault(name, "missing") for name in kind.by_name if name in absent] if absent else []
    for name, value in fields.items():
        field = kind.by_name.get(name)
        if field is None:
            faults.append(Fault(str(name)[:NAME_BYTES_MAX], "unknown_field"))
        elif not field.accepts(value):
            faults.extend(field.faults_of(value))
    if not faults:
        for rule in kind.rules:
            if rule.field in fields:
                faults.extend(rule.faults(fields))
    return faults


def known_fields(kind: Kind, fields: Mapping[str, object]) -> dict[str, object]:
    """`fields` without those that this version of `kind` does not have."""
    if fields.keys() <= kind.by_name.keys():
        return dict(fields)
    return {name: value for name, value in fields.items() if name in kind.by_name}


def in_order(first: str, last: str) -> Rule:
    """The date `last` is not wholly before the date `first`."""

    def faults(fields: Fields) -> Iterable[Fault]:
        start, end = fields.get(first), fields[last]
        if isinstance(start, str) and isinstance(end, str) and span(end)[1] < span(start)[0]:
            yield Fault(last, "before", {"other": first})

    return Rule(last, f"`{last}` is not wholly before `{first}`", faults)


def only_with(name: str, needed: str) -> Rule:
    """The field `name` says nothing without the field `needed`."""

    def faults(fields: Fields) -> Iterable[Fault]:
        if needed not in fields:
            yield Fault(name, "needs", {"other": needed})

    return Rule(name, f"`{name}` stands only with `{needed}`", faults)


def not_same(first: str, second: str) -> Rule:
    """Two fields name two things."""

    def faults(fields: Fields) -> Iterable[Fault]:
        if fields.get(first) == fields[second]:
            yield Fault(second, "same", {"other": first})

    return Rule(second, f"`{second}` is not the same as `{first}`", faults)


def shaped(name: str, pattern: str) -> Rule:
    """A text field has one shape, such as `#[0-9a-f]{6}`."""
    shape = re.compile(pattern)

    def faults(fields: Fields) -> Iterable[Fault]:
        if not shape.fullmatch(str(fields[name])):
            yield Fault(name, "wrong_shape", {"shape": pattern})

    return Rule(name, f"`{name}` is a whole `{pattern}`", faults)
