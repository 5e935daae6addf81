# SPDX-License-Identifier: AGPL-3.0-or-later
"""One run of a source that is a file, a folder or an address with linked data in the words of PAIR: Turtle, N-Triples
or JSON-LD. Like what a server of linked data gives, it needs no mapping; `mapping = "pair"` says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from convergences_protocol.errors import Fault, LocalError
from msgspec.structs import replace

from convergences_node.imports.linked_rows import DOCUMENT_BYTES_MAX
from convergences_node.imports.rows import sniff
from convergences_node.linked.pair_graph import names_pair

from .bringing import bring, declared_digest, incoming
from .declaration import PAIR, sources_folder
from .fetching import FetchFailed
from .from_linked import LinkedRun, digest_of, with_contexts
from .memory import State

ENDINGS = {"turtle": ".ttl", "jsonld": ".jsonld"}
"""The formats that may hold PAIR, and what a file of each is called where it is read."""


class PairRun(LinkedRun):
    """Of documents in the words of PAIR."""

    async def run(self) -> State:
        """Do it, and answer how the source is now. Raises `FetchFailed`, `Held`."""
        folder, before = self._town.folder, self._before
        declared = await asyncio.to_thread(declared_digest, folder, self._declaration)
        with incoming(folder, self._name) as into:
            brought = await bring(self._town, self._declaration, into, self._validators(declared))
            if not brought.new:
                return replace(before, outcome="unchanged", failures=0, reason=None)
            told = await asyncio.to_thread(digest_of, brought.paths)
            found = self._found(told + declared, PAIR, brought.validators)
            if found.outcome == "unchanged":
                return found
            with TemporaryDirectory(dir=sources_folder(folder), prefix=f".{self._name}.") as beside:
                documents = await asyncio.to_thread(lambda: list(laid_out(brought.paths, Path(beside))))
                return await self._take_in(documents, found)


def is_pair(paths: list[Path]) -> bool:
    """Whether one of these files is linked data that names PAIR near its beginning."""
    return any(names_pair(path) and sniff(path).format in ENDINGS for path in paths)


def laid_out(paths: list[Path], folder: Path) -> Iterator[Path]:
    """The same documents under names that tell their form, with the contexts inside that they only name.

    Raises `FetchFailed` for what is no linked data, or larger than is read at once.
    """
    for number, path in enumerate(paths):
        try:
            ending = ENDINGS.get(sniff(path).format)
        except LocalError as error:
            raise FetchFailed(error.fault or Fault("source", "source_wrong", {"reason": str(error)[:300]})) from None
        if ending is None:
            raise FetchFailed(Fault("source", "source_wrong", {"reason": f"{path.name} is not linked data"}))
        document = folder / f"{number:05}{ending}"
        if ending == ENDINGS["turtle"]:
            document.symlink_to(path.absolute())
        elif path.stat().st_size > DOCUMENT_BYTES_MAX:
            raise FetchFailed(Fault("source", "source_large", {"limit": DOCUMENT_BYTES_MAX}))
        else:
            document.write_bytes(with_contexts(path.read_bytes()))
        yield document
