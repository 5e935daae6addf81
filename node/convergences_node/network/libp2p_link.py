# SPDX-License-Identifier: AGPL-3.0-or-later
"""One link over libp2p: whole frames in order, on one stream, within bounds of length, time and memory.

A frame is a big-endian 32-bit length and that many bytes. What the peer is sent waits in an outbox; what it sends is
handed over at most so many frames ahead of whoever consumes them, and then the peer waits. Runs in the trio thread.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import trio
from libp2p.peer.id import ID

from convergences_node.network.transport import FRAME_BYTES_MAX, FRAMES_UNCONSUMED_MAX, Link, PeerKey

CLOSE_SECONDS_MAX = 2.0
OUTBOX_BYTES_MAX = 16 * 1024 * 1024
"""Frames waiting for a slow peer. It asked for them (credit): beyond this, it asks and does not read."""
READ_BYTES = 256 * 1024

_ID_PREFIX = bytes.fromhex("002408011220")
"""A libp2p peer id of an Ed25519 key: identity multihash of the key's protobuf (libp2p peer-ids specification)."""


def peer_id_of(key: PeerKey) -> ID:
    """The libp2p id of a log's key."""
    return ID(_ID_PREFIX + key)


def key_of(peer_id: ID) -> PeerKey | None:
    """The log key of a libp2p id; None if it is of another kind of key."""
    raw: bytes = peer_id.to_bytes()
    return raw[6:] if len(raw) == 38 and raw.startswith(_ID_PREFIX) else None


class FrameTooLong(Exception):  # noqa: N818 - what the peer did, not what we failed at
    """A peer announced a frame above the bound."""


class FrameTooSlow(Exception):  # noqa: N818 - as above
    """A peer dripped: one frame took longer than the slowest line that we serve needs."""


class OpenLink:
    """One link, as the thread holds it. `frame_s` bounds the time from the first byte of a frame to its last."""

    def __init__(self, link: Link, stream: Any, consumed_on: trio.lowlevel.TrioToken, frame_s: float) -> None:
        self.link = link
        self._frame_s = frame_s
        self.stream = stream
        self.closed = trio.Event()
        self.replaced = trio.Event()
        self.opened_at = self.heard_at = trio.current_time()
        self._token = consumed_on
        self._room = trio.Semaphore(FRAMES_UNCONSUMED_MAX)
        self._outbox: deque[bytes] = deque()
        self._outbox_bytes = 0
        self._wake = trio.Event()

    @property
    def muxed(self) -> Any:
        """The connection that the link's stream is on."""
        return self.stream.muxed_conn

    def send(self, frame: bytes) -> bool:
        """Queue a frame; False if the peer left too much unread."""
        self._outbox_bytes += len(frame)
        self._outbox.append(frame)
        self._wake.set()
        return self._outbox_bytes <= OUTBOX_BYTES_MAX

    async def write_all(self, drained: Callable[[int], None]) -> None:
        """Write the queued frames, each within its time, for ever; say so whenever none waits any more."""
        frames = 0
        while True:
            if not self._outbox:
                if frames:
                    drained(frames)
                self._wake = trio.Event()
                await self._wake.wait()
            frame = self._outbox.popleft()
            with trio.move_on_after(self._frame_s) as patience:
                await write_frame(self.stream, frame)
            if patience.cancelled_caught:
                raise FrameTooSlow(f"has not taken a frame in {self._frame_s:g} s")
            self._outbox_bytes -= len(frame)
            frames += 1

    async def read_all(self, received: Callable[[bytes, Callable[[], None]], None]) -> None:
        """Hand over each frame; stop reading while too many are not consumed. A frame that has begun has to end in
        time, however often a byte of it comes."""
        buffer = bytearray()
        deadline = math.inf
        while True:
            while (frame := _cut_frame(buffer, FRAME_BYTES_MAX)) is not None:
                await self._room.acquire()
                received(frame, self._consumed)
                deadline = math.inf
            if buffer:
                deadline = min(deadline, trio.current_time() + self._frame_s)
            with trio.move_on_at(deadline) as patience:
                buffer += await self.stream.read(READ_BYTES)
            if patience.cancelled_caught:
                raise FrameTooSlow(f"has not ended a frame in {self._frame_s:g} s")
            self.heard_at = trio.current_time()

    def _consumed(self) -> None:
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._room.release)


async def write_frame(stream: Any, frame: bytes) -> None:
    """One write a frame: the library's cost is by the write."""
    await stream.write(len(frame).to_bytes(4, "big") + frame)


async def read_frame(stream: Any, bytes_max: int) -> bytes:
    """One frame and nothing after it; raises `FrameTooLong` before reading one above the bound."""
    buffer = bytearray()
    while (frame := _cut_frame(buffer, bytes_max)) is None:
        buffer += await stream.read(bytes_max)
    return frame


def _cut_frame(buffer: bytearray, bytes_max: int) -> bytes | None:
    """Take one whole frame off the front of `buffer`, if it is all there."""
    if len(buffer) < 4:
        return None
    size = int.from_bytes(buffer[:4], "big")
    if size > bytes_max:
        raise FrameTooLong(f"announced a frame of {size} bytes")
    if len(buffer) < 4 + size:
        return None
    frame = bytes(memoryview(buffer)[4 : 4 + size])
    del buffer[: 4 + size]
    return frame


async def close_connection(muxed: Any) -> None:
    """Close a connection politely, and if the peer does not let us, without its consent."""
    with suppress(Exception), trio.move_on_after(CLOSE_SECONDS_MAX):
        await muxed.close()
    if not muxed.is_closed:
        # A peer that does not read holds the polite goodbye; the socket needs nobody's consent.
        with suppress(Exception), trio.move_on_after(CLOSE_SECONDS_MAX):
            await muxed._cleanup_on_error()
