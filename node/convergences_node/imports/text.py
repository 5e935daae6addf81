# SPDX-License-Identifier: AGPL-3.0-or-later
"""From a file's bytes to its lines: which encoding, and never more than one bounded line in memory.

A file that somebody exported from a spreadsheet is UTF-8, or Windows' own encoding, or UTF-16; it seldom says which.
A byte-order mark decides; else strict UTF-8; else charset-normalizer's guess on a sample. Where that turns out wrong
further on, the line is marked and refused by whoever reads it, and the next line is read.
"""

import codecs
import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

from convergences_protocol.errors import Fault, LocalError

SAMPLE_BYTES = 256 * 1024
"""Enough text to tell French apart from noise; charset-normalizer takes a second on more."""
LINE_CHARS_MAX = 1024 * 1024
"""A record's body is at most 64 KiB; a line sixteen times longer is a mistake, not a row."""

BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Asked about a French table, charset-normalizer may answer with one of dozens of pages that differ by a sign or two.
LIKELY = ["cp1252", "iso8859_15", "latin_1", "mac_roman", "cp850", "utf_16_le", "utf_16_be"]
WIDE: dict[tuple[bool, ...], str] = {
    (True, True, True, False): "utf-32-be",
    (False, True, True, True): "utf-32-le",
    (True, False, True, False): "utf-16-be",
    (False, True, False, True): "utf-16-le",
}
WIDE_BYTES = 4000
WIDE_SHARE = 0.6
"""A text of accents, dashes and euros only would be needed to fall below."""
UNDECODED = "".join(chr(code) for code in range(0xDC80, 0xDD00))


@dataclass(frozen=True, slots=True)
class Line:
    """One physical line with its number (from 1). `fault` says why its text is not to be used."""

    number: int
    text: str
    fault: Fault | None = None


def detect_encoding(sample: bytes) -> str:
    """The name of the encoding that the sample is most likely in."""
    for mark, name in BOMS:
        if sample.startswith(mark):
            return name
    if wide := _wide(sample[: WIDE_BYTES - WIDE_BYTES % 4]):
        return wide
    return "utf-8" if _is_utf8(sample) else _guess(sample)


def _wide(sample: bytes) -> str | None:
    """UTF-16 and UTF-32 without their mark: most letters of our languages leave the same bytes zero, and others not."""
    zeros = [sample[at::4].count(0) * 4 > len(sample) * WIDE_SHARE for at in range(4)]
    return WIDE.get(tuple(zeros))


def known_encoding(name: str) -> str:
    """The name itself, if it is that of an encoding of text; else refused."""
    try:
        "é".encode(name)
    except LookupError:
        raise LocalError(
            f"the encoding {name[:40]!r} is not known",
            hint="utf-8 or cp1252, for example",
            fault=Fault("", "encoding_unknown", {"given": name[:40]}),
        ) from None
    except UnicodeError:
        pass  # an encoding without é, such as ASCII, is one all the same
    return name


def _is_utf8(sample: bytes) -> bool:
    """UTF-8 is told by its own rules; a character cut by the sample's end does not speak against it."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(sample, final=False)
    except UnicodeDecodeError:
        return False
    return True


def _guess(sample: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(sample[:SAMPLE_BYTES], cp_isolation=LIKELY).best()
    # `latin_1` in the wild is cp1252, which also has the typographic apostrophe and the euro.
    name = best.encoding if best else "cp1252"
    return "cp1252" if name in ("latin_1", "ascii") else name


def read_lines(file: BinaryIO, encoding: str) -> Iterator[Line]:
    """The file's lines with their ends, one at a time; too long or undecodable ones come marked, without their text."""
    multibyte = encoding.replace("_", "-").startswith(("utf-16", "utf-32"))
    # `surrogateescape` keeps what could not be decoded recognisable; UTF-16 has no room for it.
    errors = "replace" if multibyte else "surrogateescape"
    text = io.TextIOWrapper(file, encoding=encoding, errors=errors, newline="")
    try:
        yield from _lines(text, "\ufffd" if multibyte else UNDECODED, encoding)
    finally:
        # The file belongs to the caller, who opened it, and may have closed it already.
        with suppress(ValueError):
            text.detach()


def _lines(text: io.TextIOWrapper, marks: str, encoding: str) -> Iterator[Line]:
    number = 0
    strange = frozenset(marks)
    while line := text.readline(LINE_CHARS_MAX):
        number += 1
        if len(line) == LINE_CHARS_MAX and not line.endswith(("\n", "\r")):
            _skip_line(text)
            yield Line(number, "\n", Fault("row", "row_too_long", {"limit": LINE_CHARS_MAX}))
        elif not line.isascii() and not strange.isdisjoint(line):
            yield Line(number, "\n", Fault("row", "row_encoding", {"encoding": encoding}))
        else:
            yield Line(number, line)


def _skip_line(text: io.TextIOWrapper) -> None:
    while (rest := text.readline(LINE_CHARS_MAX)) and not rest.endswith(("\n", "\r")):
        pass
