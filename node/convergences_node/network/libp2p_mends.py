# SPDX-License-Identifier: AGPL-3.0-or-later
"""Two faults of py-libp2p 0.8.1, mended from outside, one bound it should have had, and one size that does not fit.

1. **A listener dies after 250 inbound connections.** `Swarm._do_handle_inbound_connection` holds a slot of its
limiter, and
   a task, until the whole service ends, not until that connection does. Mended by waiting for the connection's own end
   and then raising, which makes the caller close the raw connection and give the slot back. (This would break
   connections upgraded through a relay; we use none.)
2. **Yamux does not enforce its receive window.** A peer that ignores flow control fills our memory. Mended by counting
   what is unread on the connection before reading more, and dropping the peer past a bound. The window that we grant is
   held under that bound too, so that no honest peer, however fast, is dropped.

What it cuts a stream into is 17 bytes longer than what Noise takes at once, so each piece was two messages, two writes
and two reads. Pieces of two whole messages take 0.6 of the processor time at both ends (decision 0104).

All are pinned by `tests/network/test_libp2p_mends.py`. They reach into private names, so the version is asserted:
another one must be read, tried and pinned again before it is let in. `apply()` may be called more than once.
"""

from __future__ import annotations

import importlib.metadata
import logging
from typing import Any

import libp2p.network.swarm as swarm_module
import libp2p.stream_muxer.yamux.yamux as yamux_module
import trio
from libp2p.network.exceptions import SwarmException
from libp2p.security.noise.io import MAX_PLAINTEXT_LENGTH

log = logging.getLogger(__name__)

VERSION = "0.8.1"
"""The only version whose faults are known here."""

UNREAD_BYTES_MAX = 4 * 1024 * 1024
"""Unread bytes held for one connection before its peer is dropped: four frames of 1 MiB."""

WINDOW_BYTES_MAX = 1024 * 1024
"""The largest window granted to a stream. The library grows it to 16 MiB, which an honest peer may fill at once."""

PIECE_BYTES = 2 * MAX_PLAINTEXT_LENGTH
"""What a stream's bytes are cut into, with Yamux's header. Twice as much would take a tenth less of the processor, and
hold up a ping or a head behind it for 15 seconds on the slowest line that we serve."""


class ConnectionOver(SwarmException):  # type: ignore[misc] # the library is untyped here
    """Not a fault: an inbound connection has ended, and its slot is to be freed."""


class UnreadTooMuch(trio.TooSlowError):
    """The peer sent past its window. A `TooSlowError` because that is what makes Yamux close the connection."""


def apply() -> None:
    """Mend the library in this process; refuse a version that was not examined."""
    found = importlib.metadata.version("libp2p")
    if found != VERSION:
        raise ImportError(f"libp2p {found} was not examined; {VERSION} is wanted")
    if getattr(swarm_module.Swarm, "_convergences_mended", False):
        return
    swarm_module.Swarm._convergences_mended = True
    _quieten()
    yamux_module.MAX_WINDOW_SIZE = WINDOW_BYTES_MAX
    yamux_module.MAX_MESSAGE_SIZE = PIECE_BYTES
    _mend_inbound_slots()
    _mend_unread_bytes()


def _quieten() -> None:
    """On import the library takes its loggers out of ours, and writes several lines for each ordinary disconnect."""
    library = logging.getLogger("libp2p")
    library.handlers[:] = [logging.NullHandler()]
    library.propagate = logging.getLogger().isEnabledFor(logging.DEBUG)
    library.setLevel(logging.INFO if library.propagate else logging.CRITICAL)


def _mend_inbound_slots() -> None:
    upgrade = swarm_module.Swarm.upgrade_inbound_raw_conn

    async def upgrade_then_wait(self: Any, raw_conn: Any, maddr: Any) -> Any:
        muxed = await upgrade(self, raw_conn, maddr)
        await muxed.event_closed.wait()
        raise ConnectionOver("the inbound connection ended")

    swarm_module.Swarm.upgrade_inbound_raw_conn = upgrade_then_wait


def _mend_unread_bytes() -> None:
    read_data_body = yamux_module.Yamux._read_data_body

    async def read_within_bound(self: Any, length: int) -> bytes:
        unread = sum(map(len, self.stream_buffers.values()))
        if unread + length > UNREAD_BYTES_MAX:
            log.warning("peer %s sent %d bytes past its window; dropped", self.peer_id, unread + length)
            raise UnreadTooMuch
        body: bytes = await read_data_body(self, length)
        return body

    yamux_module.Yamux._read_data_body = read_within_bound


async def yamux_ping(muxed: Any, seconds_max: float) -> bool:
    """Whether the other end of a Yamux connection answers a ping of Yamux's own, which costs 12 bytes and no stream.

    The library pings too, every 30 seconds, and listens to nobody; whichever answer comes first proves life.
    """
    answered = muxed._ping_event = trio.Event()
    muxed._ping_sent_time = trio.current_time()
    header = yamux_module.struct.pack(
        yamux_module.YAMUX_HEADER_FORMAT, 0, yamux_module.TYPE_PING, yamux_module.FLAG_SYN, 0, 0
    )
    with trio.move_on_after(seconds_max):
        await muxed._write_frame(header)
        await answered.wait()
    return bool(answered.is_set() or muxed._ping_event.is_set())
