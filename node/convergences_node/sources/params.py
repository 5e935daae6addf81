# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is asked of a node about its sources, and what it answers."""

from __future__ import annotations

import msgspec

from convergences_node.params import Params


class SourceAdd(Params):
    """Declare a source: `text` is the TOML of `convergences_node.sources.declaration`. A running node runs it at once.
    Answer: `{name, file, where, when, licence, actor, gone, shrink}`."""

    name: str
    text: str
    replace: bool = False


class SourceRemove(Params):
    """No longer relay a source. What it brought stays. Answer: `{name}`."""

    name: str


class SourceStop(Params):
    """Run a source no longer, or, with `resume`, again; its declaration stays. Answer: `{name, state: "stopped" |
    "resumed"}`."""

    name: str
    resume: bool = False


class SourceSettle(Params):
    """Of an element that people have edited here and its source sees otherwise: `take` these fields from the source,
    keep the others as they are here; not asked again until the source changes.
    Answer: `{name, element, taken, kept}`."""

    name: str
    element: str
    take: list[str] = msgspec.field(default_factory=list)


class SourcePreview(Params):
    """Look at a source, and write nothing: a declared one by its name; one that is not declared yet by its name and its
    TOML (`text`); or an address or a path of this machine (`where`), for which a mapping is proposed. `private`: an
    address of the local network is meant. Answer: `{name, format, rows, columns, guessed, fields: [{field, columns,
    confidence, samples, …}], elements: [{line, kind, fields} | {line, refused}], unplaced, not_held: [{what, count,
    example}], declaration: TOML | None}`; `unplaced`: of the rows looked at (200 at most), those of which the commune
    could not be told; `not_held`: what no kind can hold of linked data. The root address of another node, or of a
    server of linked data, is told as what it is."""

    name: str | None = None
    text: str | None = None
    where: str | None = None
    private: bool = False
    rows: int = 5


class SourceRun(Params):
    """Run a source now, or all of them. `accept`: a person has looked at what is held back; `whole`: also if nothing
    has changed there. Answer: `{sources: [as source_list]}`."""

    name: str | None = None
    accept: bool = False
    whole: bool = False
    dry_run: bool = False


class SourceList(Params):
    """Answer: `{sources: [{name, where, when, licence, actor, gone, shrink, outcome, reason, sentence: {fr, en}, tried,
    succeeded, due, failures, rows, counts, gone_done, edited_count, refused}]}`; `outcome` is `new`, `imported`,
    `unchanged`, `held`, `failed`, `proposed` or `stopped`; `refused`: rows of the last import, but for those whose
    elements people have edited here."""


class SourceStatus(Params):
    """One source. Answer: as one of `source_list`, with `report` (of the last import) and `edited: [{element, kind,
    name, differences: {field: {here, there}}}]`: what people have changed here, beside what the source says."""

    name: str
