# SPDX-License-Identifier: AGPL-3.0-or-later
"""Addresses as QR codes (ISO/IEC 18004), drawn here as SVG: from paper to a telephone, without a word to anybody."""

from __future__ import annotations

from markupsafe import Markup


def code_of(address: str) -> Markup:
    """An address as a code: black on white whatever the reader's palette, or no camera reads it."""
    import segno  # most nodes draw none for days, and it weighs 700 KiB

    drawing: str = segno.make(address, error="l").svg_inline(border=3, omitsize=True, light="#fff", svgclass="code")
    return Markup(drawing)  # noqa: S704  shapes and numbers; the address itself is not in it
