# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the libp2p thread is started with; apart from it, so that naming a setting does not import the library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

FRAME_SECONDS_MAX = 60.0
"""One frame of 1 MiB, read or written, on the slowest line we serve (140 kbit/s)."""


@dataclass(frozen=True, slots=True)
class Libp2pSettings:
    """The node key's seed, where to listen, and the bounds of the configuration's `limits`."""

    seed: bytes
    listen: Sequence[str]
    connections: int = 256
    peer_streams: int = 16
    ping_s: float = 45.0
    frame_s: float = FRAME_SECONDS_MAX
