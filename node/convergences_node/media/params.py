# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is asked of a node about pictures and documents, and what it answers."""

from __future__ import annotations

from typing import Literal

from convergences_node.params import Params

As = Literal["logo", "banner", "picture", "document"]


class MediaAdd(Params):
    """Put a file of this machine on an element of this node, as a new state of it. `alt` is what a picture shows, or
    what a document is, in words. A logo or a banner takes the place of the one before; any other that of the one whose
    digest begins with `replaces`, if it is given.
    Answer: `{element, origin, index, field, digest, type, bytes, width, height, sizes}`."""

    element: str
    path: str
    use: As
    alt: str
    credit: str | None = None
    licence: str | None = None
    replaces: str | None = None


class MediaDescribe(Params):
    """Say otherwise what a picture or a document is, and keep the file: `file` is the beginning of its digest, at
    least 6 digits. `credit` and `licence` stay as they are unless they are given; an empty one is taken away. What
    changes nothing writes nothing. Answer: `{element, origin, index, digest}`."""

    element: str
    file: str
    alt: str
    credit: str | None = None
    licence: str | None = None


class MediaRemove(Params):
    """Take a picture or a document from an element: `file` is the beginning of its digest, at least 6 digits. The file
    stays for the element's history until the element is erased. Answer: `{element, origin, index, digest}`."""

    element: str
    file: str


class MediaList(Params):
    """Answer: `{element, media: [{field, digest, type, bytes, width, height, alt, credit, licence, here}]}`."""

    element: str
