# SPDX-License-Identifier: AGPL-3.0-or-later
"""A field of a kind: its name, its type and limits, what it means in RDF, and how it is searched.

Forms, column mappings, the API's description, facets and documentation are all derived from these declarations, so a
`Field` says everything once and nothing else may say it again. `faults_of` judges a value; `kind.check` a whole record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

from ..errors import Fault
from .values import JUDGES, LIMITS, Judge

MANY_MAX = 200
"""Items in a list; an event has fewer themes, a group fewer towns."""

Weight = Literal["A", "B", "C"]


class FieldType(StrEnum):
    """What a value may be. In bodies all but INTEGER, BOOLEAN, POINT, OUTLINE and MEDIA are text."""

    TEXT = "text"
    MARKDOWN = "markdown"
    TERM = "term"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DATE = "date"
    RECURRENCE = "recurrence"
    TIMEZONE = "timezone"
    URL = "url"
    EMAIL = "email"
    PHONE = "phone"
    LANGUAGE = "language"
    ELEMENT = "element"
    TERRITORY = "territory"
    POINT = "point"
    OUTLINE = "outline"
    DIGEST = "digest"
    COLOUR = "colour"
    MEDIA = "media"


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `limit` is the greatest number of characters, or of points in an outline, or an integer's value."""

    name: str
    type: FieldType
    many: bool = False
    required: bool = False
    limit: int = 0
    terms: tuple[str, ...] = ()
    term_iris: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    targets: tuple[str, ...] = ()
    property: str = ""
    facet: bool = False
    searched: Weight | None = None
    _judge_value: Judge = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.limit:
            object.__setattr__(self, "limit", LIMITS[self.type])
        object.__setattr__(self, "_judge_value", JUDGES[self.type])

    def accepts(self, value: object) -> bool:
        """Whether `faults_of` would find nothing; the short way for records, which are nearly always sound."""
        judge, limit, terms = self.judged()
        return judge(value, limit, terms) is None

    def judged(self) -> tuple[Judge, int, tuple[str, ...]]:
        """The judge of this field's whole value, and what it is told beside: `accepts` in parts, to be kept."""
        return self._judge_list if self.many else self._judge_value, self.limit, self.terms

    def _judge_list(self, value: object, limit: int, terms: tuple[str, ...]) -> str | None:
        if type(value) is not list or not 0 < len(value) <= MANY_MAX:
            return "wrong_type"
        judge = self._judge_value
        return next((fault for item in value if (fault := judge(item, limit, terms)) is not None), None)

    def faults_of(self, value: object) -> Iterator[Fault]:
        """Everything wrong with `value` as this field's; nothing when it will do."""
        if not self.many:
            yield from self._judge(value, self.name)
        elif type(value) is not list:
            yield Fault(self.name, "wrong_type", {"expected": "list"})
        elif not value:
            yield Fault(self.name, "empty")
        elif len(value) > MANY_MAX:
            yield Fault(self.name, "too_many", {"limit": MANY_MAX})
        else:
            for number, item in enumerate(value):
                yield from self._judge(item, f"{self.name}.{number}")

    def _judge(self, value: object, path: str) -> Iterator[Fault]:
        code = self._judge_value(value, self.limit, self.terms)
        if code == "wrong_type":
            yield Fault(path, code, {"expected": self.type.value})
        elif code == "too_long" or (code == "out_of_range" and self.type is FieldType.INTEGER):
            yield Fault(path, code, {"limit": self.limit})
        elif code is not None:
            yield Fault(path, code)
