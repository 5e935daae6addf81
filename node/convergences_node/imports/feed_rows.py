# SPDX-License-Identifier: AGPL-3.0-or-later
"""Entries of a feed: RSS in all its versions, Atom (RFC 4287), CDF; feedparser reads the whole document, apart.

A feed of a town's news is some hundred kilobytes, so a document of more than a few megabytes is refused unread.
feedparser mends what is not quite XML; what it cannot mend has no entries, and says so. Texts come as HTML and leave as
Markdown (`html_text.py`). Whoever wrote to the feed may have written anything: nothing of it is fetched.
"""

import re
from calendar import timegm
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from typing import Any, BinaryIO

from convergences_protocol.errors import Fault
from convergences_protocol.kinds import KINDS

from .html_text import markdown_of, text_of
from .rows import Dialect, Row
from .times import told

FEED_BYTES_MAX = 16 * 1024**2
TEXT_CHARS_MAX = KINDS["content"].by_name["text"].limit
NAME_CHARS_MAX = KINDS["content"].by_name["name"].limit
FIRST_WORDS_CHARS = 80
TAGS_MAX = 50

_ENTRY = re.compile(rb"<(?:[A-Za-z][\w.-]*:)?(?:item|entry)[\s>/]", re.IGNORECASE)

_NESTED = re.compile(
    rb"<!ENTITY\s{1,20}\S{1,100}\s{1,20}(?:\"[^\"]{0,200}&[A-Za-z]|'[^']{0,200}&[A-Za-z]|SYSTEM|PUBLIC)"
)
"""An entity made of others, or of a file: feedparser writes its name where its text should be."""


def read_feed(file: BinaryIO, dialect: Dialect) -> Iterator[Row]:
    """One row an entry, with the name of its feed."""
    import feedparser

    data = file.read(FEED_BYTES_MAX + 1)
    if len(data) > FEED_BYTES_MAX:
        yield Row(1, {}, Fault("row", "file_too_large", {"limit": FEED_BYTES_MAX}))
        return
    if _NESTED.search(data):
        yield Row(1, {}, Fault("row", "xml_entities"))
        return
    # Never the bytes themselves, which feedparser would first take for the name of a file.
    document = feedparser.parse(BytesIO(data))
    if not document.entries:
        yield Row(1, {}, _why_nothing(document))
        return
    lines = _lines(data, len(document.entries))
    feed = _of_feed(document.feed)
    for line, entry in zip(lines, document.entries, strict=True):
        try:
            yield Row(line, feed | _cells(entry))
        # feedparser's values are whatever their writer made them.
        except (TypeError, ValueError, AttributeError, KeyError, OverflowError) as error:
            yield Row(line, {}, Fault("row", "feed_broken", {"reason": str(error)[:200]}))


def _why_nothing(document: Any) -> Fault:
    """A feed may have nothing to say today; what is no feed is broken."""
    if document.get("version"):
        return Fault("row", "feed_no_entry")
    return Fault("row", "feed_broken", {"reason": str(document.get("bozo_exception", "no feed"))[:200]})


def _lines(data: bytes, count: int) -> Sequence[int]:
    """The line of each entry; where they cannot be told apart, its rank."""
    starts = [match.start() for match in _ENTRY.finditer(data)]
    if len(starts) != count:
        return range(1, count + 1)
    lines, line, at = [], 1, 0
    for start in starts:
        line += data.count(b"\n", at, start)
        at = start
        lines.append(line)
    return lines


def _of_feed(feed: Any) -> dict[str, Any]:
    return {
        "feed": text_of(str(feed.get("title") or ""), 100) or None,
        "feed_link": feed.get("link"),
        "language": feed.get("language"),
        "rights": text_of(str(feed.get("rights") or ""), 200) or None,
    }


def _cells(entry: Any) -> dict[str, Any]:
    content = entry.get("content") or []
    body = max((str(part.get("value") or "") for part in content), key=len, default="")
    html = body or str(entry.get("summary") or "")
    # A notice may have no title (RSS 2.0 wants one of the two): its first words are its name.
    title = text_of(str(entry.get("title") or ""), NAME_CHARS_MAX) or text_of(html, FIRST_WORDS_CHARS)
    published = _moment(entry.get("published_parsed") or entry.get("created_parsed"))
    return {
        "id": entry.get("id") or entry.get("link") or _id_of(title, published),
        "title": title,
        "link": entry.get("link"),
        "text": markdown_of(html, TEXT_CHARS_MAX),
        "published": published,
        "updated": _moment(entry.get("updated_parsed")),
        "tags": _tags(entry.get("tags") or []),
        "author": text_of(str(entry.get("author") or ""), 200),
        **_where(entry.get("where") or {}),
    }


def _id_of(title: str, published: str | None) -> str | None:
    """What tells an entry again that has neither id nor address."""
    return sha256(f"{published} {title}".encode("utf-8", "surrogatepass")).hexdigest() if title else None


def _moment(parts: Any) -> str | None:
    """feedparser's nine numbers, always of UTC."""
    try:
        return told(datetime.fromtimestamp(timegm(parts), UTC)) if parts else None
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _tags(tags: Sequence[Any]) -> list[str]:
    labels = (text_of(str(tag.get("label") or tag.get("term") or ""), 200) for tag in tags[:TAGS_MAX])
    return list(dict.fromkeys(filter(None, labels)))


def _where(where: Any) -> dict[str, Any]:
    """GeoRSS: feedparser gives a point as longitude, latitude."""
    coordinates = where.get("coordinates")
    if where.get("type") != "Point" or not coordinates:
        return {}
    return {"lon": coordinates[0], "lat": coordinates[1]}
