# SPDX-License-Identifier: AGPL-3.0-or-later
"""What residents call a source: the words that a mapping gives beside a source's name, kept for the pages to show.

A record says the name of its source, which is a code and stays as it is, for the same row is known by it. The words are
this node's own, in one small file beside its archive; where it is lost, the next import of the source writes it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from convergences_node.archive.durable import replace_durably
from convergences_node.read_only import why_read_only

TITLES_NAME = "source-titles.json"
TITLES_MAX = 1_000
"""Of all sources together; those that were written down first stay."""
TITLE_CHARACTERS_MAX = 200
CODE_CHARACTERS_MAX = 200
FILE_BYTES_MAX = 1 << 21
"""All of them in the widest letters."""


def read_titles(path: Path) -> dict[str, str]:
    """The words for each source that has some; none where the file is not there, or is not ours."""
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(FILE_BYTES_MAX), type=dict[str, str])
    except (OSError, ValueError):
        return {}


def keep_titles(folder: Path, titles: Mapping[str, str]) -> None:
    """Write down what a mapping calls its sources, if it says anything new; a card that takes no write is let be."""
    path = folder / TITLES_NAME
    before = read_titles(path)
    told = {code: " ".join(words.split())[:TITLE_CHARACTERS_MAX] for code, words in titles.items()}
    given = {code: words for code, words in told.items() if words and len(code) <= CODE_CHARACTERS_MAX}
    now = dict(list((before | given).items())[:TITLES_MAX])
    if now != before and why_read_only(folder) is None:
        replace_durably(path, msgspec.json.encode(now))
