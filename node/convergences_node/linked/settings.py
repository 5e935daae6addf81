# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whether this node answers in SPARQL: the `[linked]` table of `convergences.toml`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from convergences_node.section import Section

if TYPE_CHECKING:
    from convergences_node.config import Config


class LinkedSection(Section):
    """The records as a graph that can be asked in SPARQL, kept in a folder beside the index."""

    sparql: Annotated[
        Literal["auto", "on", "off"],
        Meta(description="Answer queries at `/sparql`; `auto`: an agglomeration does, a town does not."),
    ] = "auto"


def is_on(config: Config) -> bool:
    """Whether this node answers SPARQL: as its operator says, else if it is an agglomeration's."""
    said = config.linked.sparql
    return said == "on" or (said == "auto" and config.node.kind == "agglomeration")
