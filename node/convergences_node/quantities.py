# SPDX-License-Identifier: AGPL-3.0-or-later
"""Whole numbers as a sentence of a catalogue says them: with the word that they count, or as a size.

`{rows:line|lines}` is `1 line` or `2 lines`; `{limit:size}` is `64 MiB`. English has its singular for one alone, French
for none and one (CLDR, plural rules: `one` is i = 0,1). What is no whole number is left as it is.
"""

from __future__ import annotations

from typing import Any

UNITS = {"fr": ("octets", "Kio", "Mio", "Gio", "Tio"), "en": ("bytes", "KiB", "MiB", "GiB", "TiB")}
SINGULAR = {"fr": (0, 1), "en": (1,)}


class _Quantity(int):
    language = "en"

    def __format__(self, spec: str) -> str:
        if spec == "size":
            return self._size()
        one, bar, many = spec.partition("|")
        if not bar:
            return super().__format__(spec)
        return f"{int(self)} {one if self in SINGULAR[self.language] else many}"

    def _size(self) -> str:
        units = UNITS[self.language]
        power = min(max(self.bit_length() - 1, 0) // 10, len(units) - 1)
        number = f"{self / (1 << 10 * power):.3g}"
        return f"{number.replace('.', ',') if self.language == 'fr' else number}\u00a0{units[power]}"


def said(value: Any, language: str) -> Any:
    """A value for `str.format` in that language."""
    if type(value) is not int:
        return value
    quantity = _Quantity(value)
    quantity.language = language
    return quantity
