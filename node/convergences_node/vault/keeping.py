# SPDX-License-Identifier: AGPL-3.0-or-later
"""At an agglomeration: what towns leave is pulled from them, read back, and the newest few of each town are kept.

Announced by whoever holds the key of a log that the charter names, and pulled from the peer that proves the same key:
nobody leaves anything in a town's name, and an old word said again finds nothing to pull. What is taken is bounded in
size, in number a town, and in how many a day. A backup counts, and an older one goes, only after its bytes were read
back from the disk and are those that were announced.
"""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from convergences_protocol.charter import Enrolled
from convergences_protocol.errors import ConvergencesError, LocalError
from convergences_protocol.vault import CLAIM, DEPOSIT, Deposit, SignedDeposit, read_deposit

from convergences_node.backup.shelf import read_back
from convergences_node.blobs.store import Readers
from convergences_node.vault.claiming import Challenges, answer_claim
from convergences_node.vault.notes import Kept, Notes

if TYPE_CHECKING:
    from convergences_node.town import Town

log = logging.getLogger(__name__)

COMING, KEPT = "coming", "kept"
DEPOSITS_A_DAY_MAX = 8
DAY_S = 86_400
TAKEN_AT_ONCE_MAX, TAKING_SECONDS_MAX = 2, 1_800.0
"""A town that drips its bytes keeps one of the others waiting for half an hour; what came stays for the next time."""
AGE_MAGIC = b"age-encryption.org/v1\n"
"""How an encrypted file begins (C2SP age, "encrypted file"): nothing readable is kept for anybody."""


class Vault:
    """The backups that one agglomeration keeps for its towns. Used from the event loop alone."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._notes: Notes | None = None
        self._coming: dict[str, asyncio.Task[None]] = {}
        """By territory."""
        self._taken: dict[str, dict[bytes, int]] = {}
        """By territory, what was begun to be pulled within the last day, and when first: a line that breaks is not
        counted."""
        self._turns = asyncio.Semaphore(TAKEN_AT_ONCE_MAX)
        self._challenges = Challenges(town.random_bytes)

    @property
    def keeps(self) -> bool:
        """Whether this node keeps backups for others."""
        chosen = self._town.config.vault.keep
        return chosen == "on" or (chosen == "auto" and self._town.config.node.kind == "agglomeration")

    def notes(self) -> Notes:
        """What is kept. Raises `LocalError` if its file cannot be read."""
        if self._notes is None:
            self._notes = Notes(self._town.folder)
        return self._notes

    # ------------------------------------------------------------------------------------- asked by others
    @staticmethod
    def concerns(data: bytes) -> bool:
        """Whether a word that came by the door of invitations is about a backup."""
        return data.startswith((DEPOSIT, CLAIM))

    async def answer(self, data: bytes) -> bytes:
        """What answers such a word. Raises what is refused."""
        if not self.keeps:
            raise LocalError("this node keeps no backups for others")
        if data.startswith(CLAIM):
            return answer_claim(self._challenges, self.notes(), data)
        return await self._heard(read_deposit(data))

    async def _heard(self, signed: SignedDeposit) -> bytes:
        """A town says what it would leave: `{"state": "coming" | "kept"}`."""
        deposit = signed.deposit
        enrolled = self._depositor(signed)
        if any(each.digest == deposit.digest.hex() for each in self.notes().of_territory(enrolled.territory)):
            return _said(KEPT)
        if enrolled.territory not in self._coming:
            self._bound(enrolled.territory, deposit)
            task = asyncio.create_task(self._take(deposit, enrolled), name=f"backup of {enrolled.territory}")
            self._coming[enrolled.territory] = task
            task.add_done_callback(lambda done: self._done(enrolled.territory, done))
        return _said(COMING)

    async def forget(self, territory: str) -> int:
        """Drop what is kept for a territory; how many that were."""
        gone = self.notes().forget(territory)
        await self._drop(gone)
        return len(gone)

    async def stop(self) -> None:
        """Let go of what is being pulled."""
        tasks = list(self._coming.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ------------------------------------------------------------------------------------- whose, and how much
    def _depositor(self, signed: SignedDeposit) -> Enrolled:
        enrolled = self._town.membership.charter.enrolled(signed.deposit.origin)
        if enrolled is None or enrolled.presumed or enrolled.end is not None or enrolled.disputed:
            raise LocalError(f"no town of this charter writes in {signed.deposit.origin}")
        if not signed.signed_by(enrolled.identity.key):
            raise LocalError(f"the key of {signed.deposit.origin} has not signed this")
        return enrolled

    def _bound(self, territory: str, deposit: Deposit) -> None:
        most = self._town.config.vault.town_bytes
        if deposit.size > most:
            raise LocalError(f"the backup has {deposit.size} bytes, at most {most} are kept for one town")
        if sum(each.size for each in self.notes().kept) + deposit.size > self._town.config.vault.total_bytes:
            raise LocalError("there is no room left for backups of towns")
        now = self._town.now()
        taken = {digest: at for digest, at in self._taken.get(territory, {}).items() if now - DAY_S < at <= now}
        if len(taken.keys() - {deposit.digest}) >= DEPOSITS_A_DAY_MAX:
            raise LocalError(f"{DEPOSITS_A_DAY_MAX} backups a day are taken from one town")
        self._taken[territory] = {deposit.digest: now} | taken

    # ------------------------------------------------------------------------------------- taking
    async def _take(self, deposit: Deposit, enrolled: Enrolled) -> None:
        async with self._turns:
            await self._pull(deposit, enrolled)
            last = max((each.kept_at for each in self.notes().kept), default=0)
            identity = enrolled.identity
            new = Kept(
                enrolled.territory,
                deposit.origin,
                identity.recovery_key.hex(),
                deposit.digest.hex(),
                deposit.size,
                deposit.made_at,
                max(self._town.now(), last),
            )
            await self._drop(self.notes().add(new))
        log.info("a backup of %s is kept: %d bytes", enrolled.territory, deposit.size)

    async def _pull(self, deposit: Deposit, enrolled: Enrolled) -> None:
        """Have the file here, and believe it."""
        blobs, most = self._town.blobs, self._town.config.vault.town_bytes
        path = await blobs.fetch(
            deposit.digest,
            deposit.size,
            readers=Readers.NODE,
            peers=[enrolled.identity.key],
            bytes_max=most,
            seconds_max=TAKING_SECONDS_MAX,
        )
        try:
            await asyncio.to_thread(_check, path, deposit)
        except BaseException:
            found = await blobs.find(deposit.digest)
            if found is not None and found.readers is Readers.NODE:  # what others may read was here before, and stays
                await blobs.remove(deposit.digest)
            raise
        # Only who has the digest finds it, and only who has the sheet is told the digest.
        await blobs.fetch(deposit.digest, deposit.size, readers=Readers.PUBLIC)

    async def _drop(self, gone: list[Kept]) -> None:
        still = {each.digest for each in self.notes().kept}
        for each in gone:
            if each.digest not in still:
                await self._town.blobs.remove(bytes.fromhex(each.digest))

    def _done(self, territory: str, task: asyncio.Task[None]) -> None:
        self._coming.pop(territory, None)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, ConvergencesError):
            log.warning("the backup of %s was not taken: %s", territory, error)
        else:
            log.error("the backup of %s was not taken", territory, exc_info=error)


def _check(path: Path, deposit: Deposit) -> None:
    """What the disk gives back is what was announced, and is encrypted."""
    if read_back(path) != (deposit.size, deposit.digest.hex()):
        raise LocalError("it does not read back as it was announced")
    with path.open("rb") as file:
        if file.read(len(AGE_MAGIC)) != AGE_MAGIC:
            raise LocalError("it is no encrypted file")


def _said(state: str) -> bytes:
    return json.dumps({"state": state}).encode()
