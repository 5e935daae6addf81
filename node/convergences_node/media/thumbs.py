# SPDX-License-Identifier: AGPL-3.0-or-later
"""The one picture that stands for an element in a list: of what its record says, the small form that is shown there.

It is chosen when the record is taken into the index and kept with the card, so a list asks nobody about its pictures.
A logo is how people know an actor, and comes first; then its first picture. A banner is too wide for a corner.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from convergences_protocol.kinds.media import Media, Size

from convergences_node.media.named import media_fields, media_of

SIDE_PIXELS_MIN = 120
"""Of the form chosen, the shorter side: it is shown 72 pixels wide, on screens of up to twice as many dots."""
ALT_CHARS_MAX = 160
"""In a list; the whole of it is where the picture is shown large."""


class Thumb(msgspec.Struct, frozen=True, omit_defaults=True):
    """A small picture: a file, how large it is, what is to be seen, and whether all of it has to be."""

    digest: str
    width: int
    height: int
    alt: str
    whole: bool = False
    """A logo loses its meaning with its edges; a photograph may be cut to the space that there is."""


def thumb_of(kind: str, fields: Mapping[str, object]) -> Thumb | None:
    """The picture of an element in a list, if its record has one."""
    if fields.keys().isdisjoint(media_fields(kind)):
        return None
    said = [(name, medium) for name, medium in media_of(kind, fields) if medium.is_picture and name != "banner"]
    if not said:
        return None
    name, medium = min(said, key=lambda one: one[0] != "logo")
    form = _small(medium)
    return Thumb(form.digest, form.width, form.height, _shortened(medium.alt), name == "logo")


def _small(medium: Media) -> Media | Size:
    """The smallest form that is large enough; else the picture itself."""
    forms = [size for size in medium.sizes if min(size.width, size.height) >= SIDE_PIXELS_MIN]
    return min(forms, key=lambda size: size.width * size.height) if forms else medium


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= ALT_CHARS_MAX else text[:ALT_CHARS_MAX].rpartition(" ")[0] + " …"
