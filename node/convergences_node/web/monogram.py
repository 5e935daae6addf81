# SPDX-License-Identifier: AGPL-3.0-or-later
"""A mark for whoever has no picture: the initials of a name, and a band of shapes that its id alone decides.

Drawn as SVG on the server, in colours that the stylesheet of the page gives; the same element always looks the same.
"""

from __future__ import annotations

import unicodedata
from hashlib import sha256

from markupsafe import Markup, escape

from convergences_node.index.normalise import SMALL_WORDS, words

INITIALS_MAX = 2
SHAPES = 48
"""As many as fill the widest page, at the height that the stylesheet gives them."""
SIDE = 40
# Each in a square of 40: a disc, a quarter, a triangle, a bar, and nothing.
_SHAPES = (
    '<circle cx="{x20}" cy="20" r="14"/>',
    '<path d="M{x},0h40a40,40 0 0 1 -40,40z"/>',
    '<path d="M{x},40l20,-34l20,34z"/>',
    '<path d="M{x8},0h24v40h-24z"/>',
    "",
)


def initials(name: str) -> str:
    """The first letters of the first words that say something: `AV` for “Atelier vélo du Canal”."""
    pieces = [piece for piece in name.replace("’", " ").replace("'", " ").split() if any(map(str.isalnum, piece))]
    said = [piece for piece in pieces if not set(words(piece)) <= SMALL_WORDS] or pieces
    letters = [next(sign for sign in piece if sign.isalnum()) for piece in said[:INITIALS_MAX]]
    return unicodedata.normalize("NFC", "".join(letters)).upper() or "·"


def monogram(name: str) -> Markup:
    """The initials in a square, to stand beside the name that says the same."""
    letters = escape(initials(name))
    return Markup(  # noqa: S704 - the initials were escaped, the rest is ours
        '<svg class="monogram" viewBox="0 0 72 72" aria-hidden="true" focusable="false">'
        '<rect width="72" height="72" rx="14"/><text x="36" y="47" text-anchor="middle">'
        f"{letters}</text></svg>"
    )


def band(element: str) -> Markup:
    """A strip of shapes, an ornament."""
    digest = sha256(element.encode()).digest()
    drawn = "".join(
        _SHAPES[digest[number % len(digest)] % len(_SHAPES)].format(
            x=number * SIDE, x8=number * SIDE + 8, x20=number * SIDE + 20
        )
        for number in range(SHAPES)
    )
    box = f"0 0 {SHAPES * SIDE} {SIDE}"
    return Markup(  # noqa: S704 - shapes and numbers of our own
        f'<svg class="band" viewBox="{box}" preserveAspectRatio="xMinYMid slice" aria-hidden="true" focusable="false">'
        f"{drawn}</svg>"
    )
