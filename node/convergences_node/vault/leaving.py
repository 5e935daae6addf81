# SPDX-License-Identifier: AGPL-3.0-or-later
"""At a town: a backup is made, its agglomeration is told of it, and pulls it; then the town knows that it is kept.

It holds what no peer can give back, and none of the log but its first record: the agglomeration has the log itself. The
file stands among the town's files until it is kept there; an agglomeration that is away takes it when it is back.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convergences_protocol.errors import ConvergencesError, Fault, LocalError, Refused, RemoteError
from convergences_protocol.vault import Deposit

from convergences_node.archive.durable import TEMPORARY
from convergences_node.backup import contents
from convergences_node.blobs.store import Readers
from convergences_node.faults import reason_of, why_of
from convergences_node.network.joining import JoinRefused, send_word
from convergences_node.read_only import refusal
from convergences_node.vault.keeping import KEPT

if TYPE_CHECKING:
    from convergences_node.archive.writer import ArchiveWriter
    from convergences_node.town import Town
    from convergences_node.verbs import Json, Tell

LEFT_CHOICE = "vault"
"""Where the archive remembers what was left: `{digest, bytes, made_at, kept_at, failed_at, reason, fault}`."""
SPOOL_NAME = "vault" + TEMPORARY
ASK_FIRST_S, ASK_MAX_S = 1.0, 30.0
"""Between two questions whether it is kept by now."""
WAIT_SECONDS = 600.0
"""How long one waits for it; a nightly backup is asked after again later."""
_MAKING: set[Path] = set()
"""Folders of nodes whose backup is being written into their spool: one at a time each."""


async def leave(town: Town, tell: Tell, wait_s: float = WAIT_SECONDS) -> dict[str, Json]:
    """Make a backup and have the agglomeration keep it. Answer: what is remembered of it. Raises if it is not kept."""
    _require_agglomeration(town)
    async with _noted(town):
        await _make(town, tell)
        await _until_kept(town, wait_s)
    return await left(town)


async def ask_again(town: Town, wait_s: float) -> None:
    """Ask after one that waits. Raises if it is still not kept."""
    _require_agglomeration(town)
    async with _noted(town):
        await _until_kept(town, wait_s)


@asynccontextmanager
async def _noted(town: Town) -> AsyncIterator[None]:
    """Remember why it is not kept."""
    try:
        yield
    except ConvergencesError as error:
        failed = {"failed_at": town.now(), **reason_of(error)}
        await _note(town, lambda value: value | failed)
        raise


async def left(town: Town) -> dict[str, Any]:
    """What is remembered of the last backup that was left, or tried to be."""
    text = await town.archive.read(lambda reader: reader.choice(LEFT_CHOICE))
    found: dict[str, Any] = json.loads(text) if text else {}
    return found


async def is_nightly(town: Town) -> bool:
    """Whether one is left every night: as the settings say, else once somebody here has left one."""
    chosen = town.config.vault.send
    return chosen == "on" or (chosen == "auto" and "kept_at" in await left(town))


async def _until_kept(town: Town, wait_s: float) -> None:
    """Ask the agglomeration until it keeps what waits. Raises what it refuses, or after so long why it is not kept.

    The button and the night may ask at once: who comes second finds nothing that waits, or another one that does.
    """
    deadline, pause = time.monotonic() + wait_s, ASK_FIRST_S
    while (waiting := (await left(town)).get("waiting")) is not None:
        why: ConvergencesError = RemoteError(
            "the agglomeration has not taken the backup yet; it is asked again later", fault=Fault("", "vault_later")
        )
        try:
            if await _announced(town, waiting) == KEPT:
                await _kept(town, waiting)
                continue
        except (JoinRefused, Refused):
            raise
        except ConvergencesError as error:
            why = error  # a network that has just come up, an agglomeration that starts again
        if time.monotonic() + pause > deadline:
            raise why
        await asyncio.sleep(pause)
        pause = min(2 * pause, ASK_MAX_S)


async def _kept(town: Town, which: dict[str, Any]) -> None:
    """The agglomeration has this one. Nothing is said of another that waits by now."""

    def change(value: dict[str, Any]) -> dict[str, Any]:
        if value.get("waiting") != which:
            return value
        return _without(value, "waiting", "failed_at", "reason", "fault") | {"kept_at": town.now(), **which}

    await _note(town, change)
    await town.blobs.remove(bytes.fromhex(which["digest"]))


def _require_agglomeration(town: Town) -> None:
    if town.read_only is not None:  # the agglomeration pulls the backup from this card
        raise refusal(town.read_only)
    if town.config.node.kind == "agglomeration" or not town.membership.joined:
        raise LocalError(
            "this node belongs to no agglomeration that could keep its backup",
            hint="convergences join",
            fault=Fault("", "vault_nobody"),
        )
    if town.network is None:
        raise LocalError(
            "the agglomeration pulls the backup from the running node",
            hint="convergences serve",
            fault=Fault("", "vault_not_running"),
        )


async def _make(town: Town, tell: Tell) -> None:
    """Write one, and put it where the agglomeration may pull it from; the one that waited goes."""
    from convergences_node.backup.verb import make_backup

    if town.folder in _MAKING:  # before its spool is emptied
        raise LocalError("a backup is being made already", fault=Fault("", "backup_under_way"))
    _MAKING.add(town.folder)
    spool = town.folder / SPOOL_NAME
    try:
        await asyncio.to_thread(_emptied, spool)
        made = await make_backup(town, spool, contents.NONE, 1, tell)
        blob = await town.blobs.add(made.path, Readers.PEERS)
    except OSError as error:
        reason = why_of(error)
        raise LocalError(
            f"the backup could not be written to {spool}: {reason}",
            fault=Fault("", "backup_unwritable", {"folder": str(town.folder), "reason": reason}),
        ) from error
    finally:
        await asyncio.to_thread(shutil.rmtree, spool, ignore_errors=True)
        _MAKING.discard(town.folder)
    former = (await left(town)).get("waiting")
    waiting = {"digest": blob.digest.hex(), "bytes": blob.size, "made_at": town.now()}
    await _note(town, lambda value: value | {"waiting": waiting})
    if former is not None and former["digest"] != waiting["digest"]:
        await town.blobs.remove(bytes.fromhex(former["digest"]))


def _emptied(spool: Path) -> None:
    shutil.rmtree(spool, ignore_errors=True)
    spool.mkdir(mode=0o700)


async def _announced(town: Town, waiting: dict[str, Any]) -> str:
    """What the agglomeration says of what waits here."""
    own = town.membership.own
    deposit = Deposit(own.origin, bytes.fromhex(waiting["digest"]), waiting["bytes"], waiting["made_at"])
    agglomeration = town.membership.charter.agglomeration
    network = town.network
    assert network is not None, "checked before"
    row = network.book().get(agglomeration.key)
    nowhere = RemoteError("no address of the agglomeration is known here", fault=Fault("", "vault_nowhere"))
    word = deposit.encode(town.archive.keys.node)
    p2p = await network.settled_p2p()
    answer = await send_word(row.addresses if row else (), agglomeration.key, word, p2p, nowhere)
    try:
        return str(json.loads(answer)["state"])
    except (ValueError, KeyError, TypeError):
        raise RemoteError("the agglomeration answers something else than whether it keeps the backup") from None


async def _note(town: Town, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change what is remembered; in the archive's turn, so that nobody changes it meanwhile."""

    def in_turn(writer: ArchiveWriter) -> None:
        text = writer.reader.choice(LEFT_CHOICE)
        writer.choose(LEFT_CHOICE, json.dumps(change(json.loads(text) if text else {}), ensure_ascii=False))

    await town.archive.write(in_turn)


def _without(value: dict[str, Any], *gone: str) -> dict[str, Any]:
    return {name: each for name, each in value.items() if name not in gone}
