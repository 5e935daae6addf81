# SPDX-License-Identifier: AGPL-3.0-or-later
"""Themes by their names: the labels that a source uses, found in the tree, or made under a theme of the town's own.

A label is found by any of a theme's names, whatever its accents, capitals, hyphens and double spaces. A label with
commas that is not itself a name (`Musiques du monde, Pop, rock`) is read as the longest names that it is made of. What
the tree does not know may be what others call one of its themes (`concert`, `library`): `theme_words.toml` has a table,
and a mapping may bring its own.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from convergences_protocol.element import ElementId
from convergences_protocol.kinds import KINDS

from convergences_node.archive.model import NewRecord, SourceRow
from convergences_node.territories.gazetteer import folded

from .cells import BadCell, shown
from .desk import Desk, content_digest
from .mapping import Column

THEMES_NEW_MAX = 2000
"""A table with more new labels than that has put something else in the column."""
NAME = KINDS["theme"].by_name["name"]
ASKED_MAX = 20_000
"""Names asked for that are remembered; a column with more of them holds something else than themes."""
SOURCE = "themes"
"""The source under which a town's own themes are remembered, so that a label makes one theme for ever."""


def names_of(fields: Mapping[str, Any]) -> Iterator[str]:
    """The folded names of a theme's record."""
    for name in (fields.get("name"), *fields.get("other_names", ())):
        if isinstance(name, str) and folded(name):
            yield folded(name)


class Themes:
    """The tree as an import knows it; new themes are counted, and authored with the rows that need them."""

    def __init__(self, desk: Desk, known: Mapping[str, ElementId]) -> None:
        self._desk = desk
        self._known = dict(known)
        self._gone: set[str] = set()
        self._new: list[NewRecord] = []
        self.created = 0
        self.asked: set[str] = set()
        """Every name that was looked for, whether it was found or not; at most one more than `ASKED_MAX`."""

    @property
    def known(self) -> Mapping[str, ElementId]:
        """Themes by their folded names, with those that were made here."""
        return self._known

    def _look(self, name: str) -> ElementId | None:
        """The theme of that folded name."""
        if len(self.asked) <= ASKED_MAX:
            self.asked.add(name)
        return self._known.get(name)

    def find(self, label: str, column: Column) -> list[str]:
        """Ids of the themes that a label names; none if it is unknown and may be left out. Raises `BadCell`."""
        label = column.terms.get(label, label)
        found = self._known_as(label, column)
        if found or folded(label) in self._gone:
            return found
        if column.unknown == "refuse":
            raise BadCell("theme_unknown", given=shown(label))
        return [str(self._create(label, column.under))] if column.unknown == "create" else []

    def _meant(self, label: str, wider: bool) -> list[str]:
        """The theme that others call so; with `wider`, else the narrowest wider one that the tree has."""
        meant, broader = others_words()
        name: str | None = meant.get(folded(label))
        while name is not None:
            if (element := self._look(name)) is not None:
                return [str(element)]
            name = broader.get(name) if wider else None
        return []

    def _known_as(self, label: str, column: Column) -> list[str]:
        return self._exact(label) or self._parts(label) or self._meant(label, column.unknown != "create")

    async def recall(self, labels: Iterable[tuple[str, Column]]) -> None:
        """Remember what earlier imports made of these labels: people may have renamed those themes, or withdrawn them.

        A renamed one is found by the label all the same; one that is gone is not made again, and the row goes without.
        """
        said = {column.terms.get(label, label): column for label, column in labels if column.unknown == "create"}
        new = [label for label, column in said.items() if not self._known_as(label, column)]
        above = {column.under for label, column in said.items() if column.under and not self._exact(column.under)}
        keys = [(SOURCE, folded(label)) for label in dict.fromkeys([*new, *above] if new else ())]
        for (_, name), before in (await self._desk.known(keys)).items() if keys else ():
            if before.gone:
                self._gone.add(name)
            else:
                self._known[name] = before.element

    def take_new(self) -> list[NewRecord]:
        """The themes made since the last call, parents first."""
        new, self._new = self._new, []
        return new

    def _exact(self, label: str) -> list[str]:
        element = self._look(folded(label))
        return [str(element)] if element else []

    def _parts(self, label: str) -> list[str]:
        """The longest known names, from left to right; nothing at all unless every part is known."""
        parts = [part.strip() for part in label.split(",")]
        if len(parts) < 2:
            return []
        found: list[str] = []
        start = 0
        while start < len(parts):
            for stop in range(len(parts), start, -1):
                if one := self._exact(", ".join(parts[start:stop])):
                    found += one
                    start = stop
                    break
            else:
                return []
        return list(dict.fromkeys(found))

    def _create(self, label: str, under: str | None) -> ElementId:
        if self.created >= THEMES_NEW_MAX:
            raise BadCell("themes_new", limit=THEMES_NEW_MAX, given=shown(label))
        if not folded(label) or any(NAME.faults_of(label)):
            raise BadCell("theme_name", given=shown(label))
        fields: dict[str, Any] = {"name": label}
        if under and folded(under) not in (folded(label), *self._gone):
            parent = self._look(folded(under)) or self._create(under, None)
            fields["broader"] = str(parent)
        element = self._desk.new_id()
        source = SourceRow(SOURCE, folded(label), content_digest("theme", fields))
        self._new.append(NewRecord("theme", fields, element=element, source=source))
        self._known[folded(label)] = element
        self.created += 1
        return element


@cache
def others_words() -> tuple[Mapping[str, str], Mapping[str, str]]:
    """By what others call a theme, its usual name; and by each usual name the wider one. All folded."""
    read = tomllib.loads((files(__package__) / "theme_words.toml").read_text("utf-8"))
    meant = {folded(word): folded(name) for name, words in read["theme"].items() for word in words}
    # A usual name means itself, even where a neighbour has it among its words.
    meant |= {folded(name): folded(name) for name in read["theme"]}
    return meant, {folded(name): folded(wider) for name, wider in read["broader"].items()}
