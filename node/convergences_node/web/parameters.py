# SPDX-License-Identifier: AGPL-3.0-or-later
"""What may be asked, parameter by parameter: names, schemas and help, from which the API's description is made.

Limits come from the modules that hold to them (`index.query`, the kinds); here they are only said.
"""

from __future__ import annotations

from convergences_protocol.kinds import KINDS

from convergences_node.index.query import DEPTH_MAX, LIMIT_DEFAULT, LIMIT_MAX, RADIUS_METRES_MAX, SORTS, TEXT_CHARS_MAX
from convergences_node.web.route import Parameter

TERRITORY_PATTERN = "^FR-(?:[0-9]{5}|2[AB][0-9]{3}|[0-9]{9}|[0-9]{2}|2[AB]|9[78][0-9]|R[0-9]{2})$"
ELEMENT_PATTERN = (
    TERRITORY_PATTERN.removesuffix("$") + ":[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
)
DATE_PATTERN = "^[12][0-9]{3}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|1[0-9]|2[0-8]))?)?$"
"""A day that every month has: the door takes all of the calendar, and EDTF's hours too."""
TILE_PATTERN = r"^(?:x[0-9]{3}/)*[0-9]{3}(?:\.p/[1-9][0-9]{0,2})?$"

ELEMENT_EXAMPLE = "FR-93066:0193a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b"

_DATE = {"type": "string", "pattern": DATE_PATTERN}

SHEET, SECONDS = "feuille", "secondes"
STOPPED, SECONDS_USUAL, SECONDS_MOST = 0, 15, 300
DISPLAY = (
    Parameter(SHEET, "The number of the sheet; after the last one comes the first.", {"type": "integer", "minimum": 1}),
    Parameter(
        SECONDS,
        "Seconds until the next sheet; 0 lets it stay.",
        {"type": "integer", "minimum": STOPPED, "maximum": SECONDS_MOST, "default": SECONDS_USUAL},
    ),
)
SLUG = Parameter(
    "slug",
    "An actor's name and birth: it leads there whatever the name becomes. The name alone will do.",
    {"type": "string", "minLength": 1, "maxLength": 60, "pattern": r"^[^/]{1,60}$"},
    example="atelier-velo-du-canal",
)
AT = Parameter("at", "A date: as things were then. `2026`, `2026-05`, `2026-05-14`.", _DATE)
DEPTH = Parameter(
    "depth", "How many relations away.", {"type": "integer", "minimum": 1, "maximum": DEPTH_MAX, "default": 1}
)

FACET_FIELDS = tuple(
    sorted({field.name for kind in KINDS.values() for field in kind.fields if field.facet} - {"themes"})
)
"""The fields that some kind declares a facet; themes have a parameter of their own."""

FILTERS = (
    Parameter(
        "q",
        "Words to find, in French or any language.",
        {"type": "string", "maxLength": TEXT_CHARS_MAX},
        example="vélo",
    ),
    Parameter("kind", "Only this kind.", {"type": "string", "enum": list(KINDS)}, many=True),
    Parameter(
        "theme", "Only under this theme, or a narrower one.", {"type": "string", "pattern": ELEMENT_PATTERN}, many=True
    ),
    Parameter(
        "territory",
        "Only born in this territory, or in one inside it or merged into it.",
        {"type": "string", "pattern": TERRITORY_PATTERN},
        many=True,
        example=["FR-93066"],
    ),
    *(
        Parameter(
            f"facet.{name}",
            f"Only where the field `{name}` has this value.",
            {"type": "string", "maxLength": 120},
            many=True,
        )
        for name in FACET_FIELDS
    ),
    Parameter(
        "box",
        "Only located inside: west, south, east, north, in degrees.",
        {"type": "string", "pattern": "^-?1?[0-9]{1,2}(?:[.][0-9]{1,7})?(?:,-?1?[0-9]{1,2}(?:[.][0-9]{1,7})?){3}$"},
        example="2.30,48.90,2.45,48.98",
    ),
    Parameter(
        "circle",
        f"Only located at most so far: latitude, longitude, metres (up to {RADIUS_METRES_MAX}).",
        {
            "type": "string",
            "pattern": "^-?[0-9]{1,2}(?:[.][0-9]{1,7})?,-?1?[0-9]{1,2}(?:[.][0-9]{1,7})?,[1-9][0-9]{0,5}$",
        },
        example="48.936,2.354,500",
    ),
    Parameter("from", "Only what happens at this date or after.", _DATE),
    Parameter("to", "Only what happens at this date or before.", _DATE),
    AT,
    Parameter("related", "Only what is related to this element.", {"type": "string", "pattern": ELEMENT_PATTERN}),
    Parameter(
        "depth",
        "With `related`: how many relations away.",
        {"type": "integer", "minimum": 1, "maximum": DEPTH_MAX, "default": 1},
    ),
    Parameter(
        "sort",
        "The order; by default the nearest to the text, by date if dates are asked, else the newest.",
        {"type": "string", "enum": list(SORTS)},
    ),
)
"""What narrows a question down."""

CURSOR = Parameter(
    "cursor", "The `cursor` of the page before, with the same question.", {"type": "string", "maxLength": 400}
)
SEARCH = (
    *FILTERS,
    Parameter(
        "limit",
        "How many on a page.",
        {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
    ),
    CURSOR,
)
"""A question, and the page of its answer."""
EXPORT = (*FILTERS, CURSOR)
"""A question whose whole answer is taken away, as far as one file holds it."""

VIEW = Parameter(
    "vue",
    "How the page shows the answer: a list, an agenda, a map, a timeline.",
    {"type": "string", "enum": ["liste", "agenda", "carte", "frise"]},
)

ELEMENT = (
    Parameter("id", "The element's id.", {"type": "string", "minLength": 1, "maxLength": 60}, example=ELEMENT_EXAMPLE),
)
LOG = (
    Parameter("territory", "The territory of the log.", {"type": "string", "minLength": 1}, example="FR-93066"),
    Parameter(
        "epoch",
        "The epoch of the log, 16 digits in hex.",
        {"type": "string", "minLength": 1},
        example="0123456789abcdef",
    ),
)
TILE = Parameter(
    "tile",
    "The tile's number in groups of three digits, then `.p/<width>` for a partial one.",
    {"type": "string", "pattern": TILE_PATTERN},
    example="000",
)
DIGEST = Parameter(
    "digest",
    "The file's SHA-256, 64 digits in hex.",
    {"type": "string", "pattern": "^[0-9a-f]{64}$"},
    example="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
)
BUNDLE = Parameter(
    "bundle", "The bundle's number, written as a tile's.", {"type": "string", "pattern": TILE_PATTERN}, example="000"
)
LEVEL = Parameter(
    "level", "The tile's level, 0 for leaves.", {"type": "string", "pattern": "^[0-9]{1,2}$"}, example="0"
)

SITEMAP = (
    Parameter(
        "number",
        "The number of the map in its index.",
        {"type": "string", "pattern": "^[1-9][0-9]{0,3}$"},
        example="1",
    ),
)

PAGES_MAX = 1_000
HISTORY = (
    Parameter(
        "page", "The page, the newest first.", {"type": "integer", "minimum": 1, "maximum": PAGES_MAX, "default": 1}
    ),
)

FRAME_VIEWS = ("liste", "agenda", "carte")
"""What is read at a glance: a timeline of all years is not."""
FRAME_VIEW = Parameter("vue", "How the answer is shown.", {"type": "string", "enum": list(FRAME_VIEWS)})

GROUND, INK, ACCENT, FONT, SIZE = "fond", "encre", "accent", "police", "taille"
SIZE_LEAST, SIZE_MOST = 80, 160
"""Per cent of the letters' size: smaller cannot be read, larger breaks a phone's lines."""
FONT_PATTERN = "[A-Za-z0-9](?:[A-Za-z0-9 _-]{0,38}[A-Za-z0-9])?"
_COLOUR = {"type": "string", "pattern": "^#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$"}
LOOK = (
    Parameter(GROUND, "Colour of the ground, such as `fdfcfa`.", _COLOUR, example="fdfcfa"),
    Parameter(INK, "Colour of the text; moved until it can be read on the ground.", _COLOUR),
    Parameter(ACCENT, "Colour of links and marks; moved until it can be read on the ground.", _COLOUR),
    Parameter(
        FONT,
        "`serif`, `sans`, `mono`, or the name of a font that readers of the site have.",
        {"type": "string", "pattern": f"^{FONT_PATTERN}$"},
        example="serif",
    ),
    Parameter(
        SIZE,
        "Size of the letters, in per cent.",
        {"type": "integer", "minimum": SIZE_LEAST, "maximum": SIZE_MOST, "default": 100},
    ),
)
"""How a frame looks in another site."""

OWN_COLOURS = "site"
EMBED = (
    Parameter("fiche", "The element to embed, instead of a search.", {"type": "string", "pattern": ELEMENT_PATTERN}),
    Parameter(
        "couleurs",
        "`site` for the colours that are given; else a reader's light or dark ones.",
        {"type": "string", "enum": [OWN_COLOURS]},
    ),
)

URL_CHARACTERS_MAX = 2_000
PIXELS_LEAST, PIXELS_MOST = 100, 4_000
_PIXELS = {"type": "integer", "minimum": PIXELS_LEAST, "maximum": PIXELS_MOST}
OEMBED = (
    Parameter(
        "url",
        "The address of a page of this node.",
        {"type": "string", "minLength": 1, "maxLength": URL_CHARACTERS_MAX},
        example="http://127.0.0.1:8750/?vue=agenda",
    ),
    Parameter(
        "format", "Only `json` is spoken here.", {"type": "string", "enum": ["json"], "default": "json"}, example="json"
    ),
    Parameter("maxwidth", "No wider than so many pixels.", _PIXELS),
    Parameter("maxheight", "No higher than so many pixels.", _PIXELS),
)
