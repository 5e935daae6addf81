# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a declaration may say of a source that is a server and needs no mapping: another node, or linked data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from convergences_protocol.codes import is_territory
from convergences_protocol.kinds import KINDS

if TYPE_CHECKING:
    from .declaration import Where

_SERVER = re.compile(r"https?://[^\s/?#@]+/?")


def server_problems(where: Where, mapped: bool) -> Iterator[str]:
    """What is wrong with it, the first thing first."""
    for name, given in (("node", where.node), ("void", where.void)):
        if given is not None and not _SERVER.fullmatch(given):
            yield f"where.{name}: {given[:100]!r} is not an address such as https://noeud.example"
    if where.is_server and mapped:
        yield "mapping: what comes from a node or from linked data needs none"
    for kind in where.kinds:
        if kind not in KINDS:
            yield f"where.kinds: {kind[:40]!r} is no kind; there are {', '.join(KINDS)}"
    for code in where.territories:
        if not is_territory(code):
            yield f"where.territories: {code[:40]!r} is not a code such as FR-93066"
