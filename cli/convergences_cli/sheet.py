# SPDX-License-Identifier: AGPL-3.0-or-later
"""The recovery sheet: what an operator prints, in French and then in English, and puts into a safe."""

import os
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from convergences_protocol.errors import Fault, LocalError
from convergences_protocol.recovery import find_sheet, read_sheet

from convergences_cli.words import say

WIDTH = 78
FILE_CHARS_MAX = 16_384
"""A sheet as it was printed is a tenth of this."""


def sheet_text(founded: Mapping[str, Any], date: str) -> str:
    """The sheet of a node just founded. French first: whoever opens the safe one day may read nothing else."""
    rule = "-" * WIDTH
    lines = [rule, *_part(founded, date, "fr"), ""]
    lines += [f"    {line}" for line in founded["recovery_sheet"]]
    lines += ["", *_part(founded, date, "en"), rule]
    return "\n".join(lines) + "\n"


def _part(founded: Mapping[str, Any], date: str, lang: str) -> list[str]:
    head = say("sheet.for", lang, name=founded["name"], territory=founded["territory"], date=date)
    log = say("sheet.log", lang, origin=founded["origin"])
    prose = [line for key in ("what", "how") for line in textwrap.wrap(say(f"sheet.{key}", lang), WIDTH)]
    return [say("sheet.title", lang), head, log, *prose]


def sheet_words(file: IO[str]) -> str:
    """The words of a sheet, from the whole printed text or from what somebody has typed of it."""
    return find_sheet(file.read(FILE_CHARS_MAX))


def sheet_seed(file: IO[str]) -> bytes:
    """The recovery key's seed; `Refused` with every line that was copied wrongly."""
    return read_sheet(sheet_words(file))


@contextmanager
def private_file(path: Path | None) -> Iterator[Callable[[str], object]]:
    """A new file that only its owner can read, never over another one; gone again if what is inside fails.

    Without a path, what is written goes nowhere.
    """
    if path is None:
        yield lambda text: None
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise LocalError(
            f"the recovery sheet cannot be written to {path}: {error.strerror}",
            fault=Fault("", "sheet_unwritable", {"file": str(path), "reason": str(error.strerror or error)}),
        ) from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yield file.write
    except BaseException:
        path.unlink(missing_ok=True)
        raise
