# SPDX-License-Identifier: AGPL-3.0-or-later
"""An element's pictures and documents, made ready for a template: where each is, how large, and in what words.

The record says sizes and words, so a page is laid out whether the files are here or not. One that is not is asked of
the peers, for the next reader; this one is told so, in the space that the picture will have.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from convergences_protocol.kinds.media import Media

from convergences_node.media.named import address, media_of
from convergences_node.media.shapes import SHARED
from convergences_node.web import markdown
from convergences_node.web.cards import Reading, shorten
from convergences_node.web.town_door import Town

SHOWN_MAX = 60
"""Of one element on its page; the others are in its record."""
FILE_NAME_CHARS_MAX = 80
SAME_SHAPE_PIXELS = 1
"""By which two sizes of one picture differ in shape; one that was cut differs by more."""
_UNFIT = re.compile(r"[^\w .,'’()–-]+")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture in a page."""

    src: str
    srcset: str
    width: int
    height: int
    alt: str
    credit: str
    licence: str
    licence_href: str | None
    here: bool


@dataclass(frozen=True, slots=True)
class Document:
    """A document to be saved."""

    href: str
    title: str
    name: str
    """What it is saved under."""
    size: str
    """And what kind of file it is."""
    credit: str
    licence: str
    licence_href: str | None
    here: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page shows of an element's media."""

    logo: Picture | None = None
    banner: Picture | None = None
    pictures: tuple[Picture, ...] = ()
    documents: tuple[Document, ...] = ()
    shared: Picture | None = None
    """What stands for the page elsewhere (Open Graph), if it is here."""


async def media_shown(town: Town, reading: Reading, kind: str, fields: Mapping[str, object]) -> Shown:
    """What is to be shown; what is not here is asked for."""
    said = list(media_of(kind, fields))[:SHOWN_MAX]
    if not said:
        return Shown()
    digests = {digest for _, medium in said for digest in medium.digests}
    here = await asyncio.to_thread(_here, town, digests)
    for _, medium in said:
        for digest, size in _files(medium):
            if digest not in here:
                town.blobs.want(bytes.fromhex(digest), size)
    pictures = [(name, medium, _picture(medium, here)) for name, medium in said if medium.is_picture]
    apart = {name: picture for name, _, picture in pictures if name in ("logo", "banner")}
    return Shown(
        logo=apart.get("logo"),
        banner=apart.get("banner"),
        pictures=tuple(picture for name, _, picture in pictures if name not in apart),
        documents=tuple(_document(reading, medium, here) for _, medium in said if not medium.is_picture),
        shared=_shared([(name, medium) for name, medium, _ in pictures], here),
    )


def files_here(town: Town) -> Callable[[str], bool]:
    """Whether a file is here for everyone, by its digest: a look into a folder, for the few pictures of a list."""
    # Asked when a picture is: the setup's pages are drawn too, before there is a town that keeps files.
    return lambda digest: town.blobs.store.has_public(digest)


def _here(town: Town, digests: set[str]) -> set[str]:
    found = ((digest, town.blobs.store.find(bytes.fromhex(digest))) for digest in digests)
    return {digest for digest, blob in found if blob is not None}


def _files(medium: Media) -> Iterator[tuple[str, int]]:
    yield medium.digest, medium.bytes
    yield from ((size.digest, size.bytes) for size in medium.sizes)


def _picture(medium: Media, here: set[str]) -> Picture:
    """With its smaller sizes, where a browser may choose; any one that is here is better than none."""
    ratio = medium.height / medium.width
    forms = [size for size in medium.sizes if abs(size.width * ratio - size.height) <= SAME_SHAPE_PIXELS]
    known = [(one.digest, one.width) for one in forms if one.digest in here]
    known += [(medium.digest, medium.width)] if medium.digest in here else []
    best = known[-1][0] if known else medium.digest
    srcset = ", ".join(f"{address(digest)} {width}w" for digest, width in known) if len(known) > 1 else ""
    credit, licence = medium.credit, medium.licence
    return Picture(
        address(best),
        srcset,
        medium.width,
        medium.height,
        medium.alt,
        credit,
        licence,
        markdown.safe_link(licence) if licence else None,
        bool(known),
    )


def _document(reading: Reading, medium: Media, here: set[str]) -> Document:
    name = " ".join(_UNFIT.sub(" ", medium.alt).split())[:FILE_NAME_CHARS_MAX].strip(" .") or medium.digest[:12]
    return Document(
        address(medium.digest),
        shorten(medium.alt),
        f"{name}.pdf",
        reading.messages.text("media.pdf", size=bytes_in_words(reading, medium.bytes)),
        medium.credit,
        medium.licence,
        markdown.safe_link(medium.licence) if medium.licence else None,
        medium.digest in here,
    )


def _shared(pictures: Sequence[tuple[str, Media]], here: set[str]) -> Picture | None:
    """The form made for it, of the first picture that has one; else the banner, a picture, or the logo, as it is."""
    order = {"banner": 1, "logo": 3}
    for _, medium in sorted(pictures, key=lambda one: order.get(one[0], 2 if one[1].sizes else 4)):
        cut = [size for size in medium.sizes if (size.width, size.height) == SHARED and size.digest in here]
        digest, width, height = medium.digest, medium.width, medium.height
        if cut:
            digest, width, height = cut[0].digest, cut[0].width, cut[0].height
        if digest in here:
            return Picture(address(digest), "", width, height, medium.alt, "", "", None, True)
    return None


def images_of(shown: Shown, base: str) -> tuple[str, ...]:
    """The whole addresses of the pictures that are here, the one that stands for the page first."""
    every = (shown.shared, *shown.pictures, shown.banner, shown.logo)
    return tuple(dict.fromkeys(base + one.src for one in every if one is not None and one.here))


def bytes_in_words(reading: Reading, count: int) -> str:
    """A size as people say it: never less than a kilobyte."""
    messages = reading.messages
    if count >= 1_000_000:
        return messages.text("media.megabytes", count=messages.number(round(count / 1_000_000)))
    return messages.text("media.kilobytes", count=messages.number(max(1, round(count / 1000))))
