# SPDX-License-Identifier: AGPL-3.0-or-later
"""One run of a source that is another node: read what is new of its logs, hold it up, take it in, end what is gone.

As of any source, nothing is written before it was looked at: if more than the declared share of what was copied is gone
at once, all is held back until a person has looked. What was erased there is erased here too, whatever the declaration
says of what disappears: whoever is to be forgotten there did not mean to be remembered here.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from itertools import chain
from typing import Any

import msgspec
from convergences_protocol.errors import Fault, RemoteError
from msgspec.structs import replace

from convergences_node.archive.beside import source_key
from convergences_node.imports.verb import desk_of, themes_of
from convergences_node.network.http_tiles import Gone
from convergences_node.web.place_names import territory_names

from .bringing import declared_digest, incoming
from .copying import CHAIN, Copying, key_of
from .fetching import Bounds, FetchFailed, asking, getting
from .losses import Losses
from .memory import State
from .node_logs import FORMAT, READABLE, Known, Reading
from .running import REFUSED_KEPT_MAX, Runner
from .spool import Spool

SECONDS_MAX = 1_800.0
"""A first reading of a whole agglomeration, on a town's line."""
WHOLE_SECONDS = 7 * 86_400
"""All is read again so often: erasures that others said, bodies that came late."""
SOON_SECONDS = 86_400
"""If the node itself had not everything."""


class NodeRun(Runner):
    """Of another node."""

    async def run(self) -> State:
        """Do it, and answer how the source is now. Raises `FetchFailed`, `Held`."""
        before, now = self._before, self._town.now()
        declared = await asyncio.to_thread(declared_digest, self._town.folder, self._declaration)
        whole = self._asked.whole or not before.logs or before.digest != declared or now >= before.whole
        with incoming(self._town.folder, self._name) as path, Spool(path) as spool:
            known = msgspec.convert(before.logs, dict[str, Known])
            reading = await self._read(spool, _from_the_start(known) if whole else dict(known))
            if reading.unclear and not whole:
                whole = True
                spool.clear()
                reading = await self._read(spool, _from_the_start(known))
            if not reading.entries and not whole:
                return replace(before, outcome="unchanged", failures=0, reason=None)
            found = replace(
                before,
                outcome="imported",
                failures=0,
                reason=None,
                digest=declared,
                format=FORMAT,
                logs=msgspec.to_builtins(reading.known),
                whole=self._whole_due(reading, whole),
            )
            return await self._take_in(spool, whole, found)

    def _whole_due(self, reading: Reading, whole: bool) -> int:
        """When all is to be read again."""
        now = self._town.now()
        due = now + WHOLE_SECONDS if whole else self._before.whole
        return min(due, now + SOON_SECONDS) if reading.bodies_missing else due

    async def _read(self, spool: Spool, known: dict[str, Known]) -> Reading:
        """What is new there. Raises `FetchFailed`."""
        where = self._declaration.where
        base = str(where.node).rstrip("/") + "/"
        bounds = Bounds(where.bytes_max, SECONDS_MAX)
        contact = self._town.config.http.public_url
        async with asking(bounds, private=where.private, contact=contact, keep=True) as session:
            reading = Reading(
                getting(session, base, where.bytes_max),
                spool,
                frozenset(where.kinds) & READABLE if where.kinds else READABLE,
                where.territories,
                known,
            )
            try:
                await reading.read()
            except FetchFailed:
                raise
            except (RemoteError, Gone) as error:
                raise FetchFailed(Fault("source", "source_wrong", {"reason": str(error)[:300]})) from None
        return reading

    # ------------------------------------------------------------------------------------- what is done with it
    async def _take_in(self, spool: Spool, whole: bool, found: State) -> State:
        """Name, look, hold back if need be, write, end what is gone, remember."""
        said = {"licence": self._declaration.licence, "language": self._declaration.language}
        told = {name: value for name, value in said.items() if value} | {"fetched": self._today.isoformat()}
        themes = await themes_of(self._town)
        desk = desk_of(self._town, themes)
        copying = Copying(self._town, desk, spool, told, themes, self._asked.dry_run)
        await copying.name_all()
        gone, doubled, erased = await asyncio.to_thread(self._gone, spool, whole)
        losses = Losses(self._town, self._memory, self._name, self._declaration, self._asked)
        await losses.look(gone)
        await copying.write()
        await self._name_towns(spool)
        self._tell({"what": "import", "done": copying.rows, "total": copying.rows})
        done = Counter(await losses.forget(erased))
        done.update(await losses.end(doubled, "withdraw", over=True))
        done.update(await losses.end([key for key in gone if key not in erased], self._declaration.gone))
        if not self._asked.dry_run:
            kept = self._kept(spool, whole, set(gone) | set(doubled))
            await asyncio.to_thread(self._memory.replace_rows, self._name, kept)
        rows = await asyncio.to_thread(self._memory.count, self._name)
        return replace(found, rows=rows, report=_report(copying), gone=dict(done), beside=copying.authoring.beside)

    async def _name_towns(self, spool: Spool) -> None:
        """What was copied is from a town, and a resident knows it by its name."""
        codes = await asyncio.to_thread(lambda: {key_of(word.element)[0] for page in spool.pages() for word in page})
        names = await territory_names(self._town, [code.removeprefix(CHAIN) for code in codes])
        await self._keep_titles(codes, {code: names[code.removeprefix(CHAIN)] for code in codes})

    def _gone(self, spool: Spool, whole: bool) -> tuple[list[bytes], list[bytes], set[bytes]]:
        """The rows copied before of which the node has no more, those that the network has brought meanwhile, and
        which of the former somebody has erased."""
        words = {key(word.element): word for page in spool.pages() for word in page if word.fields is None}
        erased = {each for each, word in words.items() if word.erased}
        gone: list[bytes] = []
        doubled: list[bytes] = []
        for page in self._memory.pages(self._name):
            through = spool.through(page)
            doubled += through
            lost = set(spool.lacks(page)) - set(through) if whole else {each for each in page if each in words}
            gone += [each for each in page if each in lost]
        return gone, doubled, erased & set(gone)

    def _kept(self, spool: Spool, whole: bool, left: set[bytes]) -> Iterable[bytes]:
        """The rows that the node has from now on."""
        if whole:
            return spool.keys()
        before = list(chain.from_iterable(self._memory.pages(self._name)))
        return chain((each for each in before if each not in left), spool.keys())


def _from_the_start(known: dict[str, Known]) -> dict[str, Known]:
    """Every log is read again, and none is believed under another key than before."""
    return {origin: one.from_the_start() for origin, one in known.items()}


def key(element: str) -> bytes:
    """By which the archive remembers the copy of an element."""
    return source_key(*key_of(element))


def _report(copying: Copying) -> dict[str, Any]:
    """As `imports/report.py`; `known` were not copied, because they are here through the network."""
    return {
        "rows": copying.rows,
        **copying.counts,
        "refused_count": copying.authoring.refused_count,
        "refused": copying.authoring.refused[:REFUSED_KEPT_MAX],
        "left_out_count": 0,
        "left_out": [],
    }
