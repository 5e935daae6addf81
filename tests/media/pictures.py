# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pictures and documents for tests, made by the library itself: sound ones, and those that mean harm."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from PIL import Image, ImageDraw

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
SECRET = b"SpyCam 3000"
UPRIGHT_IF_TURNED = 6
"""Of EXIF's tag 0x0112: the camera was held on its side, to be turned a quarter."""


def drawn(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Something to look at: red above, blue below, a white corner."""
    picture = Image.new(mode, (width, height), (200, 30, 30) if mode == "RGB" else (200, 30, 30, 128))
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, height // 2, width, height), fill=(30, 60, 200))
    pen.rectangle((0, 0, width // 8, height // 8), fill=(255, 255, 255))
    return picture


def written(picture: Image.Image, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def from_a_telephone(width: int = 1200, height: int = 900) -> bytes:
    """A photograph lying on its side, with a place, a device and a comment in it."""
    exif = Image.Exif()
    exif[0x0112] = UPRIGHT_IF_TURNED
    exif[0x010F] = SECRET.decode()
    place = exif.get_ifd(0x8825)
    place[1], place[2] = "N", (48.0, 56.0, 10.0)
    return written(drawn(width, height), "JPEG", exif=exif, comment=SECRET)


def bomb(width: int = 30_000, height: int = 30_000) -> bytes:
    """A PNG of a few kilobytes that says that it has nearly a billion pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(100_000)))
        + chunk(b"IEND", b"")
    )
