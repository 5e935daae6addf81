# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which format a file is in, told by its first bytes: names of files and what servers say of them are not believed."""

import re

ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
OPEN_DOCUMENT = b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet"
LIST_WITHIN = re.compile(r'"(?:features|elements|results|data|events|items|records)"\s*:\s*\[')
"""A document of one line that holds a list under one of these names is not a row."""
CALENDAR = re.compile(r"BEGIN:[A-Z-]{3,40}[ \t]*[\r\n]", re.IGNORECASE)
SHAPES = (
    (
        "geojson",
        re.compile(
            r'"type"\s*:\s*"(?:Feature(?:Collection)?|(?:Multi)?(?:Point|LineString|Polygon)|GeometryCollection)"'
        ),
    ),
)
"""What a JSON document is told by, the most telling first."""
ELEMENT = re.compile(r"<(?:[\w.-]+:)?([A-Za-z][\w.-]*)")
ELEMENTS = {"gpx": "gpx"}


def recognise(sample: bytes, start: str) -> str:
    """The name of the format; `start` is the sample as text, without the white space before it."""
    if sample.startswith((ZIP, OLE)):
        return _workbook(sample)
    if start.startswith(("[", "{")):
        return _json(start)
    if CALENDAR.match(start):
        return "ics"
    if start.startswith("<"):
        return _marked_up(start)
    return "csv"


def _workbook(sample: bytes) -> str:
    """An OpenDocument file names itself in its first member (part 2, section 3.3)."""
    if sample.startswith(OLE):
        return "xls"
    return "ods" if OPEN_DOCUMENT in sample[:200] else "xlsx"


def _marked_up(start: str) -> str:
    """The first element's name tells."""
    first = ELEMENT.search(start)
    return ELEMENTS.get(first[1].lower(), "csv") if first else "csv"


def _json(start: str) -> str:
    """Objects that end on their lines are rows; a document is told by the names that only its kind has."""
    first, _, rest = start.partition("\n")
    alone = first.startswith("{") and first.rstrip().endswith("}")
    if alone and rest.strip():
        return "ndjson"
    for name, shape in SHAPES:
        if shape.search(start):
            return name
    # One object alone on its line may be the only row of a file of rows.
    return "ndjson" if alone and not LIST_WITHIN.search(first) else "json"
