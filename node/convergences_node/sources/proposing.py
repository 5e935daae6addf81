# SPDX-License-Identifier: AGPL-3.0-or-later
"""A guessed mapping written out as a declaration in TOML, each line with how sure it is and what it would read.

What is written begins with `proposed = true`, and is not run before a person has taken that away.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from convergences_node.imports.mapping import Column

from .declaration import KNOWN, PAIR
from .guessing import Proposal
from .sample import Guess

DEFAULTS = Column()
REMARK_CHARS_MAX = 80
SERVERS = {"node", "void"}
"""Where something comes from that says itself what it is, and needs no mapping."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What a person has said of a source, having looked at it."""

    licence: str | None
    gone: str
    hours: int


def declaration_text(
    where: dict[str, Any], name: str, proposal: Proposal | None, format: str, decided: Decided | None = None
) -> str:
    """The declaration of a source; without a proposal, by the mapping that comes with the node for its format.

    Without what a person has decided, what was guessed is marked so, and is not run.
    """
    lines = ["# docs/sources.md describes a declaration, docs/import.md a mapping."]
    if proposal is None and not SERVERS & where.keys():
        lines += [f"mapping = {_value(PAIR if format == PAIR else KNOWN)}"]
    elif proposal is not None and decided is None:
        lines += [
            "# Guessed: look at each line, mend it, then take this one away.",
            "proposed = true",
        ]
    lines += [
        f"licence = {_value(decided.licence)}"
        if decided is not None and decided.licence
        else '# licence = "etalab-2.0"     # under which licence it is published there',
        f"gone = {_value(decided.gone if decided else 'leave')}  # what disappears there: leave, end, withdraw",
        "shrink = 0.2                # held back when more than this share disappears at once",
        "",
        "[where]",
        *(f"{key} = {_value(value)}" for key, value in where.items()),
        "",
        "[when]",
        f"hours = {decided.hours if decided else 24}",
    ]
    if proposal is not None:
        lines += ["", *_mapping_lines(name, proposal, format)]
    return "\n".join(lines) + "\n"


def _mapping_lines(name: str, proposal: Proposal, format: str) -> Iterator[str]:
    ids = proposal.id[0] if len(proposal.id) == 1 else proposal.id
    yield "[source]"
    yield f"name = {_value(name)}"
    yield f"id = {_value(ids)}  # {proposal.id_confidence:.0%}: is it the same for ever, and of one row only?"
    yield 'language = "fr"'
    yield ""
    yield "[file]"
    yield f"format = {_value(format)}"
    yield ""
    yield "[[element]]"
    yield f"kind = {_value(proposal.kind)}"
    yield ""
    yield "[element.fields]"
    for guess in proposal.guesses:
        yield f"{guess.field} = {_column(guess.column)}{_remark(guess)}"


def _remark(guess: Guess) -> str:
    if not guess.column.names and guess.column.value is not None:
        return "  # the same for all: is it right?"
    shown = "".join(sign for sign in " | ".join(guess.samples) if sign.isprintable())
    return f"  # {guess.confidence:.0%}" + (f": {shown[:REMARK_CHARS_MAX]}" if shown else "")


def _column(column: Column) -> str:
    """The short form where the column's name says all."""
    said = {
        name: value for name in Column.__struct_fields__ if (value := getattr(column, name)) != getattr(DEFAULTS, name)
    }
    if list(said) == ["column"]:
        return _value(column.column)
    return "{ " + ", ".join(f"{name} = {_value(value)}" for name, value in said.items()) + " }"


def _value(value: Any) -> str:
    """A value in TOML 1.0, whatever signs a stranger's column has in its name."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in escaped) + '"'
    return str(value)
