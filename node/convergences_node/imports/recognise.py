# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which format a file is in, told by its first bytes: names of files and what servers say of them are not believed."""

import re

ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
OPEN_DOCUMENT = b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet"
LIST_WITHIN = re.compile(r'"(?:features|elements|results|data|events|items|records)"\s*:\s*\[')
"""A document of one line that holds a list under one of these names is not a row."""
TURTLE = re.compile(
    r"(?:#[^\n]{0,2000}\n\s{0,100}){0,20}(?:@?(?:prefix|base)\s+[\w.-]*:?\s*<|(?:<[a-z][a-z+.-]*:[^<>\s]*>|_:\w+)\s+<[a-z][a-z+.-]*:)",
    re.IGNORECASE,
)
"""A prefix or a first statement, after comments; N-Triples is Turtle."""
CALENDAR = re.compile(r"BEGIN:[A-Z-]{3,40}[ \t]*[\r\n]", re.IGNORECASE)
SHAPES: tuple[tuple[str, tuple[str, ...], str | None], ...] = (
    ("gogocarto", (r'"ontology"\s*:\s*"gogo(?:full|compact|sync)"|"sub(?:categories|options)"\s*:\s*\[',), None),
    ("openagenda", (r'"uid"\s*:', r'"(?:firstdate_begin|firstTiming|nextTiming)"\s*:|openagenda\.com/'), None),
    ("schema_org", (r'"@context"\s*:\s*\[?\s*"https?://(?:www\.)?schema\.org/?"',), None),
    ("mobilizon", (r'activitystreams"|"startTime"\s*:', r'"type"\s*:\s*"[A-Z]'), r'"(?:ldp|pair|semapps):'),
    # OpenStreetMap's features have an "@id" too.
    ("jsonld", (r'"@(?:context|graph|id)"\s*:',), r'"type"\s*:\s*"FeatureCollection"'),
    (
        "geojson",
        (r'"type"\s*:\s*"(?:Feature(?:Collection)?|(?:Multi)?(?:Point|LineString|Polygon)|GeometryCollection)"',),
        None,
    ),
)
"""What a JSON document must have, and must not, to be of a format; the most telling first."""
ELEMENT = re.compile(r"<([A-Za-z_][\w.:-]{0,80})")
ELEMENTS = {"html": "schema_org", "gpx": "gpx", "rss": "feed", "feed": "feed", "rdf": "feed", "channel": "feed"}
HTML = re.compile(r"<!doctype\s+html|<(?:head|body|script|meta)\b", re.IGNORECASE)
ASIDES = (("<!--", "-->"), ("<?", "?>"), ("<!", ">"))
RSS_IN_RDF = re.compile("purl.org/rss/|netscape.com/rdf|channel.netscape")
FOREIGN: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "PDF"),
    (b"\x89PNG\r\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"\x1f\x8b", "GZIP"),
    (b"7z\xbc\xaf", "7Z"),
    (b"Rar!", "RAR"),
    (b"{\\rtf", "RTF"),
    (b"SQLite format 3\0", "SQLite"),
)
"""What people have at hand beside tables, by the first bytes."""
NO_TEXT = re.compile(r"[\x01-\x08\x0e-\x19\x1b-\x1f]")
"""What no text has; NUL is not among them, since a file that was cut may end with them."""
NO_TEXT_SHARE = 0.05
LOOKED_AT_CHARS = 1000
EBCDIC_XML = b"\x4c\x6f\xa7\x94"


def recognise(sample: bytes, start: str) -> str:
    """The name of the format; `start` is the sample as text, without the white space before it."""
    if sample.startswith((ZIP, OLE)):
        return _workbook(sample)
    if foreign(sample):
        return "foreign"
    if start.startswith(("[", "{")):
        return _json(start)
    if CALENDAR.match(start):
        return "ics"
    if sample.startswith(EBCDIC_XML):
        return "feed"
    if TURTLE.match(start):
        return "turtle"
    if start.startswith("<"):
        return _marked_up(start)
    return "foreign" if _is_no_text(start[:LOOKED_AT_CHARS]) else "csv"


def foreign(sample: bytes) -> str | None:
    """The name of what these bytes begin, if no table can be read from it."""
    return next((name for mark, name in FOREIGN if sample.startswith(mark)), None)


def _is_no_text(start: str) -> bool:
    return len(NO_TEXT.findall(start)) > NO_TEXT_SHARE * len(start)


def _workbook(sample: bytes) -> str:
    """An OpenDocument file names itself in its first member (part 2, section 3.3)."""
    if sample.startswith(OLE):
        return "xls"
    return "ods" if OPEN_DOCUMENT in sample[:200] else "xlsx"


def _marked_up(start: str) -> str:
    """The first element's name tells; RDF needs a second look, since RSS 1.0 is written in it."""
    name = first_element(start).rpartition(":")[2].lower()
    if name == "rdf" and not RSS_IN_RDF.search(start):
        return "xml"
    page = HTML.match(start) is not None
    return ELEMENTS.get(name, "schema_org" if page else "xml")


def first_element(start: str) -> str:
    """The name of the document's element, past declarations and comments; empty if there is none to be seen."""
    at = 0
    while (opened := start.find("<", at)) >= 0:
        end = next((end for begin, end in ASIDES if start.startswith(begin, opened)), None)
        if end is None:
            found = ELEMENT.match(start, opened)
            return found[1] if found else ""
        closed = start.find(end, opened)
        if closed < 0:
            return ""
        at = closed + len(end)
    return ""


def _json(start: str) -> str:
    """Objects that end on their lines are rows; a document is told by the names that only its kind has."""
    first, _, rest = start.partition("\n")
    alone = first.startswith("{") and first.rstrip().endswith("}")
    if alone and rest.strip():
        return "ndjson"
    for name, needed, unless in SHAPES:
        if all(re.search(one, start) for one in needed) and not (unless and re.search(unless, start)):
            return name
    # One object alone on its line may be the only row of a file of rows.
    return "ndjson" if alone and not LIST_WITHIN.search(first) else "json"
