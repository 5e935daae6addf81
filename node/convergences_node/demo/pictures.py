# SPDX-License-Identifier: AGPL-3.0-or-later
"""Pictures for a demo, drawn from a name alone: a street for what has a picture, a sign for what has a logo.

Open data brings no photographs, and those that could be found belong to somebody. These belong to nobody: the same name
gives the same drawing on every machine. Their words say that they are drawings.
"""

from __future__ import annotations

import colorsys
import io
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

STREET, SIGN, BANNER = (1200, 800), (512, 512), (1600, 400)
Colour = tuple[int, int, int]


def street(name: str, size: tuple[int, int] = STREET) -> bytes:
    """A street under the sky, as a PNG: hills, a sun, houses with lit windows."""
    from PIL import Image, ImageDraw

    dice = Random(name)
    width, height = size
    hue = dice.random()
    picture = Image.new("RGB", size, _colour(hue, 0.86, 0.45))
    pen = ImageDraw.Draw(picture)
    radius = height * dice.uniform(0.09, 0.16)
    x, y = width * dice.uniform(0.15, 0.85), height * dice.uniform(0.18, 0.34)
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_colour(hue + 0.45, 0.92, 0.7))
    for level, light in ((0.52, 0.68), (0.62, 0.56)):
        _hills(pen, dice, size, level, _colour(hue + 0.06, light, 0.35))
    _houses(pen, dice, size, hue)
    return _png(picture)


def sign(name: str) -> bytes:
    """Three shapes in two colours, as a PNG."""
    from PIL import Image, ImageDraw

    dice = Random(name)
    hue = dice.random()
    picture = Image.new("RGB", SIGN, (255, 255, 255))
    pen = ImageDraw.Draw(picture)
    side = SIGN[0]
    pen.rounded_rectangle((24, 24, side - 24, side - 24), 96, fill=_colour(hue, 0.32, 0.55))
    pen.ellipse((96, 96, 320, 320), fill=_colour(hue + 0.5, 0.72, 0.8))
    pen.polygon(((256, 416), (416, 416), (416, 160)), fill=_colour(hue + 0.08, 0.82, 0.75))
    if dice.random() < 0.5:
        pen.rectangle((112, 336, 224, 416), fill=(255, 255, 255))
    else:
        pen.arc((96, 200, 416, 520), 180, 270, fill=(255, 255, 255), width=28)
    return _png(picture)


def _hills(pen: ImageDraw, dice: Random, size: tuple[int, int], level: float, colour: Colour) -> None:
    width, height = size
    steps = 7
    tops = [(width * n / steps, height * (level + dice.uniform(-0.07, 0.07))) for n in range(steps + 1)]
    pen.polygon([(0, height), *tops, (width, height)], fill=colour)


def _houses(pen: ImageDraw, dice: Random, size: tuple[int, int], hue: float) -> None:
    width, height = size
    left = 0.0
    while left < width:
        wide, tall = height * dice.uniform(0.16, 0.3), height * dice.uniform(0.2, 0.42)
        top = height - tall
        wall = _colour(hue + dice.choice((0.0, 0.5, 0.55, 0.08)), dice.uniform(0.55, 0.82), 0.45)
        pen.rectangle((left, top, left + wide, height), fill=wall)
        roof = ((left - 6, top), (left + wide / 2, top - wide * 0.45), (left + wide + 6, top))
        pen.polygon(roof, fill=_colour(hue + 0.52, 0.3, 0.4))
        _windows(pen, dice, (left, top, wide, height), hue)
        left += wide + height * 0.015


def _windows(pen: ImageDraw, dice: Random, wall: tuple[float, float, float, float], hue: float) -> None:
    left, top, wide, bottom = wall
    side = wide / 5
    y = top + side * 0.8
    while y < bottom - side * 1.6:
        for x in (left + side, left + 3 * side):
            lit = dice.random() < 0.4
            pen.rectangle((x, y, x + side, y + side * 1.3), fill=_colour(hue + 0.45, 0.9 if lit else 0.42, 0.5))
        y += side * 2.1


def _colour(hue: float, light: float, full: float) -> Colour:
    red, green, blue = colorsys.hls_to_rgb(hue % 1, light, full)
    return round(red * 255), round(green * 255), round(blue * 255)


def _png(picture: object) -> bytes:
    from PIL.Image import Image

    assert isinstance(picture, Image)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
