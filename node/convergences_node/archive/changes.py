# SPDX-License-Identifier: AGPL-3.0-or-later
"""What may be changed in an archive, besides records of one's own: a method a change, each awaited and durable.

Of others' logs what came is kept; erasures are heard and done; one's own log goes on in a new epoch, or is rewound.
Each says what the writer's thread is to do (`writer.py`, and the rooms that it calls) and is no more than that. How
that thread is reached, and what a record of one's own takes: `archive.py`.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeVar

from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.erasure import KIND as ERASURE
from convergences_protocol.erasure import Erasure, split
from convergences_protocol.keys import SigningKey
from convergences_protocol.origin import LogIdentity

from convergences_node.clock import plausible_time

from . import epochs
from .keys import Keyring
from .model import BodiesErased, CosignatureRow, EpochOpened, Event, NewControl, NewEntry, PeerRow, Placed
from .options import Options
from .reader import ArchiveReader
from .writer import ArchiveWriter

T = TypeVar("T")

Validity = Callable[[Erasure, str, int], bool]
"""Whether the record of that origin and index may say this erasure."""


class Changes(ABC):
    """The half of an archive that says what is written."""

    def __init__(self, keys: Keyring, options: Options) -> None:
        self.keys = keys
        self.territory = ""
        self._options = options

    @abstractmethod
    async def read(self, ask: Callable[[ArchiveReader], T]) -> T:
        """Run `ask(reader)` in a reading thread, on one snapshot of the archive. Keep it short; give back values."""

    @abstractmethod
    async def write(self, work: Callable[[ArchiveWriter], T]) -> T:
        """Run `work(writer)` in the writer's thread: after the local appends that wait, else in the order of asking."""

    @abstractmethod
    async def append(self, entries: Sequence[NewEntry]) -> list[Placed]:
        """Sign and append records to one's own log, all or none. When it returns they are durable, and shown."""

    @abstractmethod
    def _publish(self, event: Event) -> None:
        """Tell whoever has subscribed."""

    # ------------------------------------------------------------------------------------------ of others, and beside
    async def keep_log(self, identity: LogIdentity) -> None:
        """Make room for another's log; nothing if it is there already."""
        await self.write(lambda writer: writer.keep_log(identity))

    async def keep_head(self, origin: str, size: int, note: bytes) -> None:
        """Keep a checked signed head: of the tree as it is, or a larger one to fetch towards."""
        await self.write(lambda writer: writer.keep_head(origin, size, note))

    async def keep_bodies(self, bodies: Sequence[tuple[bytes, bytes]]) -> int:
        """Put `(digest, body)`, each proved, wherever it is wanted. Returns how many slots that filled."""
        return await self.write(lambda writer: writer.keep_bodies(bodies))

    async def keep_cosignatures(self, rows: Sequence[CosignatureRow]) -> None:
        """Keep checked cosignatures, and what waited of others'. One transaction, whatever their number."""
        await self.write(lambda writer: writer.keep_cosignatures(rows))

    async def hear_cosignatures(self, rows: Sequence[CosignatureRow]) -> None:
        """Checked cosignatures of others, to be written with whatever is written next: not durable yet."""
        await self.write(lambda writer: writer.hear_cosignatures(rows))

    async def keep_fork(self, origin: str, proof: bytes) -> bool:
        """Keep a checked fork proof. Returns whether it is new."""
        now = int(self._options.clock())
        return await self.write(lambda writer: writer.keep_fork(origin, proof, now))

    async def keep_peer(self, peer: PeerRow) -> None:
        """Write or replace one line of the address book."""
        await self.write(lambda writer: writer.keep_peer(peer))

    async def choose(self, name: str, value: str | None) -> None:
        """Remember a choice of the operator; None forgets it."""
        await self.write(lambda writer: writer.choose(name, value))

    # ------------------------------------------------------------------------------------------------------- erasures
    async def erase(self, erasure: Erasure, valid: Validity | None = None, *, at_once: bool = False) -> Placed:
        """Write an erasure in one's own log and do what it asks: hide at once; drop after seven days, or `at_once`."""
        parts = [NewControl(ERASURE, part.content()) for part in split(erasure)]
        placed = await self.append(parts)
        await self.sweep_erasures(valid)
        for part in placed if at_once else ():
            await self.decide_erasure(part.origin, part.index, at_once=True)
        if at_once:
            await self.sweep_erasures(valid)
        return placed[0]

    async def decide_erasure(self, origin: str, index: int, *, released: bool = False, at_once: bool = False) -> None:
        """A person here lets an erasure through the daily limit, or does not wait; then sweep."""
        await self.write(lambda w: w.decide_erasure((origin, index), released=released, at_once=at_once))

    async def sweep_erasures(self, valid: Validity | None = None) -> list[BodiesErased]:
        """Hide, show again or drop what erasures ask for by now. To be called when one came (`ErasuresCame`), when the
        charter changed, and every hour: that is what lets seven days pass.

        `valid(erasure, origin, index)` says whether that record may say so (`erasure.is_valid`, with the charter);
        it is called in the event loop. Without it, one's own logs speak for one's own territory.
        """
        now = plausible_time(self._options.clock())
        known = await self.write(lambda w: w.hear_erasures(now))
        judge = valid or await self._own_validity()
        accepted = {heard.at for heard in known if judge(heard.erasure, *heard.at)}
        events = await self.write(lambda w: w.apply_erasures(accepted, now))
        for event in events:
            self._publish(event)
        return events

    async def _own_validity(self) -> Validity:
        own = await self.read(lambda reader: {state.origin for state in reader.logs() if state.own})
        return lambda erasure, origin, index: origin in own and erasure.territory == self.territory

    # --------------------------------------------------------------------------------------------------------- epochs
    async def doubt(self, note: bytes) -> EpochOpened | None:
        """A validly signed head of one's own open log was heard: if our tree does not extend it, open a new epoch.

        Returns None when there is no doubt, or the log was closed already. Raises `RemoteError` for a false head.
        """
        return await self.write(
            lambda w: epochs.doubt(w, note, self.keys.node, self._options.random_bytes, int(self._options.clock()))
        )

    async def open_epoch(
        self, reason: str, key: SigningKey | None = None, previous: Checkpoint | None = None
    ) -> EpochOpened:
        """Close one's own log and write on in a new one, under a new key if one is given (the old one was stolen).

        It continues the log that is closed, or the one that `previous` is the head of.
        """
        if key is not None:
            # First the key: if the power goes in between, the start finds that it changed, and opens the epoch.
            await asyncio.to_thread(self.keys.replace_node_key, key)
        options = self._options
        return await self.write(
            lambda w: epochs.new_epoch(w, self.keys.node, options.random_bytes, int(options.clock()), reason, previous)
        )

    async def rewind(self, origin: str, size: int) -> int:
        """Set the records of a log from `size` on aside, for the charter ended it there with another history.

        What our own residents wrote there is appended again to our open log before. Returns how many were set aside.
        """
        return await self.write(lambda w: w.rewind(origin, size))

    async def bring_along(self, origin: str, size: int) -> int:
        """Append again, to our open log, what a former one holds from `size` on and no other log here does."""
        return await self.write(lambda w: w.bring_along(origin, size))
