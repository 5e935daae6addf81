# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the erasures in force name, kept in memory so that each arriving record can be asked about in no time."""

from __future__ import annotations

from collections.abc import Iterable

from convergences_protocol.element import ElementId
from convergences_protocol.erasure import Erasure


class Forgetting:
    """The records that are to be forgotten here. False when there are none, which is most of the time."""

    def __init__(self, erasures: Iterable[Erasure] = ()) -> None:
        self.elements: set[ElementId] = set()
        self._digests: set[tuple[str, bytes]] = set()
        self._ranges: dict[str, list[tuple[int, int]]] = {}
        for erasure in erasures:
            self._add(erasure)

    def _add(self, erasure: Erasure) -> None:
        if erasure.element is not None:
            self.elements.add(erasure.element)
        if erasure.origin is not None:
            self._digests.update((erasure.origin, digest) for digest in erasure.digests)
            self._ranges.setdefault(erasure.origin, []).extend(erasure.ranges)

    def __bool__(self) -> bool:
        return bool(self.elements or self._digests or self._ranges)

    def names(self, origin: str, index: int, digest: bytes, element: ElementId | None) -> bool:
        """Is this record to be forgotten? `digest` is its header's."""
        return (
            element in self.elements
            or (origin, digest) in self._digests
            or any(start <= index < stop for start, stop in self._ranges.get(origin, ()))
        )
