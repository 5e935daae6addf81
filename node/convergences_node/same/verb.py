# SPDX-License-Identifier: AGPL-3.0-or-later
"""The verbs about what is the same: list, accept, reject, undo. Parameters and answers: `params.py`.

A person decides, pair by pair. To accept is to write a signed `same_as` relation in this node's own log; to undo is to
withdraw it. Both elements stay as they are.
"""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
from convergences_protocol.errors import Fault, LocalError
from convergences_protocol.kinds import KINDS

from convergences_node.archive.model import NewRecord
from convergences_node.asking import element_id
from convergences_node.doing import may_write, withdraw
from convergences_node.faults import NotFound
from convergences_node.index.views import Item
from convergences_node.same.facts import KINDS_COMPARED, Facts, facts_of
from convergences_node.same.finding import Proposal, proposals
from convergences_node.same.memory import Refusals
from convergences_node.same.scoring import THRESHOLD
from convergences_node.same.spool import Spool

if TYPE_CHECKING:
    from convergences_node.params import Json, Tell
    from convergences_node.same.params import SameAccept, SameList, SameReject, SameUndo
    from convergences_node.town import Town

PREDICATE = "same_as"
SHOWN_MAX = 1_000
SCORE_LEAST = 40
"""Below, there are more pairs of strangers than anybody could look at."""


async def list_pairs(town: Town, params: SameList, tell: Tell) -> Json:
    """See `params.SameList`."""
    least = THRESHOLD if params.min_score is None else params.min_score
    if least < SCORE_LEAST:
        raise LocalError(
            f"pairs with fewer than {SCORE_LEAST} points are mostly strangers",
            hint="ask for more points",
            fault=Fault("min_score", "same_strangers", {"least": SCORE_LEAST}),
        )
    await town.index.catch_up()
    with Spool() as spool:
        await _gather(town, spool, tell)
        said = {frozenset((one, other)) for one, other, _ in await town.index.same_said()}
        most = max(1, min(params.limit, SHOWN_MAX))
        found = await asyncio.to_thread(_find, town, spool, least, said, most, tell)
        return {
            "pairs": [_told(each) for each in found[0]],
            "more": found[1],
            "compared": spool.count,
            "left_out": spool.left_out,
            "min_score": least,
        }


async def _gather(town: Town, spool: Spool, tell: Tell) -> None:
    """Read every element that is compared, a portion at a time."""
    kinds = [kind for kind in KINDS_COMPARED if kind in KINDS]
    total, after = await town.index.held(kinds), -1
    while True:
        portion = await town.index.listing(kinds, after)
        facts = [
            facts_of(item.id, item.kind, f"{item.origin}/{item.index}", portion.details[item.id].fields)
            for item in portion.items
            if item.id in portion.details
        ]
        await asyncio.to_thread(spool.add, facts)
        tell({"what": "same", "done": spool.count, "total": 2 * total})
        if portion.after is None:
            return
        after = portion.after


def _find(
    town: Town, spool: Spool, least: int, said: set[frozenset[str]], most: int, tell: Tell
) -> tuple[list[Proposal], int]:
    """The best pairs that nobody has decided about, and how many there are beyond."""
    with Refusals(town.folder) as refusals:

        def decided(one: Facts, other: Facts) -> bool:
            return frozenset((one.id, other.id)) in said or refusals.has(((one.id, one.state), (other.id, other.state)))

        def progress(done: int) -> None:
            # How often an element is compared is not known beforehand: about as often as it has been read.
            tell({"what": "same", "done": spool.count + min(spool.count, done // 4), "total": 2 * spool.count})

        found = proposals(spool, least, decided, progress)
        return list(islice(found, most)), sum(1 for _ in found)


def _told(proposal: Proposal) -> dict[str, Json]:
    return {
        "score": proposal.score.points,
        "reasons": [{"reason": each.name, "points": each.points} for each in proposal.score.reasons],
        "one": msgspec.to_builtins(proposal.one),
        "other": msgspec.to_builtins(proposal.other),
    }


async def accept(town: Town, params: SameAccept, tell: Tell) -> Json:
    """See `params.SameAccept`."""
    may_write(town)
    one, other = await _ends(town, params.one, params.other)
    if (relation := await _relation(town, one.id, other.id)) is not None:
        return {"relation": relation, "one": _end(one), "other": _end(other), "state": "accepted already"}
    fields: dict[str, Any] = {"subject": one.id, "predicate": PREDICATE, "object": other.id}
    (placed,) = await town.archive.append([NewRecord("relation", fields, None, None)])
    await town.index.catch_up()
    with Refusals(town.folder) as refusals:
        refusals.forget(one.id, other.id)
    return {
        "relation": str(placed.element),
        "origin": placed.origin,
        "index": placed.index,
        "one": _end(one),
        "other": _end(other),
        "state": "accepted",
    }


async def reject(town: Town, params: SameReject, tell: Tell) -> Json:
    """See `params.SameReject`."""
    one, other = await _ends(town, params.one, params.other)
    if (relation := await _relation(town, one.id, other.id)) is not None:
        raise LocalError(
            f"{relation} says that they are one",
            hint=f"convergences same undo {one.id} {other.id}",
            fault=Fault("", "same_said", {"relation": relation}),
        )
    with Refusals(town.folder) as refusals:
        refusals.add(((one.id, _state(one)), (other.id, _state(other))), town.now())
    return {"one": _end(one), "other": _end(other), "state": "rejected"}


async def undo(town: Town, params: SameUndo, tell: Tell) -> Json:
    """See `params.SameUndo`."""
    one, other = str(element_id(params.one)), str(element_id(params.other))
    await town.index.catch_up()
    relation = await _relation(town, one, other)
    if relation is not None:
        from convergences_node.verbs import Withdraw

        done = await withdraw(town, Withdraw(element=relation), tell)
        await town.index.catch_up()
        return {"state": "withdrawn", "relation": relation, "origin": done["origin"], "index": done["index"]}
    with Refusals(town.folder) as refusals:
        if refusals.forget(one, other):
            return {"state": "forgotten", "relation": None}
    raise NotFound(
        f"nobody here has said that {one} and {other} are one, or are not",
        fault=Fault("", "same_not_said", {"one": one, "other": other}),
    )


async def _ends(town: Town, one: str, other: str) -> tuple[Item, Item]:
    """Both elements, as they are here."""
    if element_id(one) == element_id(other):
        raise LocalError("an element is always the same as itself", fault=Fault("", "same_itself"))
    await town.index.catch_up()
    found = []
    for each in (one, other):
        view = await town.index.element(str(element_id(each)))
        if view is None:
            raise NotFound(f"{each} is not known here", fault=Fault("", "element_unknown", {"id": each}))
        found.append(view.item)
    if found[0].kind != found[1].kind:
        raise LocalError(
            f"one is of kind {found[0].kind}, the other of kind {found[1].kind}: they are two things",
            fault=Fault("", "same_kinds", {"one": found[0].kind, "other": found[1].kind}),
        )
    return found[0], found[1]


async def _relation(town: Town, one: str, other: str) -> str | None:
    """The relation of this node's own territory that says so."""
    view, own = await town.index.element(one), town.membership.own.territory
    for each in view.relations if view is not None else ():
        if (each.predicate, each.other, each.until, each.asserted_by) == (PREDICATE, other, None, own):
            return each.id
    return None


def _state(item: Item) -> str:
    return f"{item.origin}/{item.index}"


def _end(item: Item) -> dict[str, Json]:
    return {"id": item.id, "name": item.name, "town": item.town or item.territory}
