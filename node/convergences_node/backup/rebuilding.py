# SPDX-License-Identifier: AGPL-3.0-or-later
"""A town made again in a new folder, from what is left of it: backup, recovery sheet, peers, or a stick.

| what is left | what comes back | how |
|---|---|---|
| backup + sheet | everything up to the backup; what came after it, from peers | `from_backup` |
| sheet + agglomeration that keeps a backup | the same, the log itself from the agglomeration | `from_vault` |
| sheet + peers (or a bundle) | what was public; a new key, named by the sheet | `from_sheet` |
| peers, and people who know each other | what was public, once the agglomeration has decided | `from_nothing` |

In each case the town writes on in a new epoch of its own log, and the old one is pulled back and kept whole: that is
waited for in `settling.py`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
from convergences_protocol.errors import ConvergencesError, Fault, LocalError, RemoteError
from convergences_protocol.keys import SigningKey
from convergences_protocol.opening import Opening
from convergences_protocol.recovery import write_sheet

from convergences_node.archive.archive import Archive
from convergences_node.archive.durable import replace_durably
from convergences_node.bundles.sources import FAILURES, LogSource, openings, source_at, stick_fault
from convergences_node.config import CONFIG_NAME, load_config
from convergences_node.config_text import write_config
from convergences_node.faults import NotNow, fault_to_json
from convergences_node.founding import Founded, create_town
from convergences_node.imports.remembering import CHOICE as IMPORTS_KNOWN
from convergences_node.imports.remembering import known_until
from convergences_node.network.addresses import is_http
from convergences_node.territories import find
from convergences_node.vault import claiming
from convergences_node.verbs import Json, perform

from . import shelf
from .recipient import recipient_of
from .restoring import Restored, or_nothing, require_empty, restore, unwritable_told
from .settling import settle

log = logging.getLogger(__name__)

HTTP_SECONDS_MAX = 30.0
ADDRESSES_MAX = 64
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
    vault: bool = True
    """Ask at `addresses` for a backup that an agglomeration keeps."""


async def rebuild(folder: Path, left: Left, wait_s: float, tell: Tell) -> dict[str, Json]:
    """Make the town again in `folder`, by the best of the ways, and wait for it as long as `wait_s`.

    Answer: `{how: "backup" | "vault" | "sheet" | "person", territory, …}`: what the way says, and what `settled` says.
    """
    sources = [*left.addresses, *([str(left.bundle)] if left.bundle else [])]
    if left.recovery_seed is None:
        if left.backup is not None or left.territory is None:
            raise LocalError(
                "without the recovery sheet no backup can be opened",
                hint="give --sheet, or --code alone",
                fault=Fault("", "backup_without_sheet"),
            )
        with unwritable_told(folder):
            return {"how": "person", **await from_nothing(folder, left.territory, left.name, sources)}
    try:
        with unwritable_told(folder):
            answer = await from_any_backup(folder, left.recovery_seed, left, tell)
    except claiming.NobodyAnswers as error:  # a bundle may do
        log.warning("%s", error)
        answer = None
    if answer is None:
        with unwritable_told(folder):
            answer = await from_sheet(folder, left.recovery_seed, sources, left.invitation, tell)
        return {"how": "sheet", **answer, **(await settle(folder, wait_s, tell) if left.invitation else {})}
    if left.bundle is not None:
        answer["bundle"] = await _read_bundle(folder, left.bundle, tell)
    return answer | await settle(folder, wait_s, tell)


async def from_any_backup(folder: Path, recovery_seed: bytes, left: Left, tell: Tell) -> dict[str, Json] | None:
    """Put back the backup that is at hand, else the one that an agglomeration keeps; None if there is neither.

    Answer: `{how: "backup" | "vault", backup, made_at, name, former, records, files}`. Raises `LocalError`, or
    `NobodyAnswers`: nothing is there.
    """
    if left.backup is not None:
        path = newest(left.backup, recovery_seed)
        restored = await asyncio.to_thread(from_backup, folder, path, recovery_seed, left.addresses, tell)
        return {"how": "backup", "backup": str(path), **_told_of(restored)}
    if left.vault and (kept := await from_vault(folder, recovery_seed, left.addresses, tell)) is not None:
        return {"how": "vault", "backup": kept.address, **_told_of(kept.restored)}
    return None


def _told_of(restored: Restored) -> dict[str, Json]:
    facts = restored.facts
    return {
        "made_at": facts.created_at,
        "name": facts.name,
        "former": facts.origin,
        "records": restored.records,
        "files": restored.files,
    }


async def _read_bundle(folder: Path, bundle: Path, tell: Tell) -> Json:
    from convergences_node.town import Town

    async with Town.open(folder) as town:
        try:
            return await perform(town, "bundle_read", {"path": str(bundle)}, tell)
        except (LocalError, RemoteError) as error:  # the backup is back: the stick may be read again at any time
            log.warning("the bundle %s: %s", bundle, error)
            return {"path": str(bundle), "sound": False, **_torn(error), "logs": [], "blobs": 0}


def _torn(error: ConvergencesError) -> dict[str, Json]:
    fault = error.fault or Fault("", "bundle_damaged", {"file": "logs"})
    return {"reason": str(error), "fault": fault_to_json(fault)}


def newest(path: Path, recovery_seed: bytes) -> Path:
    """The backup that is meant: the file itself or, of a folder, the newest whole one that the sheet opens.

    By the notes that stand beside them; without any, the newest, if they are all of one town.
    """
    if os.path.isfile(path):  # noqa: PTH113 - of a stick that fails, Path would raise, and looking into it says why
        return path
    found = shelf.kept(path)
    if not found:
        raise LocalError(f"there is no backup in {path}", fault=Fault("", "backup_none", {"folder": str(path)}))
    recipient = recipient_of(SigningKey.from_seed(recovery_seed).public)
    ours = shelf.opened_by(found, recipient)
    territories = {each.territory for each in found}
    if not ours and len(territories) > 1:
        raise LocalError(
            f"{path} has backups of {', '.join(sorted(territories))}",
            hint="name the file of the one that is meant",
            fault=Fault("", "backup_of_several", {"folder": str(path), "territories": ", ".join(sorted(territories))}),
        )
    return (ours or found)[-1].path


def from_backup(folder: Path, backup: Path, recovery_seed: bytes, addresses: Sequence[str], tell: Tell) -> Restored:
    """Put a backup back; `addresses` of peers are written into its settings. Raises `LocalError`: nothing is there."""

    def told(done: int, total: int) -> None:
        tell({"what": "restore", "done": done, "total": total})

    restored = restore(backup, recovery_seed, folder, told)
    with or_nothing(folder):
        _know(folder, addresses)
    return restored


@dataclass(frozen=True, slots=True)
class FromVault:
    """A town put back from what its agglomeration has kept."""

    restored: Restored
    address: str


async def from_vault(folder: Path, recovery_seed: bytes, addresses: Sequence[str], tell: Tell) -> FromVault | None:
    """Put back the newest backup that one of these nodes keeps for the sheet; None if none keeps any.

    One that cannot be fetched or opened is passed over for the one before it. Raises `LocalError` if no one is sound,
    `NobodyAnswers` if none of the nodes could be asked: nothing is there.
    """
    require_empty(folder)
    kept = await claiming.found(addresses, SigningKey.from_seed(recovery_seed))
    failure: ConvergencesError | None = None

    def told(done: int, total: int) -> None:
        tell({"what": "fetch", "done": done, "total": total})

    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="convergences-", dir=folder.parent) as scratch:
        for which in sorted(kept, key=lambda each: -each.kept_at):
            try:
                path = await claiming.fetch(which, Path(scratch), told)
                restored = await asyncio.to_thread(from_backup, folder, path, recovery_seed, addresses, tell)
            except (LocalError, RemoteError) as error:
                log.warning("the backup of %s that %s keeps: %s", which.territory, which.address, error)
                failure = error
            else:
                return FromVault(restored, which.address)
    if failure is not None:
        raise failure
    return None


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

    alone = None
    try:
        async with Town.open(folder) as town:
            alone = True
            await town.archive.choose(IMPORTS_KNOWN, known_until({}))
            try:
                done = await perform(town, "end", params, tell)
            finally:
                alone = town.membership.own.previous is None  # else others may have heard of this node
            joined = await perform(town, "join", {"invitation": invitation}, tell) if invitation else None
            return done, joined
    except BaseException as error:
        if alone or (alone is None and _was_ours(error)):
            shutil.rmtree(folder, ignore_errors=True)  # only here, where nothing writes in it any more
        raise


async def from_nothing(folder: Path, territory: str, name: str | None, addresses: Sequence[str]) -> dict[str, Json]:
    """Found the town anew under a new key and a new sheet. What a person then says at the agglomeration is for whoever
    shows this: the answer has the old log and the new one."""
    require_empty(folder)
    named = await _named(addresses, lambda opening: opening.territory == territory) if addresses else None
    name = name or (named.opening.name if named else find(territory).name)
    founded = await _found(folder, territory, name, addresses, None)
    with or_nothing(folder):  # its new sheet is shown at the end
        async with await Archive.open(folder) as archive:
            await archive.choose(IMPORTS_KNOWN, known_until({}))
            own = await archive.read(lambda reader: reader.own_log())
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
    kind = find(territory).node_kind
    require_empty(folder)  # still: who was asked for the log may have taken minutes to answer
    try:
        return await create_town(folder, territory, kind, name, settings=settings, recovery_seed=recovery_seed)
    except BaseException as error:
        if _was_ours(error):
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _was_ours(error: BaseException) -> bool:
    """Whether a folder in which no town could be made, or opened, is ours to remove: whoever is refused there has found
    another process at it, which was faster."""
    return isinstance(error, NotNow) or not isinstance(error, LocalError)


async def _named(addresses: Sequence[str], wanted: Callable[[Opening], bool]) -> Named | None:
    """Of the logs that are meant, the one that no other continues; where there are several, the longest."""
    found: list[Named] = []
    failure: Exception | None = None
    torn: list[Fault] = []
    timeout = aiohttp.ClientTimeout(total=HTTP_SECONDS_MAX)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        for address in addresses[:ADDRESSES_MAX]:
            source: LogSource = source_at(session, address)

            def missed(error: Exception, address: str = address) -> None:
                """Of a stick it may have been the very log that is looked for."""
                if fault := stick_fault(address, error):
                    torn.append(fault)

            try:
                found += [Named(opening, size, address) for opening, size in await openings(source, wanted, missed)]
            except FAILURES as error:
                missed(error)
                failure = error
    if not found and torn:
        raise LocalError(f"a bundle could not be read: {torn[0]}", fault=torn[0]) from failure
    if not found and failure is not None:
        reason = str(failure) or type(failure).__name__
        raise LocalError(
            f"no node could be asked: {reason}", fault=Fault("", "rebuild_unreached", {"reason": reason})
        ) from failure
    continued = {each.opening.previous.origin for each in found if each.opening.previous is not None}
    ends = [each for each in found if each.opening.origin not in continued]
    return max(ends, key=lambda each: each.size, default=None)
