# SPDX-License-Identifier: AGPL-3.0-or-later
"""The backup that the agglomeration keeps, on the operator's page: how it stands at a town, and a button to leave one.

At an agglomeration, when each of its towns has left one is in the list of towns (`towns.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from convergences_protocol.errors import ConvergencesError

from convergences_node.accounts import Session
from convergences_node.town import Town
from convergences_node.vault import leaving
from convergences_node.web import dates
from convergences_node.web.cards import Reading
from convergences_node.web.operator.drawing import faults_of, words
from convergences_node.web.operator.log_in import operating_of

WAIT_SECONDS = 20.0
"""Somebody looks at the page meanwhile; what is not taken by then is offered again later."""


@dataclass(frozen=True, slots=True)
class VaultPart:
    """What is said of it."""

    kept: str
    """When the one was made that is kept; empty: there is none."""
    kib: int
    waits: bool
    nightly: bool


async def vault_part(town: Town, reading: Reading) -> VaultPart | None:
    """How it stands; None where there is nobody to keep one."""
    if town.config.node.kind == "agglomeration" or not town.membership.joined:
        return None
    left = await leaving.left(town)
    kept = dates.instant(reading.messages, left["made_at"], reading.zone) if "kept_at" in left else ""
    return VaultPart(kept, kib(left.get("bytes", 0)), "waiting" in left, await leaving.is_nightly(town))


async def vault_leave(request: web.Request, session: Session, fields: dict[str, str]) -> web.StreamResponse:
    """Leave one now."""
    from convergences_node.web.operator.operator_page import draw_operator

    messages = words(request)
    try:
        done = await operating_of(request).perform("backup", {"vault": True, "wait": WAIT_SECONDS})
    except ConvergencesError as error:
        return await draw_operator(request, session, faults=faults_of(error, messages))
    return await draw_operator(request, session, told=messages.text("operator.vault.done", size=kib(done["bytes"])))


def kib(count: int) -> int:
    """For people: whole KiB, one at least."""
    return max(1, count // 1024)
