# SPDX-License-Identifier: AGPL-3.0-or-later
"""Answers that a cache may keep and ask about again: strong ETags, 304, gzip, and who may store what for how long.

The tag is a digest of the bytes sent (RFC 9110 section 8.8.3): two answers with the same tag are the same answer,
whatever happened to the archive between them. A gzipped answer is another representation and carries another tag.
"""

from __future__ import annotations

import base64
import gzip
import hashlib

from aiohttp import web

# Below this a compressed answer saves less than one network packet.
GZIP_BYTES_MIN = 1400
# Each step costs more time than it saves bytes: level 4 is 5 % smaller on our JSON, and takes 1.4 times as long.
GZIP_LEVEL = 1
# If-None-Match may list tags; a list longer than this is answered as if it matched nothing.
TAGS_CHARACTERS_MAX = 4096

CACHE_NEVER = "no-store"
"""For health and metrics: an old answer is a wrong one."""
CACHE_ASK = "no-cache"
"""Keep it, and ask before each use: what an erasure must be able to reach."""
CACHE_WEEK = "public, max-age=604800, immutable"
"""For files of records: they never change, but an erasure's seven days (`erasure.py`) are the longest they are kept."""
CACHE_FOREVER = "public, max-age=31536000, immutable"
"""For tiles and versioned styles: these bytes never change under this address."""


def entity_tag(body: bytes, suffix: str = "") -> str:
    """The strong tag of these bytes, in its quotes."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}{suffix}"'


def digest_field(digest: bytes) -> str:
    """A SHA-256 of an answer's bytes, as they are encoded, as `Repr-Digest` says it (RFC 9530 section 3)."""
    return f"sha-256=:{base64.b64encode(digest).decode()}:"


def tag_matches(if_none_match: str | None, tag: str) -> bool:
    """Whether the client already holds this: the weak comparison that RFC 9110 section 13.1.2 asks for."""
    if not if_none_match or len(if_none_match) > TAGS_CHARACTERS_MAX:
        return False
    if if_none_match.strip() == "*":
        return True
    return any(piece.strip().removeprefix("W/") == tag for piece in if_none_match.split(","))


def conditional(
    request: web.Request,
    body: bytes,
    content_type: str,
    *,
    cache: str = CACHE_ASK,
    vary: tuple[str, ...] = (),
    zipped: bytes | None = None,
    digested: bool = False,
) -> web.Response:
    """Answer these bytes, or 304 if the client says that it holds them. `zipped`: the same, compressed already.
    `digested`: with the digest of what is sent, for whoever keeps it."""
    headers = {"Cache-Control": cache, "Vary": ", ".join((*vary, "Accept-Encoding")), "Content-Type": content_type}
    tag = entity_tag(body)
    if len(body) >= GZIP_BYTES_MIN and takes_gzip(request):
        body = gzip.compress(body, GZIP_LEVEL, mtime=0) if zipped is None else zipped
        tag = f'{tag[:-1]}-gzip"'
        headers["Content-Encoding"] = "gzip"
    headers["ETag"] = tag
    if digested:
        headers["Repr-Digest"] = digest_field(hashlib.sha256(body).digest())
    if tag_matches(request.headers.get("If-None-Match"), tag):
        for name in ("Content-Type", "Content-Encoding"):
            headers.pop(name, None)
        return web.Response(status=304, headers=headers)
    return web.Response(body=body, headers=headers)


def takes_gzip(request: web.Request) -> bool:
    """Whether this reader takes a gzipped answer (RFC 9110 section 12.5.3)."""
    for piece in request.headers.get("Accept-Encoding", "").split(","):
        name, _, parameter = piece.partition(";")
        if name.strip().lower() == "gzip":
            return parameter.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
