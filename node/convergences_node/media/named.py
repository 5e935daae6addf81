# SPDX-License-Identifier: AGPL-3.0-or-later
"""The media that a record names, and where each of their files is: for pages, feeds and other systems alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from convergences_protocol.kinds import KINDS, FieldType
from convergences_protocol.kinds.media import Media, read_media


def address(digest: str, base: str = "") -> str:
    """Where a file of a record is: on this node, or with `base` for who reads it elsewhere."""
    return f"{base}/media/{digest}"


def media_of(kind: str, fields: Mapping[str, object]) -> Iterator[tuple[str, Media]]:
    """The media that a record says, each with the name of its field, in the order of the declaration."""
    for name in media_fields(kind):
        value = fields.get(name)
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                yield name, read_media(each)


@lru_cache(maxsize=256)
def media_fields(kind: str) -> tuple[str, ...]:
    """The fields of a kind that name media. Asked of every record that comes in."""
    declared = KINDS.get(kind)
    return tuple(field.name for field in declared.fields if field.type is FieldType.MEDIA) if declared else ()
