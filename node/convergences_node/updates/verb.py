# SPDX-License-Identifier: AGPL-3.0-or-later
"""The verbs of updates. Parameters and answers: `params.py`."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from convergences_protocol.errors import Fault, LocalError, RemoteError
from convergences_protocol.release import Package, Release

from convergences_node.archive.durable import replace_durably
from convergences_node.faults import fault_to_json

from . import offering
from .attempt import APPLY, RETURN, SEEN_NAME, TRIAL, WORKING, Attempt, last_attempt, say, was_seen
from .choosing import Found, choose, judged, refusal
from .finding import Offer, offers, ranked
from .params import UpdateApply, UpdateCheck, UpdateOffer, UpdateReturn, UpdateSeen, UpdateStage, UpdateStatus
from .places import Installed, installed, runtime_folder
from .staging import stage, staged

if TYPE_CHECKING:
    from convergences_node.params import Json, Tell
    from convergences_node.town import Town

_STAGING: set[Path] = set()
"""Folders of nodes where an update is being prepared: one at a time each, by a page or by the command line."""


async def check(town: Town, params: UpdateCheck, tell: Tell) -> Json:
    """See `params.UpdateCheck`."""
    here = await asyncio.to_thread(installed)
    found = await _found(town, params.where, here)
    return {
        **await _status(town),
        "installed": {"version": here.version, "architecture": here.architecture},
        "offers": [_told(each, here) for each in found.offers],
        "unreachable": found.unreachable,
    }


async def _found(town: Town, where: str | None, here: Installed) -> Found:
    place = Path(where) if where else None
    found = await asyncio.to_thread(offers, place, here)
    if place:
        return Found(found, place)
    try:
        given = await offering.ask(town, here)
    except RemoteError as error:
        return Found(found, unreachable=str(error))
    return Found(ranked([*found, given]) if given else found)


def _told(each: Offer, here: Installed) -> dict[str, Json]:
    package, refused = judged(each, here)
    return {
        "version": each.release.version if each.release else None,
        "where": "" if each.from_peer else str(each.where),
        "bytes": package.size if package else None,
        "refused": fault_to_json(refused.fault) if refused and refused.fault else None,
    }


async def stage_one(town: Town, params: UpdateStage, tell: Tell) -> Json:
    """See `params.UpdateStage`."""
    here = await asyncio.to_thread(installed)
    _at_rest(await asyncio.to_thread(last_attempt))
    chosen, package = choose(await _found(town, params.where, here), params.version, here)
    if town.folder in _STAGING:
        raise LocalError("an update is being prepared already", fault=Fault("", "update_staging"))
    _STAGING.add(town.folder)
    with ExitStack() as held:
        held.callback(_STAGING.discard, town.folder)
        release = await _stage(town, chosen, package, here, tell, held)
    return {"version": release.version, "bytes": package.size, "where": "" if chosen.from_peer else str(chosen.where)}


async def _stage(town: Town, chosen: Offer, package: Package, here: Installed, tell: Tell, held: ExitStack) -> Release:
    """Copy it in a thread, which goes on to its end whoever waits for it, and lets go of what is held only then."""
    path = await offering.fetch(town, package) if chosen.from_peer else None
    loop, holding = asyncio.get_running_loop(), held.pop_all()

    def told(done: int, total: int) -> None:
        loop.call_soon_threadsafe(tell, {"what": "update", "done": done, "total": total})

    def work() -> Release:
        with holding:
            pieces = None if path is None else lambda package: offering.pieces_of(path)
            return stage(town.folder, chosen, here, told, pieces)

    try:
        copying = loop.run_in_executor(None, work)
        copying.add_done_callback(lambda done: done.exception())  # perhaps nobody waits for it any more
        return await asyncio.shield(copying)
    finally:
        if path is not None:
            await town.blobs.remove(bytes.fromhex(package.digest))


def _at_rest(attempt: Attempt | None) -> None:
    if attempt is not None and (attempt.phase in WORKING or attempt.phase == TRIAL):
        raise LocalError(
            f"an update to {attempt.new} is under way",
            hint="convergences update status",
            fault=Fault("", "update_under_way", {"version": attempt.new}),
        )


async def apply(town: Town, params: UpdateApply, tell: Tell) -> Json:
    """See `params.UpdateApply`."""
    here = await asyncio.to_thread(installed)
    _at_rest(await asyncio.to_thread(last_attempt))
    release = await asyncio.to_thread(staged, town.folder, here)
    if release is None:
        raise LocalError(
            "nothing is staged that may be installed",
            hint="convergences update stage",
            fault=Fault("", "update_nothing_staged"),
        )
    await asyncio.to_thread(say, APPLY, release.version)
    return {"version": release.version}


async def status(town: Town, params: UpdateStatus, tell: Tell) -> Json:
    """See `params.UpdateStatus`."""
    return await _status(town)


async def _status(town: Town) -> dict[str, Json]:
    here = await asyncio.to_thread(_installed)
    attempt = await asyncio.to_thread(last_attempt)
    ready = await asyncio.to_thread(staged, town.folder, here) if here else None
    offered = await asyncio.to_thread(_offered, town.folder)
    return {
        "version": here.version if here else None,
        "staged": ready.version if ready else None,
        "held": town.archive.held,
        "attempt": _attempt(attempt, town.folder) if attempt else None,
        "offered": offered,
        "can_install": here is not None and runtime_folder() is not None,
        "signers": len(here.keys.keys) if here else 0,
    }


def _installed() -> Installed | None:
    try:
        return installed()
    except LocalError:
        return None


def _offered(folder: Path) -> str | None:
    """The version that is offered to towns here."""
    from convergences_protocol import note
    from convergences_protocol.release import read_release

    try:
        return read_release(note.parse(offering.offered_bytes(folder)).text).version
    except RemoteError:
        return None


def _attempt(attempt: Attempt, folder: Path) -> dict[str, Json]:
    return {
        "phase": attempt.phase,
        "old": attempt.old,
        "new": attempt.new,
        "at": attempt.at,
        "reason": fault_to_json(attempt.reason) if attempt.reason else None,
        "seen": was_seen(attempt, folder),
    }


async def back(town: Town, params: UpdateReturn, tell: Tell) -> Json:
    """See `params.UpdateReturn`."""
    attempt = await asyncio.to_thread(last_attempt)
    if attempt is None or attempt.phase != TRIAL:
        raise LocalError(
            "no new version is on trial: there is nothing to return from",
            hint="an older package is installed by hand: apt install ./convergences_….deb",
            fault=Fault("", "update_not_on_trial"),
        )
    await asyncio.to_thread(say, RETURN, attempt.identifier)
    return {"version": attempt.old}


async def seen(town: Town, params: UpdateSeen, tell: Tell) -> Json:
    """See `params.UpdateSeen`."""
    attempt = await asyncio.to_thread(last_attempt)
    if attempt is not None:
        await asyncio.to_thread(replace_durably, town.folder / SEEN_NAME, attempt.identifier.encode())
    return await _status(town)


async def offer(town: Town, params: UpdateOffer, tell: Tell) -> Json:
    """See `params.UpdateOffer`."""
    if town.config.node.kind != "agglomeration":
        raise LocalError("only an agglomeration offers updates to towns", fault=Fault("", "update_offer_town"))
    if not params.where:
        await offering.offer_none(town)
        return {"version": None, "packages": {}}
    here = await asyncio.to_thread(installed)
    found = await asyncio.to_thread(offers, Path(params.where), here)
    if not found:
        raise LocalError(f"no release in {params.where}", fault=Fault("", "update_none_at", {"where": params.where}))
    if found[0].release is None:
        raise refusal(found[0], here)
    release = await offering.offer(town, found[0])
    return {
        "version": release.version,
        "packages": {package.architecture: package.size for package in release.packages},
    }
