# SPDX-License-Identifier: AGPL-3.0-or-later
"""With nothing but a recovery sheet: prove whose backup is asked for, and fetch it.

A challenge is a time under a code that only this node can make (RFC 2104): nothing is remembered of who asks, and none
stands for longer than a quarter of an hour, or beyond a restart. Who signs it is told the digests of what is kept for
that sheet, newest first. By its digest a file is given to anybody (`GET /blobs/<sha256>`); only the sheet opens it.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import aiohttp
from convergences_protocol.codes import is_territory
from convergences_protocol.errors import Fault, LocalError, RemoteError
from convergences_protocol.keys import SigningKey
from convergences_protocol.vault import claim, read_claim

from convergences_node.archive.durable import TEMPORARY
from convergences_node.blobs.over_http import get_piece
from convergences_node.blobs.pieces import NotHeld, Question
from convergences_node.faults import words_of
from convergences_node.network.addresses import is_http
from convergences_node.network.joining import JOIN_PATH
from convergences_node.network.transport import JOIN_BYTES_MAX
from convergences_node.network.whole_answer import whole_answer
from convergences_node.vault.notes import Notes

STANDS_S = 900
TIME_BYTES = 8
SECRET_BYTES = 32
HTTP_SECONDS_MAX = 30.0
"""For a word, or a piece of a file."""
FAILURES_MAX = 5
"""In a row, of one piece."""
KEPT_MAX = 16
SIZE_MAX = 1 << 40

Tell = Callable[[int, int], None]


# ------------------------------------------------------------------------------------- at the agglomeration
class Challenges:
    """What claims have to sign."""

    def __init__(self, random_bytes: Callable[[int], bytes], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._secret = random_bytes(SECRET_BYTES)
        self._monotonic = monotonic

    def give(self) -> bytes:
        """A new one."""
        at = int(self._monotonic()).to_bytes(TIME_BYTES, "big")
        return at + self._code(at)

    def stands(self, challenge: bytes) -> bool:
        """Whether it was given here, lately."""
        at, code = challenge[:TIME_BYTES], challenge[TIME_BYTES:]
        genuine = hmac.compare_digest(code, self._code(at))
        return genuine and 0 <= self._monotonic() - int.from_bytes(at, "big") <= STANDS_S

    def _code(self, at: bytes) -> bytes:
        return hmac.digest(self._secret, at, sha256)


def answer_claim(challenges: Challenges, notes: Notes, data: bytes) -> bytes:
    """`{"challenge": hex}` to who asks for one, `{"backups": […]}` to who has signed it. Raises for anything else."""
    asked = read_claim(data)
    if not asked.challenge:
        return json.dumps({"challenge": challenges.give().hex()}).encode()
    if not challenges.stands(asked.challenge):
        raise LocalError("that challenge stands no more: ask for another")
    if not asked.is_proved:
        raise LocalError("the recovery key has not signed this challenge")
    return json.dumps({"backups": [asdict(each) for each in notes.of_sheet(asked.recovery_key)[:KEPT_MAX]]}).encode()


# ------------------------------------------------------------------------------------- with the sheet
@dataclass(frozen=True, slots=True)
class Found:
    """A backup that an agglomeration keeps for a sheet."""

    address: str
    territory: str
    digest: bytes
    size: int
    kept_at: int
    """By the agglomeration's clock: the town's is whoever's has its card."""


class NobodyAnswers(RemoteError):  # noqa: N818 - as in the sentence that tells it
    """None of the nodes that were named could be asked."""


async def found(addresses: Sequence[str], recovery: SigningKey) -> list[Found]:
    """What these nodes keep for a sheet, the newest of each first. Raises `NobodyAnswers`."""
    kept: list[Found] = []
    failures: list[Exception] = []
    web = [address for address in addresses if is_http(address)]
    timeout = aiohttp.ClientTimeout(total=HTTP_SECONDS_MAX)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        for address in web:
            try:
                kept += await _found_at(session, address, recovery)
            except (RemoteError, aiohttp.ClientError, TimeoutError, OSError) as error:
                failures.append(error)
    if failures and len(failures) == len(web):
        reason = words_of(failures[-1])
        raise NobodyAnswers(
            f"no node could be asked for a backup: {reason}",
            fault=Fault("", "rebuild_unreached", {"reason": reason}),
        )
    return kept


async def _found_at(session: aiohttp.ClientSession, address: str, recovery: SigningKey) -> list[Found]:
    try:
        challenge = bytes.fromhex((await _say(session, address, claim(recovery).encode()))["challenge"])
        told = await _say(session, address, claim(recovery, challenge).encode())
        return [_read_found(address, each) for each in told["backups"][:KEPT_MAX]]
    except (ValueError, KeyError, TypeError) as error:
        raise RemoteError(f"{address} answers something else than which backups it keeps") from error


def _read_found(address: str, told: dict[str, Any]) -> Found:
    """One of them; its territory becomes the name of a file. Raises ValueError, KeyError or TypeError."""
    territory, digest = str(told["territory"]), bytes.fromhex(told["digest"])
    if not is_territory(territory) or len(digest) != sha256().digest_size:
        raise ValueError("no backup of a territory")
    return Found(address, territory, digest, int(told["size"]), int(told["kept_at"]))


async def _say(session: aiohttp.ClientSession, address: str, word: bytes) -> dict[str, Any]:
    url = address.rstrip("/") + JOIN_PATH
    async with session.post(url, data=word, allow_redirects=False) as response:
        data = await whole_answer(response, JOIN_BYTES_MAX)
    if response.status != 200:
        raise RemoteError(f"{url} answers {response.status}")
    return dict(json.loads(data))


async def fetch(which: Found, folder: Path, tell: Tell) -> Path:
    """The file, in that folder, whole. Raises `RemoteError` for anything else than what was told of it."""
    if not 0 < which.size <= SIZE_MAX:
        raise RemoteError(f"a backup of {which.size} bytes")
    path = folder / f"convergences-{which.territory}-vault.age"
    part = path.with_name(path.name + TEMPORARY)
    timeout = aiohttp.ClientTimeout(total=HTTP_SECONDS_MAX)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        with part.open("wb") as file:
            digest = await _write(session, which, file, tell)
            file.flush()
            os.fsync(file.fileno())
    if digest != which.digest:
        part.unlink()
        raise RemoteError(
            f"{which.address} gives another file than the backup that it names",
            fault=Fault("", "vault_other_file", {"address": which.address}),
        )
    part.rename(path)
    return path


async def _write(session: aiohttp.ClientSession, which: Found, file: BinaryIO, tell: Tell) -> bytes:
    """All of it, piece by piece; a piece that does not come is asked for again. Returns its digest."""
    digest, count, failures = sha256(), 0, 0
    while count < which.size:
        try:
            piece = await get_piece(session, which.address, None, Question(which.digest, count))
        except NotHeld:
            raise RemoteError(f"{which.address} has the backup no more that it named") from None
        except (RemoteError, TimeoutError, aiohttp.ClientError, OSError) as error:
            failures += 1
            if failures == FAILURES_MAX:
                reason = words_of(error)
                raise RemoteError(f"the backup could not be fetched from {which.address}: {reason}") from error
            await asyncio.sleep(failures)
            continue
        if piece.total != which.size:
            raise RemoteError(f"{which.address} says that the backup has {piece.total} bytes instead of {which.size}")
        digest.update(piece.data)
        file.write(piece.data)
        count, failures = count + len(piece.data), 0
        tell(count, which.size)
    return digest.digest()
