# SPDX-License-Identifier: AGPL-3.0-or-later
"""The shapes that pictures are made in, by how they are used; apart from the making, which pages do not load."""

from __future__ import annotations

from dataclasses import dataclass

SHARED = (1200, 630)
"""What messengers and social sites show of a link (Open Graph); it is cut to that shape from the middle."""
THUMB = (144, 144)
"""In lists, cut to that shape from the middle: 72 pixels wide, on a screen of twice as many dots."""


@dataclass(frozen=True, slots=True)
class Use:
    """How a picture is used: the box that it is made to fit, cut to it or whole, and its smaller sizes' widths."""

    box: tuple[int, int]
    cut: bool = False
    widths: tuple[int, ...] = ()
    shared: bool = False
    thumb: bool = False


USES = {
    "logo": Use((512, 512), widths=(128,)),
    "banner": Use((1600, 400), cut=True, widths=(800,)),
    "picture": Use((1600, 1600), widths=(400, 800), shared=True, thumb=True),
}
