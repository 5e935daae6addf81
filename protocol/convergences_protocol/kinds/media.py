# SPDX-License-Identifier: AGPL-3.0-or-later
"""A medium: a picture or a document that a record points to. The file is outside the records, named by its SHA-256.

The record says all that a page needs before it has the file: how large it is, and in words what is to be seen on it, so
that nothing jumps, and nobody who does not see it is left out. The forms that a picture also comes in are files of
their own, made once where the picture was added: no other node has to open a stranger's picture.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

PICTURE_TYPES = ("image/webp", "image/jpeg", "image/png")
DOCUMENT_TYPES = ("application/pdf",)
MEDIA_TYPES = (*PICTURE_TYPES, *DOCUMENT_TYPES)
"""What any browser shows. Nothing that carries scripts a page would run (SVG, HTML)."""

ALT_CHARS_MAX = 1_000
CREDIT_CHARS_MAX = 300
LICENCE_CHARS_MAX = 500
PIXELS_MAX = 16_384
"""Of one side."""
BYTES_MAX = 2**31
SIZES_MAX = 4
EXTRA_CHARS_MAX = 1_000
INTEGER_MAX = 2**53 - 1

_DIGEST = re.compile("[0-9a-f]{64}")

JudgeText = Callable[[object, int], str | None]


@dataclass(frozen=True, slots=True)
class Size:
    """One form of a picture: a file, and how many pixels it has."""

    digest: str
    bytes: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Media:
    """A medium as a record says it. `width` and `height` are 0 of a document."""

    digest: str
    type: str
    bytes: int
    alt: str
    width: int = 0
    height: int = 0
    credit: str = ""
    licence: str = ""
    sizes: tuple[Size, ...] = ()
    """Smaller or otherwise cut forms of the same picture, the smallest first."""

    @property
    def is_picture(self) -> bool:
        return self.type in PICTURE_TYPES

    @property
    def digests(self) -> tuple[str, ...]:
        """Every file of it."""
        return (self.digest, *(size.digest for size in self.sizes))


def read_media(value: Mapping[str, Any]) -> Media:
    """A sound value (`media_fault` finds nothing) as what it says."""
    sizes = tuple(Size(one["digest"], one["bytes"], one["width"], one["height"]) for one in value.get("sizes", ()))
    return Media(
        value["digest"],
        value["type"],
        value["bytes"],
        value["alt"],
        value.get("width", 0),
        value.get("height", 0),
        value.get("credit", ""),
        value.get("licence", ""),
        sizes,
    )


def media_fault(value: object, judge_text: JudgeText) -> str | None:
    """The code of what is wrong with a medium, or None. What a newer program adds beside is let through."""
    if type(value) is not dict or any(type(name) is not str for name in value):
        return "wrong_type"
    if "alt" not in value:
        return "media_without_words"
    for name, most, required in _TEXTS:
        if (required or name in value) and (code := judge_text(value.get(name), most)) is not None:
            return code
    extra = [said for name, said in value.items() if name not in _KNOWN]
    if any(not _is_plain(said, judge_text) for said in extra):
        return "bad_media"
    return None if _is_sound(value) else "bad_media"


_TEXTS = (("alt", ALT_CHARS_MAX, True), ("credit", CREDIT_CHARS_MAX, False), ("licence", LICENCE_CHARS_MAX, False))

_FORM = frozenset({"digest", "bytes", "width", "height"})
_KNOWN = _FORM | {"type", "alt", "credit", "licence", "sizes"}


def _is_plain(value: object, judge_text: JudgeText) -> bool:
    """Whether it is what a newer program may add: a short text, or a number that every reader keeps exact."""
    if type(value) is int:
        return abs(value) <= INTEGER_MAX
    return judge_text(value, EXTRA_CHARS_MAX) is None


def _is_sound(value: Mapping[str, Any]) -> bool:
    sizes = value.get("sizes", [])
    if value.get("type") in DOCUMENT_TYPES:
        return _is_file(value) and not {"width", "height", "sizes"} & value.keys()
    if value.get("type") not in PICTURE_TYPES or type(sizes) is not list or len(sizes) > SIZES_MAX:
        return False
    own = {name: value[name] for name in _FORM if name in value}
    return all(map(_is_form, [own, *sizes])) and ("sizes" not in value or bool(sizes))


def _is_form(value: object) -> bool:
    return (
        type(value) is dict
        and value.keys() <= _FORM
        and _is_file(value)
        and all(type(value.get(side)) is int and 0 < value[side] <= PIXELS_MAX for side in ("width", "height"))
    )


def _is_file(value: Mapping[str, Any]) -> bool:
    digest, size = value.get("digest"), value.get("bytes")
    return type(digest) is str and _DIGEST.fullmatch(digest) is not None and type(size) is int and 0 < size <= BYTES_MAX
