# SPDX-License-Identifier: AGPL-3.0-or-later
"""A town made again in a new folder, from what is left of it: backup, recovery sheet, peers, or a stick.

| what is left | what comes back | how |
|---|---|---|
| backup + sheet | everything up to the backup; what came after it, from peers | `from_backup` |
| sheet + peers (or a bundle) | what was public; a new key, named by the sheet | `from_sheet` |
| peers, and people who know each other | what was public, once the agglomeration has decided | `from_nothing` |

In each case the town writes on in a new epoch of its own log, and the old one is pulled back and kept whole. `settle`
runs the node until that is done and the charter names the new epoch, or as long as one cares to wait: the node goes
on with it whenever it runs.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
from convergences_protocol.errors import ConvergencesError, Fault, LocalError
from convergences_protocol.keys import SigningKey
from convergences_protocol.opening import Opening
from convergences_protocol.recovery import write_sheet

from convergences_node.archive.durable import replace_durably
from convergences_node.archive.reader import ArchiveReader
from convergences_node.bundles.sources import FAILURES, LogSource, openings, source_at
from convergences_node.config import CONFIG_NAME, load_config, write_config
from convergences_node.founding import Founded, create_town
from convergences_node.network.addresses import is_http
from convergences_node.territories import find
from convergences_node.verbs import Json, perform

from . import shelf
from .restoring import Restored, require_empty, restore

if TYPE_CHECKING:
    from convergences_node.town import Town

HTTP_SECONDS_MAX = 30.0
ADDRESSES_MAX = 64
LOOK_S = 0.5
WHY = "rebuilt"
"""What the old log's `end` gives as its reason."""

Tell = Callable[[dict[str, Json]], None]


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of the town."""

    backup: Path | None = None
    recovery_seed: bytes | None = None
    addresses: tuple[str, ...] = ()
    bundle: Path | None = None
    invitation: str | None = None
    territory: str | None = None
    """Only where there is no sheet."""
    name: str | None = None


async def rebuild(folder: Path, left: Left, wait_s: float, tell: Tell) -> dict[str, Json]:
    """Make the town again in `folder`, by the best of the three ways, and wait for it as long as `wait_s`.

    Answer: `{how: "backup" | "sheet" | "person", territory, …}`: what the way says, and what `settled` says.
    """
    sources = [*left.addresses, *([str(left.bundle)] if left.bundle else [])]
    if left.recovery_seed is None:
        if left.backup is not None or left.territory is None:
            raise LocalError("without the recovery sheet no backup can be opened", hint="give --sheet, or --code alone")
        return {"how": "person", **await from_nothing(folder, left.territory, left.name, sources)}
    if left.backup is None:
        answer = await from_sheet(folder, left.recovery_seed, sources, left.invitation, tell)
        return {"how": "sheet", **answer, **(await settle(folder, wait_s, tell) if left.invitation else {})}
    path = newest(left.backup, left.territory)
    restored = await asyncio.to_thread(from_backup, folder, path, left.recovery_seed, left.addresses, tell)
    facts = restored.facts
    answer = {
        "how": "backup",
        "backup": str(path),
        "made_at": facts.created_at,
        "name": facts.name,
        "former": facts.origin,
        "records": restored.records,
        "files": restored.files,
    }
    if left.bundle is not None:
        answer["bundle"] = await _read_bundle(folder, left.bundle, tell)
    return answer | await settle(folder, wait_s, tell)


async def _read_bundle(folder: Path, bundle: Path, tell: Tell) -> Json:
    from convergences_node.town import Town

    async with Town.open(folder) as town:
        return await perform(town, "bundle_read", {"path": str(bundle)}, tell)


def newest(path: Path, territory: str | None = None) -> Path:
    """The backup that is meant: the file itself, or the newest whole one of a folder."""
    if path.is_file():
        return path
    found = shelf.kept(path, territory)
    territories = {each.territory for each in found}
    if not found:
        raise LocalError(f"there is no backup in {path}", fault=Fault("", "backup_none", {"folder": str(path)}))
    if len(territories) > 1:
        raise LocalError(
            f"{path} has backups of {', '.join(sorted(territories))}", hint="name the file of the one that is meant"
        )
    return found[-1].path


def from_backup(folder: Path, backup: Path, recovery_seed: bytes, addresses: Sequence[str], tell: Tell) -> Restored:
    """Put a backup back; `addresses` of peers are written into its settings. Raises `LocalError`: nothing is there."""

    def told(done: int, total: int) -> None:
        tell({"what": "restore", "done": done, "total": total})

    restored = restore(backup, recovery_seed, folder, told)
    _know(folder, addresses)
    return restored


def _know(folder: Path, addresses: Sequence[str]) -> None:
    """Have the node look for its peers there, from now on."""
    config = load_config(folder)
    added = [address for address in addresses if is_http(address) and address not in config.peers.addresses]
    if added:
        config.peers.addresses = [*config.peers.addresses, *added][:ADDRESSES_MAX]
        replace_durably(folder / CONFIG_NAME, write_config(config).encode())


# ------------------------------------------------------------------------------------- without a backup
@dataclass(frozen=True, slots=True)
class Named:
    """The log that a sheet, or a territory, is about, as somebody keeps it."""

    opening: Opening
    size: int
    at: str


async def from_sheet(
    folder: Path, recovery_seed: bytes, addresses: Sequence[str], invitation: str | None, tell: Tell
) -> dict[str, Json]:
    """Found the town anew under the same sheet, and let the recovery key name it the old log's successor.

    Everything public is copied from `addresses` (of nodes, or paths of bundles); nothing private comes back.
    """
    require_empty(folder)
    public = SigningKey.from_seed(recovery_seed).public
    named = await _named(addresses, lambda opening: opening.recovery_key == public)
    if named is None:
        raise LocalError(
            "none of these nodes keeps a log of this sheet",
            hint="--at the agglomeration's address, or --bundle",
            fault=Fault("", "sheet_of_nobody"),
        )
    opening = named.opening
    await _found(folder, opening.territory, opening.name, addresses, recovery_seed)
    words = "\n".join(write_sheet(recovery_seed))
    params = {"origin": opening.origin, "why": WHY, "recovery": words, "at": list(addresses)}
    done, joined = await _succeed(folder, params, invitation, tell)
    return {**done, "territory": opening.territory, "name": opening.name, "joined": joined}


async def _succeed(
    folder: Path, params: dict[str, Any], invitation: str | None, tell: Tell
) -> tuple[dict[str, Json], Json]:
    from convergences_node.town import Town

    async with Town.open(folder) as town:
        try:
            done = await perform(town, "end", params, tell)
        except ConvergencesError:
            if town.membership.own.previous is None:  # nobody has heard of this node yet
                shutil.rmtree(folder, ignore_errors=True)
            raise
        joined = await perform(town, "join", {"invitation": invitation}, tell) if invitation else None
    return done, joined


async def from_nothing(folder: Path, territory: str, name: str | None, addresses: Sequence[str]) -> dict[str, Json]:
    """Found the town anew under a new key and a new sheet. What a person then says at the agglomeration is for whoever
    shows this: the answer has the old log and the new one."""
    require_empty(folder)
    named = await _named(addresses, lambda opening: opening.territory == territory) if addresses else None
    name = name or (named.opening.name if named else find(territory).name)
    founded = await _found(folder, territory, name, addresses, None)
    with_reader = ArchiveReader.open(folder)
    try:
        own = with_reader.own_log()
    finally:
        with_reader.close()
    assert own.recovery_key is not None
    return {
        "territory": territory,
        "name": name,
        "origin": named.opening.origin if named else None,
        "size": named.size if named else None,
        "successor": own.origin,
        "key": own.key.hex(),
        "recovery_key": own.recovery_key.hex(),
        "recovery_sheet": list(founded.recovery_sheet),
    }


async def _found(
    folder: Path, territory: str, name: str, addresses: Sequence[str], recovery_seed: bytes | None
) -> Founded:
    http = [address for address in addresses if is_http(address)]
    settings = {"peers": {"addresses": http[:ADDRESSES_MAX]}}
    return await create_town(
        folder, territory, find(territory).node_kind, name, settings=settings, recovery_seed=recovery_seed
    )


async def _named(addresses: Sequence[str], wanted: Callable[[Opening], bool]) -> Named | None:
    """Of the logs that are meant, the one that no other continues; where there are several, the longest."""
    found: list[Named] = []
    failure: Exception | None = None
    timeout = aiohttp.ClientTimeout(total=HTTP_SECONDS_MAX)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        for address in addresses[:ADDRESSES_MAX]:
            source: LogSource = source_at(session, address)
            try:
                found += [Named(opening, size, address) for opening, size in await openings(source, wanted)]
            except FAILURES as error:
                failure = error
    if not found and failure is not None:
        raise LocalError(f"no node could be asked: {failure or type(failure).__name__}") from failure
    continued = {each.opening.previous.origin for each in found if each.opening.previous is not None}
    ends = [each for each in found if each.opening.origin not in continued]
    return max(ends, key=lambda each: each.size, default=None)


# ------------------------------------------------------------------------------------- until it is the same town
async def settle(folder: Path, wait_s: float, tell: Tell) -> dict[str, Json]:
    """Run the node of `folder` until its old logs are whole and its charter names the new one, or `wait_s` have passed.

    Answer: as `settled`.
    """
    from convergences_node import serve

    towns: list[Town] = []
    ready, stop = asyncio.Event(), asyncio.Event()

    def came_up(town: Town) -> None:
        towns.append(town)
        ready.set()

    running = asyncio.create_task(serve.run(folder, came_up, stop))
    try:
        await asyncio.wait([running, asyncio.ensure_future(ready.wait())], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            _came_to_an_end(running)
        return await settled(towns[0], wait_s, tell)
    finally:
        stop.set()
        await asyncio.gather(running, return_exceptions=True)


def _came_to_an_end(running: asyncio.Task[Any]) -> None:
    """Say why the node did not even come up. What was put back stays: it is whole."""
    try:
        running.result()
    except OSError as error:
        raise LocalError(
            f"the town is in its folder again, and could not be started here: {error.strerror or error}",
            hint="stop what uses its ports, then: convergences serve",
        ) from error
    raise LocalError("the town is in its folder again, and stopped at once", hint="convergences serve says why")


async def settled(town: Town, wait_s: float, tell: Tell) -> dict[str, Json]:
    """Wait for it at a running town.

    Answer: `{territory, state: "settled" | "waiting" | "alone", origin, doubt, logs: [{origin, size, root, target,
    wanted, cosigned: {by, size, time}}]}`; `logs` are the town's former ones.
    """
    deadline = time.monotonic() + wait_s
    while True:
        logs = await _formers(town)
        done, total = sum(log["size"] for log in logs), sum(max(log["size"], log["target"]) for log in logs)
        tell({"what": "rebuild", "done": done, "total": total})
        whole = done == total and not any(log["wanted"] for log in logs)
        if whole and town.doubt_reason is None:
            state = "settled"
        elif not town.membership.joined and not town.peers():
            state = "alone"
        elif time.monotonic() >= deadline:
            state = "waiting"
        else:
            await asyncio.sleep(LOOK_S)
            continue
        own = town.membership.own
        return {
            "territory": own.territory,
            "state": state,
            "origin": own.origin,
            "doubt": town.doubt_reason,
            "logs": logs,
        }


async def _formers(town: Town) -> list[dict[str, Any]]:
    network = town.network
    return [
        log | {"target": network.target(log["origin"]) if network else 0}
        for log in await town.archive.read(lambda reader: _read_formers(reader, town.membership.former_origins))
    ]


def _read_formers(reader: ArchiveReader, origins: Sequence[str]) -> list[dict[str, Any]]:
    found = []
    for origin in origins:
        state = reader.log(origin)
        if state is None:
            continue
        others = [row for row in reader.cosignatures(origin) if row.cosigner != origin and row.size <= state.size]
        last = max(others, key=lambda row: (row.size, row.time), default=None)
        found.append(
            {
                "origin": origin,
                "size": state.size,
                "root": state.root.hex(),
                "wanted": state.wanted,
                "cosigned": {"by": last.cosigner, "size": last.size, "time": last.time} if last else None,
            }
        )
    return found
