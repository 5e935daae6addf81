# SPDX-License-Identifier: AGPL-3.0-or-later
"""libp2p as a `Transport`: the asyncio side of the door to the trio thread.

Calls go over by `run_sync_soon`, events come back by `call_soon_threadsafe`, in order both ways; no object of the
host is touched from here. The library (80 MB, more than a second) is imported in the thread, so that the node's pages
are up before it. If the thread dies, every link is reported lost and it is started again, later each time.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence, Set
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from convergences_protocol.errors import ConvergencesError, LocalError, RemoteError

from convergences_node.faults import words_of
from convergences_node.network import libp2p_lean
from convergences_node.network.libp2p_settings import Libp2pSettings as Libp2pSettings
from convergences_node.network.transport import Answer, Link, Listener, PeerKey

if TYPE_CHECKING:
    import random

    import trio

    from convergences_node.network.libp2p_thread import Libp2pHost

log = logging.getLogger(__name__)

START_SECONDS_MAX = 300.0
"""The import alone takes seconds on a Pi that has just started, a minute and more on an emulated one; what does not
start in time stays off until the node starts again."""
STOP_SECONDS_MAX = 5.0
RESTART_FIRST_S = 5.0
RESTART_MAX_S = 300.0


class Libp2pTransport:
    """The peer to peer transport of a node."""

    name = "libp2p"

    def __init__(self, settings: Libp2pSettings, dice: random.Random | None = None) -> None:
        self._settings = settings
        self._dice = dice
        self._host: Libp2pHost | None = None
        self._token: trio.lowlevel.TrioToken | None = None
        self._thread: threading.Thread | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self._addresses: Sequence[str] = ()
        self._allowed: frozenset[PeerKey] = frozenset()
        self._targets: Mapping[PeerKey, Sequence[str]] = {}
        self._linked: dict[PeerKey, Link] = {}
        """The links that the listener knows of: what it sends is meant for these, whatever the thread has by then."""
        self.answer: Answer | None = None
        """See `transport.Asks`."""
        self._answering: set[asyncio.Task[None]] = set()
        self._stop_asked = False
        """Seen by the thread as soon as it can be stopped: until its imports are done, it cannot."""

    async def start(self, listener: Listener) -> None:
        """Start the thread; returns once it listens, or dials out only: then there are no `addresses`.

        Raises `LocalError` if libp2p cannot run.
        """
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        await self._start_thread()
        self._supervisor = asyncio.create_task(self._supervise(), name="libp2p supervisor")

    async def stop(self) -> None:
        """Close every link and end the thread."""
        if self._supervisor is not None:
            self._supervisor.cancel()
        self._stop_asked = True
        host = self._host
        if host is not None:
            self._in_thread(host.stop)
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, STOP_SECONDS_MAX)
            if self._thread.is_alive():
                log.warning("the libp2p thread did not stop within %s s", STOP_SECONDS_MAX)

    def addresses(self) -> Sequence[str]:
        """Where the thread listens, each with this node's peer id."""
        return self._addresses

    def allow(self, keys: Set[PeerKey]) -> None:
        """See `Transport.allow`."""
        self._allowed = frozenset(keys)
        if self._host is not None:
            self._in_thread(self._host.allow, self._allowed)

    def reach(self, targets: Mapping[PeerKey, Sequence[str]]) -> None:
        """See `Transport.reach`."""
        self._targets = dict(targets)
        if self._host is not None:
            self._in_thread(self._host.reach, self._targets)

    def send(self, key: PeerKey, frame: bytes) -> None:
        """See `Transport.send`."""
        link = self._linked.get(key)
        if self._host is not None and link is not None:
            self._in_thread(self._host.send, link, frame)

    def announce(self, data: bytes) -> None:
        """See `Transport.announce`."""
        if self._host is not None:
            self._in_thread(self._host.announce, data)

    def drop(self, key: PeerKey) -> None:
        """See `Transport.drop`."""
        if self._host is not None:
            self._in_thread(self._host.drop, key)

    async def join(self, address: str, key: PeerKey, request: bytes) -> bytes:
        """See `Transport.join`."""
        return await self._answered(address, lambda host: host.join(address, key, request))

    async def ask(self, key: PeerKey, question: bytes) -> bytes:
        """See `transport.Asks`."""
        return await self._answered(key.hex()[:12], lambda host: host.asking.ask(key, question))

    async def _answered(self, who: str, work: Callable[[Libp2pHost], Awaitable[bytes]]) -> bytes:
        """What some work of the thread gives. `RemoteError` for whatever goes wrong on the way."""
        host = self._host
        if host is None:
            raise LocalError("the peer to peer network is not running")
        answer: Future[bytes] = Future()

        async def ask() -> None:
            try:
                answered = await work(host)
            except BaseException as error:
                _settle(answer, RemoteError(f"no answer from {who}: {_why(error)}"))
                if not isinstance(error, Exception):
                    raise
            else:
                _settle(answer, answered)

        self._in_thread(lambda: host.nursery.start_soon(ask))
        return await asyncio.wrap_future(answer)

    def _asked(self, key: PeerKey, question: bytes, answer: Callable[[bytes], None]) -> None:
        """A peer's question, in the loop."""
        task = asyncio.create_task(self._answer_one(key, question, answer))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer_one(self, key: PeerKey, question: bytes, answer: Callable[[bytes], None]) -> None:
        """Unanswered, the thread gives the question up in its own time."""
        if self.answer is None:
            return
        try:
            answer(await self.answer(key, question))
        except RemoteError as error:
            self._listener.misbehaved(key, str(error))
        except Exception:
            log.exception("a question of %s could not be answered", key.hex()[:12])

    async def answers(self) -> None:
        """See `Transport.answers`. A thread that has ended is another's business: it is being started again."""
        if self._host is None:
            return
        noticed: asyncio.Future[None] = self._loop.create_future()
        self._in_thread(self._post, _set_noticed, noticed)
        while self._host is not None and not noticed.done():
            await asyncio.wait([noticed], timeout=1.0)

    # ---------------------------------------------------------------------------- the thread
    async def _start_thread(self) -> None:
        started: asyncio.Future[Sequence[str]] = self._loop.create_future()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, args=(started, self._ended), name="libp2p", daemon=True)
        self._thread.start()
        async with asyncio.timeout(START_SECONDS_MAX):
            self._addresses = await started
        self.allow(self._allowed)
        self.reach(self._targets)

    def _run(self, started: asyncio.Future[Sequence[str]], ended: asyncio.Event) -> None:
        """The whole life of the thread."""
        error: BaseException | None = None
        try:
            import trio

            with libp2p_lean.left_out():
                from convergences_node.network import libp2p_thread

            events = _Events(self, started)
            host = libp2p_thread.Libp2pHost(self._settings, events, self._dice)

            async def main() -> None:
                self._token = trio.lowlevel.current_trio_token()
                self._host = host
                if not self._stop_asked:
                    await host.main()

            trio.run(main)
        except BaseException as raised:
            error = raised
        finally:
            self._host = None
            self._post(self._thread_ended, started, ended, error)

    def _thread_ended(
        self, started: asyncio.Future[Sequence[str]], ended: asyncio.Event, error: BaseException | None
    ) -> None:
        if not started.done():
            started.set_exception(LocalError(f"libp2p cannot run here: {_why(error)}"))
        elif error is not None:
            log.error("libp2p stopped: %s", _why(error))
        for key in sorted(self._linked):
            self._listener.disconnected(key)
        self._linked.clear()
        ended.set()

    async def _supervise(self) -> None:
        """Start the thread again when it dies, later each time."""
        delay = RESTART_FIRST_S
        while True:
            await self._ended.wait()
            await asyncio.sleep(delay)
            delay = min(2 * delay, RESTART_MAX_S)
            with contextlib.suppress(ConvergencesError, TimeoutError):
                await self._start_thread()
                log.info("libp2p is running again")

    def _in_thread(self, function: Callable[..., Any], *args: Any) -> None:
        """Call in the trio thread, soon; lost if it has ended."""
        if self._token is not None:
            with contextlib.suppress(RuntimeError):  # trio.RunFinishedError
                self._token.run_sync_soon(function, *args)

    def _post(self, function: Callable[..., Any], *args: Any) -> None:
        """Call in the asyncio loop, soon; lost if it is closed."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *args)


@contextlib.asynccontextmanager
async def dialling_only(seed: bytes) -> AsyncIterator[Libp2pTransport | None]:
    """libp2p for one question, such as `join` with no node running: no address, no peers. None where it cannot run."""
    transport = Libp2pTransport(Libp2pSettings(seed, ()))
    try:
        await transport.start(_Deaf())
    except (ConvergencesError, TimeoutError) as error:
        log.warning("%s", error)
        yield None
        return
    try:
        yield transport
    finally:
        await transport.stop()


class _Deaf:
    """A listener with nothing to hear."""

    def connected(self, link: Link) -> None: ...
    def disconnected(self, key: PeerKey) -> None: ...
    def received(self, key: PeerKey, frame: bytes, consumed: Callable[[], None]) -> None: ...
    def drained(self, key: PeerKey, frames: int) -> None: ...
    def heard(self, data: bytes) -> None: ...
    def misbehaved(self, key: PeerKey, reason: str) -> None: ...
    def join_asked(self, key: PeerKey, request: bytes, answer: Callable[[bytes], None]) -> None: ...


class _Events:
    """What the thread tells, posted to the loop in order."""

    def __init__(self, transport: Libp2pTransport, started: asyncio.Future[Sequence[str]]) -> None:
        self._transport = transport
        self._started = started

    def ready(self, addresses: Sequence[str]) -> None:
        self._transport._post(_set_result, self._started, addresses)

    def connected(self, link: Link) -> None:
        self._transport._post(self._connected, link)

    def _connected(self, link: Link) -> None:
        self._transport._linked[link.key] = link
        self._transport._listener.connected(link)

    def disconnected(self, key: PeerKey) -> None:
        self._transport._post(self._disconnected, key)

    def _disconnected(self, key: PeerKey) -> None:
        self._transport._linked.pop(key, None)
        self._transport._listener.disconnected(key)

    def misbehaved(self, key: PeerKey, reason: str) -> None:
        self._transport._post(self._transport._listener.misbehaved, key, reason)

    def received(self, key: PeerKey, frame: bytes, consumed: Callable[[], None]) -> None:
        self._transport._post(self._transport._listener.received, key, frame, consumed)

    def drained(self, key: PeerKey, frames: int) -> None:
        self._transport._post(self._transport._listener.drained, key, frames)

    def heard(self, data: bytes) -> None:
        self._transport._post(self._transport._listener.heard, data)

    def join_asked(self, key: PeerKey, request: bytes, answer: Callable[[bytes], None]) -> None:
        self._transport._post(self._transport._listener.join_asked, key, request, answer)

    def asked(self, key: PeerKey, question: bytes, answer: Callable[[bytes], None]) -> None:
        self._transport._post(self._transport._asked, key, question, answer)


def _set_result(future: asyncio.Future[Sequence[str]], addresses: Sequence[str]) -> None:
    if not future.done():
        future.set_result(addresses)


def _set_noticed(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _settle(future: Future[bytes], result: bytes | Exception) -> None:
    """Nobody may wait any more: who asked was cancelled, and the future with it."""
    if not future.set_running_or_notify_cancel():
        return
    if isinstance(result, bytes):
        future.set_result(result)
    else:
        future.set_exception(result)


def _why(error: BaseException | None) -> str:
    """The innermost reason, in words."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return words_of(error) if error is not None else "it ended"
