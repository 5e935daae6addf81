# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which format a file is in, told by its first bytes: names of files and what servers say of them are not believed."""

import re

LIST_WITHIN = re.compile(r'"(?:features|elements|results|data|events|items|records)"\s*:\s*\[')
"""A document of one line that holds a list under one of these names is not a row."""
ELEMENT = re.compile(r"<(?:[\w.-]+:)?([A-Za-z][\w.-]*)")
ELEMENTS = {"gpx": "gpx"}


def recognise(sample: bytes, start: str) -> str:
    """The name of the format; `start` is the sample as text, without the white space before it."""
    if start.startswith(("[", "{")):
        return _json(start)
    if start.startswith("<"):
        return _marked_up(start)
    return "csv"


def _marked_up(start: str) -> str:
    """The first element's name tells."""
    first = ELEMENT.search(start)
    return ELEMENTS.get(first[1].lower(), "csv") if first else "csv"


def _json(start: str) -> str:
    """A list or a collection is one JSON document; an object that ends on its line is one of many."""
    if '"FeatureCollection"' in start:
        return "geojson"
    if start.startswith("["):
        return "json"
    first, _, rest = start.partition("\n")
    if not first.rstrip().endswith("}"):
        return "json"
    return "json" if not rest.strip() and LIST_WITHIN.search(first) else "ndjson"
