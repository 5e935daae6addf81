# SPDX-License-Identifier: AGPL-3.0-or-later
"""A picture made again, in a few sizes, by a child process that limits its memory and time before it looks at it.

A decoder of pictures is the kind of program that hostile files are made for; a small file may unfold into gigabytes.
The child (`imports/apart.py` has its limits) gets the file as its standard input and the use as its argument; it says
each form as a line of JSON and its bytes. Nothing of the original is in them but its pixels, turned upright and in the
colours of sRGB: no place, no time, no device, no earlier version, no bytes behind the end.
"""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from convergences_protocol.errors import Fault, LocalError

from convergences_node.child import command_of
from convergences_node.imports.apart import environment, limit
from convergences_node.media.shapes import SHARED, THUMB, USES, Use

if TYPE_CHECKING:
    from PIL.Image import Image

PIXELS_MAX = 50_000_000
"""More than any telephone's: 200 MB as Pillow holds them, of the child's 384."""
CPU_SECONDS_MAX = 60
WALL_SECONDS_MAX = 180
"""A Pi that does much else; the child's own clock ends it long before."""
FORM_BYTES_MAX = 8 * 1024 * 1024
FORMS_MAX = 5
QUALITY = 80
THUMB_QUALITY = 60
"""Of a picture as large as a fingertip: two to four kilobytes, so that a list of twenty stays light."""
METHOD = 4
"""Of libwebp, 0 to 6: a second for the largest form on a Pi, and 3 % larger than with twice the work."""
FORMAT = "WEBP"
MEDIA_TYPE = "image/webp"


@dataclass(frozen=True, slots=True)
class Form:
    """One form of a picture: a file."""

    width: int
    height: int
    data: bytes


def make_forms(source: Path, use: str) -> list[Form]:
    """The forms of a picture for a use, the one to be looked at first, then the smaller ones, the smallest first.

    LocalError with a fault for a file that is none, or one that is too large to be opened here.
    """
    with source.open("rb") as file:
        child = subprocess.Popen(
            command_of(__name__, use),
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
        )
    try:
        out, _ = child.communicate(timeout=WALL_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        raise _refused("picture_too_large") from None
    finally:
        child.kill()
        child.wait()
    if child.returncode != 0:
        raise _refused("picture_too_large")
    return list(_told(out))


def _told(out: bytes) -> Iterator[Form]:
    """The forms that the child has said. It is ours, but what it has read is not: it is believed as far as it fits."""
    stream = io.BytesIO(out)
    for _ in range(FORMS_MAX):
        line = stream.readline()
        if not line:
            return
        said = json.loads(line)
        if "fault" in said:
            raise _refused(str(said["fault"]))
        data = stream.read(said["bytes"])
        if len(data) != said["bytes"] or len(data) > FORM_BYTES_MAX:
            raise _refused("picture_unreadable")
        yield Form(said["width"], said["height"], data)


def _refused(code: str) -> LocalError:
    return LocalError(f"the picture cannot be used: {code}", fault=Fault("", code, {"pixels_max": PIXELS_MAX}))


# ------------------------------------------------------------------------------------- in the child
def tell_forms(file: BinaryIO, use: str, out: BinaryIO) -> None:
    """What the child does: open, make, and say."""
    try:
        forms = list(forms_of(file, USES[use]))
    except MemoryError:
        out.write(json.dumps({"fault": "picture_too_large"}).encode() + b"\n")
        return
    except Exception as error:  # whatever a decoder raises, it says one thing of the file
        code = "picture_too_large" if type(error).__name__ == "DecompressionBombError" else "picture_unreadable"
        out.write(json.dumps({"fault": code}).encode() + b"\n")
        return
    for form in forms:
        line = {"width": form.width, "height": form.height, "bytes": len(form.data)}
        out.write(json.dumps(line).encode() + b"\n" + form.data)
    out.flush()


def forms_of(file: BinaryIO, use: Use) -> Iterator[Form]:
    """The forms of an opened file."""
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = PIXELS_MAX // 2  # Pillow refuses from twice as many on
    with Image.open(file, formats=("PNG", "JPEG", "WEBP", "AVIF")) as opened:
        if opened.width * opened.height > PIXELS_MAX:
            raise MemoryError
        # A JPEG can be read at a half, a quarter or an eighth of its size, in as much less memory.
        opened.draft("RGB", (2 * use.box[0], 2 * use.box[1]))
        picture = _in_srgb(ImageOps.exif_transpose(opened))
    main = _cut(picture, use.box) if use.cut else _fitted(picture, use.box)
    yield _form(main)
    if use.thumb and min(main.size) > THUMB[0]:
        yield _form(_cut(main, THUMB), THUMB_QUALITY)
    for width in use.widths:
        if width * 3 < main.width * 2:
            yield _form(_fitted(main, (width, main.height)))
    if use.shared and picture.width >= SHARED[0] // 2 and picture.height >= SHARED[1] // 2:
        yield _form(_cut(picture, SHARED))


def _in_srgb(opened: Image) -> Image:
    """The same pixels in sRGB, with transparency if there is any: whoever looks has no profile of that camera."""
    from PIL import ImageCms

    has_alpha = opened.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in opened.info
    profile = opened.info.get("icc_profile")
    plain: Any = opened.convert("RGBA" if has_alpha else "RGB")
    if profile and opened.mode in ("RGB", "RGBA"):
        try:
            space = ImageCms.getOpenProfile(io.BytesIO(profile))
            plain = ImageCms.profileToProfile(plain, space, ImageCms.createProfile("sRGB")) or plain
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a profile that cannot be read: the colours are a little off, and the picture is there
    plain.info.clear()
    return plain  # type: ignore[no-any-return]  # a profile's transform has no type


def _fitted(picture: Image, box: tuple[int, int]) -> Image:
    """The whole of it, no larger than the box."""
    made = picture.copy()
    made.thumbnail(box, reducing_gap=2.0)
    return made


def _cut(picture: Image, box: tuple[int, int]) -> Image:
    """The middle of it, in the shape of the box; no larger than it is."""
    from PIL import ImageOps

    scale = min(1.0, picture.width / box[0], picture.height / box[1])
    return ImageOps.fit(picture, (max(1, round(box[0] * scale)), max(1, round(box[1] * scale))))


def _form(picture: Image, quality: int = QUALITY) -> Form:
    out = io.BytesIO()
    picture.save(out, FORMAT, quality=quality, method=METHOD, exif=b"", icc_profile=None)
    return Form(picture.width, picture.height, out.getvalue())


if __name__ == "__main__":
    limit(cpu_seconds=CPU_SECONDS_MAX)
    tell_forms(sys.stdin.buffer, sys.argv[1], sys.stdout.buffer)
