# SPDX-License-Identifier: AGPL-3.0-or-later
"""Files over HTTP: `GET /blobs/<sha256>` in ranges, with a signature where the file is for nodes alone.

Over HTTP nobody knows who asks. A node that wants what is not public says so: `Convergences-Peer: <key> <signature>`,
both in hexadecimal, its Ed25519 signature over `convergences/blob/1`, a line's end, the key of the node that is asked,
and the digest. Nothing in it grows old: whoever overhears and repeats it is given what it has overheard anyway. A
signature for one node is worth nothing at another.
"""

from __future__ import annotations

import re

import aiohttp
from convergences_protocol.errors import RemoteError
from convergences_protocol.keys import SigningKey
from convergences_protocol.signature import verify

from convergences_node.blobs.pieces import NotHeld, Piece, Question, checked
from convergences_node.network.transport import PeerKey

HEADER = "Convergences-Peer"
CONTEXT = b"convergences/blob/1\n"
READ_BYTES = 64 * 1024

_PROOF = re.compile("([0-9a-f]{64}) ([0-9a-f]{128})")
_RANGE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")


def prove(own: SigningKey, holder: PeerKey, digest: bytes) -> str:
    """The header's value by which a node says who it is, to `holder` alone and for this file alone."""
    return f"{own.public.hex()} {own.sign(CONTEXT + holder + digest).hex()}"


def proved(proof: str, holder: PeerKey, digest: bytes) -> PeerKey | None:
    """Whose that is; None if it proves nothing here."""
    found = _PROOF.fullmatch(proof)
    if found is None:
        return None
    key, signature = bytes.fromhex(found[1]), bytes.fromhex(found[2])
    return key if verify(key, CONTEXT + holder + digest, signature) else None


async def get_piece(session: aiohttp.ClientSession, address: str, proof: str | None, asked: Question) -> Piece:
    """One piece of a file at a node's HTTP address. `NotHeld`, or RemoteError for an answer that is none."""
    url = f"{address.rstrip('/')}/blobs/{asked.digest.hex()}"
    headers = {"Range": f"bytes={asked.offset}-{asked.offset + asked.bytes_max - 1}", "Accept-Encoding": "identity"}
    if proof is not None:
        headers[HEADER] = proof
    async with session.get(url, headers=headers, allow_redirects=False) as response:
        if response.status in (404, 410):
            raise NotHeld
        total = _total(response, asked)
        data = bytearray()
        async for chunk in response.content.iter_chunked(READ_BYTES):
            data += chunk
            if len(data) >= asked.bytes_max:
                break  # a server that knows no ranges sends the whole of it: the first piece is in it
        return checked(Piece(total, bytes(data[: asked.bytes_max])), asked)


def _total(response: aiohttp.ClientResponse, asked: Question) -> int:
    """How long the whole file is said to be."""
    if response.status == 416:
        raise RemoteError(f"{response.url} has nothing at {asked.offset}")
    if response.status == 200 and asked.offset == 0 and response.content_length is not None:
        return response.content_length
    found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if response.status != 206 or found is None or int(found[1]) != asked.offset:
        raise RemoteError(f"{response.url} answers {response.status} to a question for a range")
    return int(found[3])
