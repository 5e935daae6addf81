# SPDX-License-Identifier: AGPL-3.0-or-later
"""What a file is, by its first bytes alone: a name and a sender's word are no evidence.

Only what any browser shows and nobody can make a program of. An SVG or an HTML page is neither a picture nor a document
here, whatever it looks like: it would run in the town's own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

HEAD_BYTES = 32
TAIL_BYTES = 1024
"""Within which a PDF says that it ends (ISO 32000-1, appendix H.3, implementation note 18)."""

EXTENSIONS: Mapping[str, str] = MappingProxyType(
    {
        "image/webp": "webp",
        "image/jpeg": "jpg",
        "image/png": "png",
        "image/avif": "avif",
        "application/pdf": "pdf",
    }
)
READ_TYPES = ("image/webp", "image/jpeg", "image/png", "image/avif")
"""Pictures that are taken in; all of them leave as WebP."""


def type_of(head: bytes) -> str | None:
    """The media type that the first bytes say, one of `EXTENSIONS`; None for any other file."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis"):
        return "image/avif"
    if head.startswith(b"%PDF-") and head[5:7] in (b"1.", b"2."):
        return "application/pdf"
    return None


def is_whole_pdf(tail: bytes) -> bool:
    """Whether its last bytes are a PDF's end: one that was cut opens nowhere."""
    return b"%%EOF" in tail[-TAIL_BYTES:]
