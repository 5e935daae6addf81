# SPDX-License-Identifier: AGPL-3.0-or-later
"""The smallest basemap: a PMTiles archive (version 3) of one vector tile (Mapbox Vector Tile 2) that is all water.

Written here by hand from the two specifications, so that a test needs no file and no tool of anyone.
"""

from __future__ import annotations

import json
import struct

HEADER_BYTES = 127
EXTENT = 4096


def varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*found, number])


def field(number: int, value: int | bytes) -> bytes:
    """A field of Protocol Buffers: a number, or bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def all_water() -> bytes:
    """A tile whose layer `water` covers it."""
    side = EXTENT * 2  # as zigzag
    corners = [9, 0, 0, 26, side, 0, 0, side, side - 1, 0, 15]
    feature = field(3, 3) + field(4, b"".join(map(varint, corners)))
    kind = field(2, field(2, b"\x00\x00") + feature)
    layer = (
        field(15, 2) + field(1, b"water") + kind + field(3, b"kind") + field(4, field(1, b"ocean")) + field(5, EXTENT)
    )
    return field(3, layer)


def tiny_tiles() -> bytes:
    """The archive."""
    tile = all_water()
    about = json.dumps({"attribution": "<b>© Les cartographes</b>", "vector_layers": [{"id": "water"}]}).encode()
    # One entry for the four tiles of zoom 1 (numbers 1 to 4), which are the same bytes.
    directory = b"".join(map(varint, [1, 1, 4, len(tile), 1]))
    offsets = [HEADER_BYTES, HEADER_BYTES + len(directory), HEADER_BYTES + len(directory) + len(about)]
    places = [offsets[0], len(directory), offsets[1], len(about), offsets[2], 0, offsets[2], len(tile), 4, 1, 1]
    world = [-1_800_000_000, -850_000_000, 1_800_000_000, 850_000_000]
    header = b"PMTiles\x03" + struct.pack("<11Q6B4iB2i", *places, 1, 1, 1, 1, 1, 1, *world, 1, 0, 0)
    assert len(header) == HEADER_BYTES
    return header + directory + about + tile
