# SPDX-License-Identifier: AGPL-3.0-or-later
"""Feeds as sites write them: every version of RSS and Atom, nearly XML, and written against their readers."""

import re
from pathlib import Path
from time import process_time

import pytest
from convergences_node.imports.convert import BadRow, Converter
from convergences_node.imports.feed_rows import FEED_BYTES_MAX, read_feed
from convergences_node.imports.html_text import HTML_CHARS_MAX, markdown_of, text_of
from convergences_node.imports.known import known_mapping
from convergences_node.imports.rows import Row, read_rows, sniff

from .beside import data

ITEM = """<item><guid>urn:1</guid><title>Fête &amp; marché</title><link>https://6b.fr/1</link>
<pubDate>Sat, 21 Jun 2026 18:00:00 +0200</pubDate><category>Culture</category>
<description>&lt;p onclick="x()"&gt;Le &lt;b&gt;21&lt;/b&gt;&lt;script&gt;x()&lt;/script&gt;&lt;/p&gt;</description>
</item>"""
RSS = '<?xml version="1.0"?>\n{before}<rss version="2.0"><channel><title>Le 6b</title>\n{item}\n</channel></rss>'

FORBIDDEN = re.compile(r"<(?!https?:|mailto:)[a-z]|javascript:|onerror=|vbscript:", re.IGNORECASE)


def rows_of(path: Path, text: str | bytes) -> list[Row]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    dialect = sniff(path)
    assert dialect.format == "feed"
    with path.open("rb") as file:
        return list(read_feed(file, dialect))


def codes(rows: list[Row]) -> list[str]:
    return [row.fault.code for row in rows if row.fault]


def test_an_entry_is_an_article(tmp_path: Path) -> None:
    """Its text without what runs, its moment in UTC, its line."""
    (row,) = rows_of(tmp_path / "t", RSS.format(before="", item=ITEM))
    assert row.line == 3
    mapping = known_mapping("feed", "t")
    assert mapping is not None
    found = Converter(mapping).convert(row)
    assert (found.kind.name, found.source, found.source_id) == ("content", "Le 6b", "urn:1")
    assert found.fields["name"] == "Fête & marché"
    assert found.fields["text"] == "Le **21**"
    assert found.fields["published"] == "2026-06-21T16:00Z"
    assert found.fields["website"] == "https://6b.fr/1"


def test_a_feed_comes_through_the_door(tmp_path: Path) -> None:
    path = tmp_path / "t"
    rows = rows_of(path, RSS.format(before="<!-- <html> -->", item=ITEM * 3))
    assert list(read_rows(path, sniff(path))) == rows
    assert len(rows) == 3


def test_every_feed_of_the_suite_is_entries_or_a_reason() -> None:
    """Two thousand documents: as many rows as feedparser has entries; what is no feed says so."""
    import feedparser

    files = sorted(path for path in data("events/feeds-feedparser").rglob("*.xml"))
    assert len(files) > 2000
    for path in files:
        dialect = sniff(path)
        if dialect.format != "feed":
            continue
        with path.open("rb") as file:
            rows = list(read_feed(file, dialect))
        with path.open("rb") as file:
            entries = feedparser.parse(file).entries
        assert rows, path.name
        assert len(rows) == max(1, len(entries)), path.name
        assert "wellformed" not in path.parts or not set(codes(rows)) & {"xml_broken"}, path.name


def test_what_the_suite_forbids_is_in_no_text() -> None:
    """Its `sanitize` folder, seven hundred ways to smuggle a script into an entry."""
    mapping = known_mapping("feed", "t")
    assert mapping is not None
    files = sorted(data("events/feeds-feedparser/wellformed/sanitize").glob("*.xml"))
    assert len(files) > 700
    for path in files:
        with path.open("rb") as file:
            rows = list(read_feed(file, sniff(path)))
        for row in rows:
            try:
                fields = Converter(mapping).convert(row).fields
            except BadRow:
                continue
            told = str(fields.get("text")) + str(fields.get("website"))
            assert not re.search(r"<(?!https?:|mailto:)[a-z]|javascript:|onerror=|vbscript:", told, re.IGNORECASE), (
                path.name
            )


LAUGHS = (
    "<!DOCTYPE r [<!ENTITY a0 'ha'>" + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 12)) + "]>"
)


@pytest.mark.parametrize(
    ("before", "title"),
    [
        (LAUGHS, "&a11;"),
        ('<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]>', "&x;"),
        ('<!DOCTYPE r SYSTEM "http://203.0.113.1/r.dtd">', "&x;"),
        (f"<!DOCTYPE r [<!ENTITY x '{'y' * 100_000}'>]>", "&x;" * 10_000),
    ],
)
def test_entities_bring_nothing_in(tmp_path: Path, before: str, title: str) -> None:
    """A thousand million laughs, a file of this machine, a document of another: an entry without them, or none."""
    path = tmp_path / "t"
    item = f"<item><guid>1</guid><title>{title}</title></item>"
    path.write_text(RSS.format(before=before, item=item))
    hostname = Path("/etc/hostname")
    secret = hostname.read_text().strip() if hostname.exists() else "no secret"
    for row in read_rows(path, sniff(path)):
        assert len(str(row.cells)) < 100_000
        assert secret not in str(row.cells) or row.fault


@pytest.mark.parametrize("start", [b"<rss>", b"<feed xmlns='http://www.w3.org/2005/Atom'>"])
def test_a_gigabyte_that_begins_like_a_feed_is_refused_unread(tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "t"
    with path.open("wb") as file:
        file.write(start)
        file.truncate(1024**3)
    (row,) = read_rows(path, sniff(path))
    assert row.fault is not None
    assert row.fault.params == {"limit": FEED_BYTES_MAX}


def test_a_feed_nested_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_text("<rss>" + "<a>" * 300_000)
    (row,) = read_rows(path, sniff(path))
    assert row.fault is not None


def test_a_document_that_is_the_name_of_a_file_is_not_opened(tmp_path: Path) -> None:
    """feedparser opens a text that is a path."""
    path = tmp_path / "t"
    other = tmp_path / "other"
    other.write_text(RSS.format(before="", item=ITEM))
    path.write_text(str(other))
    with path.open("rb") as file:
        assert codes(list(read_feed(file, sniff(path, "feed")))) == ["feed_broken"]


def test_an_xml_of_another_kind_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t"
    path.write_text('<?xml version="1.0"?><!-- <rss> --><kml:kml xmlns:kml="x"/>')
    (row,) = read_rows(path, sniff(path))
    assert row.fault is not None
    assert (row.fault.code, row.fault.params) == ("xml_unknown", {"element": "kml:kml"})


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<p>Un</p><p>deux</p>", "Un\n\ndeux"),
        ("<h2>Titre</h2>texte", "## Titre\n\ntexte"),
        ("<ol><li>a<li>b</ol>", "1. a\n2. b"),
        ('<a href="javascript:x()">a</a> <a href="https://b.fr">b</a>', "a [b](https://b.fr)"),
        ('<a href="https://b.fr">https://b.fr</a>', "<https://b.fr>"),
        ("<img src=x onerror=alert(1)>avant<style>p{}</style>", "avant"),
        ("<b> gras </b>suite", "**gras** suite"),
        ("<em></em>rien", "rien"),
        ("2 < 3 & 4", "2 < 3 & 4"),
        ("", ""),
    ],
)
def test_html_becomes_markdown(html: str, markdown: str) -> None:
    assert markdown_of(html, 1000) == markdown


def test_a_text_that_never_ends_is_cut_at_a_word() -> None:
    """And markup that never ends is not read to its end."""
    assert markdown_of("mot " * 1000, 100) == "mot " * 23 + "mot…"
    for markup in ("<b>", "<ul><li>", "<p><b>", "<a href=x>", "</ul><", "<!--", "<![CDATA["):
        began = process_time()
        assert len(text_of(markup * HTML_CHARS_MAX + "x", 10)) <= 10
        assert len(markdown_of(markup * HTML_CHARS_MAX, 100)) <= 100
        assert process_time() - began < 5
