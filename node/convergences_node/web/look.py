# SPDX-License-Identifier: AGPL-3.0-or-later
"""The look that another site gives to what it embeds: its colours, its font, its size of letters.

Given as parameters of the address, each checked at the door; the colours are corrected until everything can be read,
whatever was chosen. They are served as a stylesheet of their own, so that the page itself carries no style and its
policy stays strict. Without a ground, the frame is light or dark as the reader prefers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from convergences_node.web.colours import MARK, TEXT, WHITE, Colour, contrast, corrected, mixed, read_colour
from convergences_node.web.etag import CACHE_ASK, conditional
from convergences_node.web.parameters import ACCENT, FONT, FONT_PATTERN, GROUND, INK, SIZE, SIZE_LEAST, SIZE_MOST
from convergences_node.web.problems import Problem

SOFT = 0.72
"""How far the quieter text is from the ground towards the ink."""
_FONT = re.compile(FONT_PATTERN)
FAMILIES = {
    "serif": 'Georgia, "Noto Serif", serif',
    "sans": 'system-ui, "Noto Sans", sans-serif',
    "mono": 'ui-monospace, "Liberation Mono", monospace',
}
"""Fonts that every computer has; any other is named, and used where the reader has it: nothing is fetched."""

# The palettes of style.css that a chosen ground leaves open, for a light ground and for a dark one.
_KINDS = {
    False: {"actor": "7a3d0c", "action": "0b5864", "place": "4d5b12", "warn": "8f3310"},
    True: {"actor": "f0b487", "action": "86d3de", "place": "c5d486", "warn": "f2a98b"},
}
_PAPER = {False: Colour(253, 252, 250), True: Colour(21, 23, 24)}
_INK = {False: Colour(29, 28, 26), True: Colour(236, 235, 232)}


@dataclass(frozen=True, slots=True)
class Look:
    """What a site asked for; None where it leaves the choice to us."""

    ground: Colour | None = None
    ink: Colour | None = None
    accent: Colour | None = None
    font: str = ""
    size: int = 100

    def params(self) -> list[tuple[str, str]]:
        """The parameters of this look, without those that change nothing."""
        pairs = [
            *((name, str(value or "").removeprefix("#")) for name, value in self._colours()),
            (FONT, self.font),
            (SIZE, str(self.size) if self.size != 100 else ""),
        ]
        return [(name, value) for name, value in pairs if value]

    def _colours(self) -> list[tuple[str, Colour | None]]:
        return [(GROUND, self.ground), (INK, self.ink), (ACCENT, self.accent)]

    @property
    def sheet(self) -> str:
        """Where the stylesheet of this look is."""
        return f"/cadre.css?{urlencode(self.params())}" if self.params() else ""


def look_of(query: Mapping[str, str]) -> Look:
    """The look that an address asks for. Raises a Problem with every fault."""
    faults: list[tuple[str, str, Mapping[str, object]]] = []
    colours = {}
    for name in (GROUND, INK, ACCENT):
        text = query.get(name, "").strip()
        colours[name] = read_colour(text) if text else None
        if text and colours[name] is None:
            faults.append((name, "not_a_colour", {}))
    font, size = query.get(FONT, "").strip(), query.get(SIZE, "").strip()
    if font and not _FONT.fullmatch(font):
        faults.append((FONT, "not_a_font", {}))
    if size and not (size.isascii() and size.isdigit() and len(size) <= 3 and SIZE_LEAST <= int(size) <= SIZE_MOST):
        faults.append((SIZE, "not_between", {"least": SIZE_LEAST, "most": SIZE_MOST}))
    if faults:
        raise Problem("query-refused", faults=faults)
    return Look(colours[GROUND], colours[INK], colours[ACCENT], font, int(size or 100))


async def look_show(request: web.Request) -> web.Response:
    """The stylesheet of a look, for the pages under `/cadre`."""
    body = sheet_of(look_of(request.query)).encode()
    return conditional(request, body, "text/css; charset=utf-8", cache=CACHE_ASK)


def sheet_of(look: Look) -> str:
    """The stylesheet's text: only names and numbers of our own, and what the door let through."""
    rules = []
    if look.ground is not None:
        scheme = "dark" if look.ground.is_dark else "light"
        rules.append(f":root {{ color-scheme: {scheme}; {_palette(look, look.ground)} }}")
    elif look.ink or look.accent:
        rules.append(f":root {{ {_palette(look, _PAPER[False])} }}")
        rules.append(f"@media (prefers-color-scheme: dark) {{ :root {{ {_palette(look, _PAPER[True])} }} }}")
    if look.font:
        family = FAMILIES.get(look.font, f'"{look.font}", {FAMILIES["sans"]}')
        rules.append(f"body {{ font-family: {family}; }}")
    if look.size != 100:
        rules.append(f"html {{ font-size: {1.125 * look.size:.4g}%; }}")
    return "\n".join(rules) + "\n"


def _palette(look: Look, ground: Colour) -> str:
    """Every colour of style.css, each with the contrast that it needs on this ground."""
    kinds = {name: read_colour(text) or WHITE for name, text in _KINDS[ground.is_dark].items()}
    ink = corrected(look.ink or _INK[ground.is_dark], ground, TEXT)
    accent = corrected(look.accent or kinds["action"], ground, TEXT)
    tint = mixed(ground, accent, 0.12)
    colours = {
        "paper": ground,
        "card": ground,
        "sand": ground,
        "ink": ink,
        "ink-soft": corrected(mixed(ground, ink, SOFT), ground, TEXT),
        "line": mixed(ground, ink, 0.2),
        "mark": corrected(mixed(ground, ink, 0.5), ground, MARK),
        "accent": accent,
        "accent-soft": tint if min(contrast(ink, tint), contrast(accent, tint)) >= TEXT else ground,
        "on-accent": corrected(ground, accent, TEXT),
        **{name: corrected(colour, ground, TEXT) for name, colour in kinds.items()},
    }
    if look.accent:
        colours["action"] = accent
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())
