# SPDX-License-Identifier: AGPL-3.0-or-later
"""The files of what was erased: shown to nobody from the moment of the erasure, and deleted with the last record.

Nothing is remembered beside the records: what hidden records name and no other element does is put aside
(`blobs/hidden/`); what lies aside and no hidden record names any more was dropped, and is deleted; what an element
names is given back, for the erasure was taken back or the file is another's too. Whatever a power cut leaves, the next
round mends. So a picture goes with the last who showed it, and never takes another's with it. A record may name any
file: only what can be a medium, and is public, is touched here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from convergences_protocol import cbor
from convergences_protocol.element import ElementId
from convergences_protocol.errors import Unreadable
from convergences_protocol.kinds import FieldType
from convergences_protocol.kinds.media import read_media
from convergences_protocol.kinds.values import JUDGES, LIMITS

from convergences_node.blobs.store import Readers
from convergences_node.index.files import named_files
from convergences_node.index.row import id_of
from convergences_node.media.sniff import HEAD_BYTES, type_of

if TYPE_CHECKING:
    from convergences_node.town import Town

LOOK_AGAIN_S = 3_600
"""Who names what is read through all records: once an hour while the same files lie aside."""

log = logging.getLogger(__name__)


async def forget_files(town: Town) -> None:
    """Bring the files to what the erasures in force ask for. Does nothing while it cannot be said who names what."""
    async with town.blobs.tidying:
        await _forget(town)


async def _forget(town: Town) -> None:
    bodies = await town.archive.read(lambda reader: reader.hidden_bodies())
    store = town.blobs.store
    aside = {digest.hex() for digest in await asyncio.to_thread(store.hidden)}
    erased = set(files_in(bodies))
    stamp = (frozenset(erased), frozenset(aside), town.now() // LOOK_AGAIN_S)
    if (not erased and not aside) or stamp == town.blobs.tidied:
        return
    await town.index.catch_up()
    if town.index.rebuilding:
        return
    named = await town.index.ask(lambda db: named_files(db, erased | aside))
    await _put_aside(town, erased - named)
    for digest in sorted(aside & named):
        await asyncio.to_thread(store.show, bytes.fromhex(digest))
    for digest in sorted(aside - named - erased):
        await town.blobs.remove(bytes.fromhex(digest))
        log.info("file %s is gone, with the last record that named it", digest[:12])
    left = {digest.hex() for digest in await asyncio.to_thread(store.hidden)}
    town.blobs.tidied = (frozenset(erased), frozenset(left), stamp[2])


async def put_aside_files_of(town: Town, element: ElementId) -> None:
    """Before an erasure that drops at once: put aside what only this element names, for its records will not say."""
    entries = await town.archive.read(lambda reader: reader.history(element))
    digests = set(files_in(entry.body for entry in entries if entry.body is not None))
    async with town.blobs.tidying:
        named = await town.index.ask(lambda db: named_files(db, digests, but=id_of(element)))
        await _put_aside(town, digests - named)


async def _put_aside(town: Town, digests: Iterable[str]) -> None:
    for digest in sorted(digests):
        blob = await town.blobs.find(bytes.fromhex(digest))
        if blob is not None and blob.readers is Readers.PUBLIC:
            head = await asyncio.to_thread(blob.read, 0, HEAD_BYTES)
            if type_of(head) is not None:
                await asyncio.to_thread(town.blobs.store.hide, blob)


def files_in(bodies: Iterable[bytes]) -> Iterator[str]:
    """The digests of all files that these bodies name."""
    for body in bodies:
        try:
            fields = cbor.decode(body)
        except Unreadable:
            continue
        for value in fields.values() if isinstance(fields, dict) else ():
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, dict) and _is_media(each):
                    yield from read_media(each).digests


def _is_media(value: object) -> bool:
    kind = FieldType.MEDIA.value
    return JUDGES[kind](value, LIMITS[kind], ()) is None
