# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the index does with each field of a kind, read from its declaration, once, when the kind is first met: which
fields are searched and how heavily, which are facets, which name other elements, where it is, when it happens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any

from convergences_protocol.kinds import KINDS, Field, FieldType, Kind

BROADER = "broader"
"""The field by which a theme names the one above it."""

# When something happens, and when something exists, in the words of the kinds. Both are (first, last).
_HAPPENS = (("start", "end"), ("published", None), ("founded", None), ("began", None))
_EXISTS = (("founded", "dissolved"), ("began", "ended"), ("from", "to"), ("start", "end"))

PLANS_KEPT_MAX = 512
"""Sets of fields, of all kinds, of which is remembered what is done with them."""

_NOT_TEXT = (FieldType.INTEGER, FieldType.BOOLEAN, FieldType.POINT, FieldType.OUTLINE, FieldType.MEDIA)


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What the index does with each field of one kind. Each is made once, and told from others by which it is."""

    title: str | None
    texts: tuple[tuple[str, ...], ...]
    """The fields that are searched, by their weight: A, B, C."""
    facets: tuple[tuple[str, bool], ...]
    towns: tuple[str, ...]
    happens: tuple[str, str | None] | None
    exists: tuple[str, str] | None
    points: tuple[str, ...]
    outlines: tuple[str, ...]
    mentions: tuple[tuple[str, bool], ...]
    is_relation: bool
    is_territory: bool
    recurs: bool


@cache
def plan_of(kind_name: str) -> Plan:
    """The plan of a known kind."""
    kind = KINDS[kind_name]
    names = {field.name: field for field in kind.fields}
    is_relation = {"subject", "predicate", "object"} <= set(names)
    by_type = {wanted: [f for f in kind.fields if f.type is wanted] for wanted in FieldType}
    assert not any(f.facet for f in by_type[FieldType.MARKDOWN]), "a tag is one line"
    assert not any(f.searched for type_ in _NOT_TEXT for f in by_type[type_]), "words are looked for in texts"
    return Plan(
        title=None if is_relation else kind.title_field,
        texts=tuple(tuple(field.name for field in kind.fields if field.searched == weight) for weight in "ABC"),
        facets=tuple((field.name, field.many) for field in kind.fields if field.facet and not _is_town(field)),
        towns=tuple(field.name for field in by_type[FieldType.TERRITORY] if _is_town(field)),
        happens=_pair(_HAPPENS, names) if not is_relation else None,
        exists=_pair(_EXISTS, names),
        points=tuple(field.name for field in by_type[FieldType.POINT]),
        outlines=tuple(field.name for field in by_type[FieldType.OUTLINE]),
        mentions=() if is_relation else _mentions(kind),
        is_relation=is_relation,
        is_territory={"code", "within", "former_codes"} <= set(names),
        recurs="recurrence" in names,
    )


@lru_cache(maxsize=PLANS_KEPT_MAX)
def plan_among(kind_name: str, names: tuple[str, ...]) -> Plan:
    """The plan of a known kind for records that have these fields: no other field is to be looked for."""
    plan = plan_of(kind_name)
    return replace(
        plan,
        texts=tuple(tuple(name for name in weighed if name in names) for weighed in plan.texts),
        facets=tuple(facet for facet in plan.facets if facet[0] in names),
        towns=tuple(name for name in plan.towns if name in names),
        points=tuple(name for name in plan.points if name in names),
        outlines=tuple(name for name in plan.outlines if name in names),
        mentions=tuple(mention for mention in plan.mentions if mention[0] in names),
        recurs=plan.recurs and {"recurrence", "start"} <= set(names),
    )


def _is_town(field: Field) -> bool:
    """Whether a field says in which one territory the element is."""
    return field.type is FieldType.TERRITORY and field.facet and not field.many


def _mentions(kind: Kind) -> tuple[tuple[str, bool], ...]:
    """Fields that name other elements and are no facet: a facet's elements are found by their tag."""
    return tuple((f.name, f.many) for f in kind.fields if f.type is FieldType.ELEMENT and not f.facet)


def _pair(pairs: Sequence[tuple[str, Any]], names: Mapping[str, Field]) -> Any:
    """The first pair whose first field this kind has, without a second one it has not."""
    for first, last in pairs:
        if first in names:
            return first, last if last in names else None
    return None
