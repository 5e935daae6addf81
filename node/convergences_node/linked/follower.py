# SPDX-License-Identifier: AGPL-3.0-or-later
"""The store's keeper in the node: has it catch up with the index, in a process of its own, whenever that has changed.

What is erased is not answered from the next question on: until the store has caught up, nothing is (`layout.withhold`).
A node that starts answers when the store has caught up with what happened meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from convergences_protocol.errors import LocalError

from convergences_node.archive.model import BodiesErased, Event
from convergences_node.child import command_of
from convergences_node.config import Config
from convergences_node.linked import layout

if TYPE_CHECKING:
    from convergences_node.town import Town

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""Between two looks at whether the index knows something else; a look costs nothing."""
REST_SECONDS = 20.0
"""Between two times of catching up: what is new may be searched at once, and asked in SPARQL a little later."""
HOUR_SECONDS = 3600.0
"""Relations begin and end though nobody writes."""
RETRY_SECONDS = 60.0
LINE_BYTES_MAX = 1 << 16

Tell = Callable[[int, int], None]


class _Said(msgspec.Struct, kw_only=True):
    """A line of the process."""

    done: int = 0
    total: int = 0
    elements: int | None = None
    error: str | None = None
    hint: str | None = None


class LinkedFollower:
    """Used from one event loop."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._folder = town.folder / layout.FOLDER
        self._urgent = asyncio.Event()
        self._turn = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] = lambda: None
        self._followed: int | None = None
        """The version of the index that the store has; None: it is not known to have any."""

    def start(self) -> None:
        """Follow until `stop`."""
        layout.withhold(self._folder)
        self._urgent.set()
        self._unsubscribe = self._town.archive.subscribe(self._heard)
        self._task = asyncio.create_task(self._follow(), name="linked data")

    async def stop(self) -> None:
        """Stop, and leave no process behind."""
        self._unsubscribe()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _heard(self, event: Event) -> None:
        if isinstance(event, BodiesErased):
            layout.withhold(self._folder)
            self._urgent.set()

    async def _follow(self) -> None:
        while True:
            try:
                if self._urgent.is_set():
                    await self._town.index.catch_up()  # what is erased is out of it then
                await self.catch_up()
                rest = REST_SECONDS
            except (LocalError, OSError) as error:
                log.warning("what is asked in SPARQL could not catch up; it will try again: %s", error)
                self._followed, rest = None, RETRY_SECONDS
            await self._until_something_is_new(rest)

    async def _until_something_is_new(self, rest: float) -> None:
        """Return when the index is at rest and knows something else, or something was erased, or an hour is over."""
        begun = asyncio.get_running_loop().time()
        while not self._urgent.is_set():
            past, version = asyncio.get_running_loop().time() - begun, self._town.index.version
            if past >= HOUR_SECONDS or (past >= rest and version is not None and version != self._followed):
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._urgent.wait(), LOOK_SECONDS)

    async def catch_up(self, *, anew: bool = False, tell: Tell = lambda done, total: None) -> int:
        """Bring the store up to the index; returns how many elements were written or taken out."""
        async with self._turn:
            self._urgent.clear()
            version = self._town.index.version
            config = self._town.config
            told = {"base": base_of(config), "zone": config.http.timezone, "now": self._town.now(), "anew": anew}
            elements = await self._run(msgspec.json.encode(told), tell)
            self._followed = version
            if not self._urgent.is_set():
                layout.give(self._folder)
            return elements

    async def _run(self, told: bytes, tell: Tell) -> int:
        process = await asyncio.create_subprocess_exec(
            *command_of("convergences_node.linked.following", str(self._town.folder)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_BYTES_MAX,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(told + b"\n")
            while line := await process.stdout.readline():
                said = msgspec.json.decode(line, type=_Said)
                if said.error is not None:
                    raise LocalError(said.error, hint=said.hint)
                if said.elements is not None:
                    return said.elements
                tell(said.done, said.total)
            raise OSError(f"the process that writes the store ended with {await process.wait()}")
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()  # it has said its last word; what it had not finished is found again
            await process.wait()


def base_of(config: Config) -> str:
    """The address that elements' begin with in the store: one for all who ask, whatever way they came by."""
    public = config.http.public_url.rstrip("/")
    return public or f"http://localhost:{config.http.port}"
