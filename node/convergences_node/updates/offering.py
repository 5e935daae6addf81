# SPDX-License-Identifier: AGPL-3.0-or-later
"""What an agglomeration offers to its towns: the signed release, and its packages as files by their SHA-256.

The release is a small public text, at `GET /update/release` and as the answer to a word that comes by the door of
invitations, over libp2p too: many towns reach their agglomeration by that alone. The packages are in `blobs/`, for the
nodes that the charter names. A town believes neither: it asks for the package by the digest that a release key has
signed.

    <folder>/update-offered     the release that is offered; its packages are there before it is
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from convergences_protocol.errors import ConvergencesError, Fault, LocalError, RemoteError
from convergences_protocol.release import RELEASE_BYTES_MAX, Package, Release, open_release

from convergences_node.archive.durable import replace_durably
from convergences_node.backup.shelf import read_back
from convergences_node.blobs.store import Readers
from convergences_node.faults import why_of, words_of
from convergences_node.network.addresses import is_http
from convergences_node.network.joining import send_word
from convergences_node.network.whole_answer import whole_answer

from .finding import Offer
from .places import OFFERED_NAME, Installed

if TYPE_CHECKING:
    from convergences_node.town import Town

PATH = "/update/release"
ASKED = b"convergences/release/asked/1\n"
"""The word that asks for it. Nobody has to prove anything: what is answered is public."""
ASK_SECONDS_MAX = 8.0
FETCH_SECONDS_MAX = 6 * 3_600.0
"""A package over a slow line; what has come stays, and the next attempt begins there."""
PIECE_BYTES = 1 << 20


# ------------------------------------------------------------------------------------- at the agglomeration
async def offer(town: Town, given: Offer) -> Release:
    """Keep the packages, then say so. Raises `LocalError` if one is not what was signed; then nothing has changed."""
    if given.release is None:
        assert given.refused is not None
        raise given.refused
    for package in given.release.packages:
        path = given.where.parent / package.name
        await asyncio.to_thread(_check, path, package)
        await town.blobs.add(path, Readers.PEERS)
    before = await asyncio.to_thread(offered_bytes, town.folder)
    await asyncio.to_thread(replace_durably, town.folder / OFFERED_NAME, given.data)
    if before != given.data:
        await _forget(town, before, given.release)
    return given.release


async def offer_none(town: Town) -> None:
    """Nothing any more."""
    before = await asyncio.to_thread(offered_bytes, town.folder)
    with suppress(FileNotFoundError):
        (town.folder / OFFERED_NAME).unlink()
    await _forget(town, before, None)


async def _forget(town: Town, before: bytes, now: Release | None) -> None:
    """Packages of the release before take room for nothing."""
    kept = {package.digest for package in now.packages} if now else set()
    for digest in _digests(before) - kept:
        await town.blobs.remove(bytes.fromhex(digest))


def _digests(data: bytes) -> set[str]:
    """Of a release that this node has taken for one before, whatever its keys are by now."""
    from convergences_protocol import note
    from convergences_protocol.release import read_release

    try:
        return {package.digest for package in read_release(note.parse(data).text).packages}
    except RemoteError:
        return set()


def _check(path: Path, package: Package) -> None:
    try:
        found = read_back(path)
    except OSError as error:
        reason = why_of(error)
        fault = Fault("", "update_uncopied", {"version": package.name, "reason": reason})
        raise LocalError(f"{path} cannot be read: {reason}", fault=fault) from error
    if found != (package.size, package.digest):
        fault = Fault("", "update_damaged", {"version": package.name})
        raise LocalError(f"{path} is not the file that was signed", fault=fault)


def offered_bytes(folder: Path) -> bytes:
    """The release that is offered here, as it was signed; empty if none is."""
    try:
        with (folder / OFFERED_NAME).open("rb") as file:
            return file.read(RELEASE_BYTES_MAX)
    except OSError:
        return b""


async def answer(town: Town) -> bytes:
    """What answers the word `ASKED`. Raises `LocalError` where nothing is ever offered."""
    if town.config.node.kind != "agglomeration":
        raise LocalError("only an agglomeration offers updates to towns", fault=Fault("", "update_offer_town"))
    data = await asyncio.to_thread(offered_bytes, town.folder)
    return json.dumps({"release": data.decode() if data else None}, ensure_ascii=False).encode()


# ------------------------------------------------------------------------------------- in a town
async def ask(town: Town, here: Installed) -> Offer | None:
    """What the agglomeration offers; None if there is none, or it offers nothing. RemoteError if it does not answer."""
    data = await _asked(town)
    if not data:
        return None
    where = Path(PATH)
    try:
        return Offer(where, data, open_release(data, here.keys), from_peer=True)
    except ConvergencesError as error:
        return Offer(where, data, None, error, from_peer=True)


async def _asked(town: Town) -> bytes:
    """By its HTTP address if it has one that answers, else by whatever it is reached."""
    address = town.web_settings.agglomeration_address
    nowhere = None if address is None else RemoteError(f"{address} does not answer")
    if address is not None:
        try:
            return await _get(f"{address}{PATH}")
        except RemoteError as error:
            nowhere = error
    key, network = town.membership.charter.agglomeration.key, town.network
    row = network.book().get(key) if network is not None else None
    addresses = [each for each in row.addresses if not is_http(each)] if row else []
    if network is None or not addresses or not town.membership.joined:
        if nowhere is not None:
            raise nowhere
        return b""
    unreached = nowhere or RemoteError("no address of the agglomeration is known here")
    return _read(await send_word(addresses, key, ASKED, await network.settled_p2p(), unreached))


def _read(data: bytes) -> bytes:
    try:
        release = json.loads(data)["release"]
        return b"" if release is None else str(release).encode()[: RELEASE_BYTES_MAX + 1]
    except (ValueError, KeyError, TypeError):
        raise RemoteError("the agglomeration answers something else than which release it offers") from None


async def _get(url: str) -> bytes:
    import aiohttp

    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ASK_SECONDS_MAX)) as session,
            session.get(url, allow_redirects=False) as answer,
        ):
            if answer.status == 404:
                return b""
            if answer.status != 200:
                raise RemoteError(f"{url} answers {answer.status}")
            return await whole_answer(answer, RELEASE_BYTES_MAX + 1)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise RemoteError(f"{url}: {words_of(error)}") from error


async def fetch(town: Town, package: Package) -> Path:
    """The package, pulled from the agglomeration by its digest."""
    key = town.membership.charter.agglomeration.key
    return await town.blobs.fetch(
        bytes.fromhex(package.digest),
        package.size,
        readers=Readers.NODE,
        peers=[key],
        seconds_max=FETCH_SECONDS_MAX,
    )


def pieces_of(path: Path) -> Iterator[bytes]:
    """The bytes of a file."""
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece
