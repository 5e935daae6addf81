# SPDX-License-Identifier: AGPL-3.0-or-later
"""Colours that somebody chose, corrected until they can be read.

A colour is never refused for being too pale: it is moved towards black or white until its contrast with the ground it
stands on is enough (WCAG 2.2, success criteria 1.4.3 and 1.4.11), and no further.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TEXT = 4.5
"""Contrast of text (WCAG 1.4.3)."""
MARK = 3.0
"""Contrast of what is no text and means something (WCAG 1.4.11)."""
STEPS = 40
"""From a colour to black or white: a step is less than an eye tells apart."""
_HEX = re.compile(r"#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")


@dataclass(frozen=True, slots=True)
class Colour:
    """A colour of sRGB."""

    red: int
    green: int
    blue: int

    def __str__(self) -> str:
        return f"#{self.red:02x}{self.green:02x}{self.blue:02x}"

    @property
    def luminance(self) -> float:
        """Relative luminance, as WCAG 2.2 defines it: 0 for black, 1 for white."""
        return 0.2126 * _linear(self.red) + 0.7152 * _linear(self.green) + 0.0722 * _linear(self.blue)

    @property
    def is_dark(self) -> bool:
        """Whether white is read on it better than black."""
        return contrast(self, WHITE) > contrast(self, BLACK)


def _linear(channel: int) -> float:
    share = channel / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


BLACK, WHITE = Colour(0, 0, 0), Colour(255, 255, 255)


def read_colour(text: str) -> Colour | None:
    """The colour of `#0b5864`, `0b5864` or `#0bf`; None if it is none."""
    found = _HEX.fullmatch(text.strip())
    if found is None:
        return None
    digits = found[1] if len(found[1]) == 6 else "".join(each * 2 for each in found[1])
    return Colour(int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16))


def contrast(first: Colour, second: Colour) -> float:
    """Contrast ratio of two colours, 1 to 21."""
    light, dark = sorted((first.luminance, second.luminance), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def mixed(first: Colour, second: Colour, share: float) -> Colour:
    """So much of the second in the first: 0 is the first, 1 the second."""
    return Colour(*(
        round(one + (other - one) * share)
        for one, other in zip(
            (first.red, first.green, first.blue), (second.red, second.green, second.blue), strict=True
        )
    ))  # fmt: skip


def corrected(colour: Colour, ground: Colour, least: float) -> Colour:
    """The nearest colour on its way to black or white that has this contrast with the ground; the end of that way where
    there is none."""
    end = WHITE if ground.is_dark else BLACK
    for step in range(STEPS):
        moved = mixed(colour, end, step / STEPS)
        if contrast(moved, ground) >= least:
            return moved
    return end
