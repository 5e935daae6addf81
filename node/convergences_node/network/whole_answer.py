# SPDX-License-Identifier: AGPL-3.0-or-later
"""An answer of another node's server, to its end and no longer than is read.

`StreamReader.read(n)` of aiohttp gives what has come so far, which of an answer in several packets is its beginning: on
a slow line, or behind a proxy, half of a sentence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import aiohttp

READ_BYTES = 64 * 1024


async def whole_answer(response: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    """The body, or its first `bytes_max` bytes where it is longer. Raises what aiohttp does of a line that breaks."""
    data = bytearray()
    async for chunk in response.content.iter_chunked(READ_BYTES):
        data += chunk
        if len(data) >= bytes_max:
            break
    return bytes(data[:bytes_max])
