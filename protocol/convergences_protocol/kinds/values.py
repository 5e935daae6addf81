# SPDX-License-Identifier: AGPL-3.0-or-later
"""What each type of field accepts: one judge a type, from a value to the code of what is wrong, or None.

A judge looks only at its value, the field's limit and its terms. Text is never empty (an absent field says nothing
better), carries no control characters, and is counted in characters, as a person counts them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from unicodedata import is_normalized

from ..codes import is_territory
from ..edtf import EDTF_BYTES_MAX, is_edtf
from ..element import is_element_text
from ..recurrence import RECURRENCE_BYTES_MAX, is_recurrence
from .media import media_fault

Judge = Callable[[object, int, tuple[str, ...]], str | None]

LATITUDE_E7_MAX = 900_000_000
LONGITUDE_E7_MAX = 1_800_000_000
RING_POINTS_MIN = 3
"""A ring closes by itself; a first point repeated at the end is let through, since GeoJSON's are written so."""

LIMITS: Mapping[str, int] = MappingProxyType(
    {
        "text": 500,
        "markdown": 20_000,
        "term": 100,
        "integer": 2**53 - 1,  # what JSON readers keep exact
        "boolean": 1,
        "date": EDTF_BYTES_MAX,
        "recurrence": RECURRENCE_BYTES_MAX,
        "timezone": 50,
        "url": 2000,
        "email": 254,  # RFC 5321 section 4.5.3.1.3, less the brackets
        "phone": 40,
        "language": 35,  # BCP 47 section 4.4.1
        "element": 49,
        "territory": 12,
        "point": 2,
        "outline": 5000,
        "digest": 64,
        "colour": 7,
        "media": 1,
    }
)

# Controls, the line and paragraph separators, and lone halves of surrogate pairs, which no encoding carries.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_UNSEEN_BUT_LINES = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_OWN_TERM = re.compile("x-[a-z0-9]+(?:-[a-z0-9]+)*")
_URL = re.compile(r"https?://[^\s/?#\"<>\\^`{|}@]+(?:[/?#][^\s\"<>\\^`{|}]*)?")
_EMAIL = re.compile(r"[^\s@\"(),:;<>\[\\\]]+@[^\s@.\"(),:;<>\[\\\]]+(?:\.[^\s@.\"(),:;<>\[\\\]]+)+")
_PHONE = re.compile(r"\+?[0-9][0-9 ().\-/]*[0-9]")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_TIMEZONE = re.compile(r"UTC|[A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z0-9_+\-]+){1,2}")
_DIGEST = re.compile("[0-9a-f]{64}")
_COLOUR = re.compile("#[0-9a-f]{6}")


def is_own_term(value: str) -> bool:
    """Whether `value` is a territory's own term (`x-repair-cafe`) or names an element as one."""
    return _OWN_TERM.fullmatch(value) is not None or is_element_text(value)


def _written(unseen: re.Pattern[str]) -> Judge:
    """The judge of texts that people write."""

    def judge(value: object, limit: int, _terms: tuple[str, ...]) -> str | None:
        if type(value) is not str:
            return "wrong_type"
        if not value or value.isspace():
            return "empty"
        if len(value) > limit:
            return "too_long"
        # What Python calls printable has nothing unseen in it, and is told faster; a line's end is looked at.
        if not value.isprintable() and unseen.search(value):
            return "unseen_characters"
        return None if value.isascii() or is_normalized("NFC", value) else "not_nfc"

    return judge


_text, _markdown = _written(_UNSEEN), _written(_UNSEEN_BUT_LINES)


def _term(value: object, limit: int, terms: tuple[str, ...]) -> str | None:
    if type(value) is not str:
        return "wrong_type"
    if value in terms:
        return None
    return None if len(value) <= limit and is_own_term(value) else "unknown_term"


def _integer(value: object, limit: int, _terms: tuple[str, ...]) -> str | None:
    if type(value) is not int:
        return "wrong_type"
    return None if -limit <= value <= limit else "out_of_range"


def _boolean(value: object, _limit: int, _terms: tuple[str, ...]) -> str | None:
    return None if type(value) is bool else "wrong_type"


def _shaped(shape: re.Pattern[str], code: str) -> Judge:
    """The judge of texts that one pattern describes."""

    def judge(value: object, limit: int, _terms: tuple[str, ...]) -> str | None:
        if type(value) is not str:
            return "wrong_type"
        if len(value) > limit:
            return "too_long"
        sound = shape.fullmatch(value) and not _UNSEEN.search(value) and is_normalized("NFC", value)
        return None if sound else code

    return judge


def _parsed(accepts: Callable[[object], bool], code: str) -> Judge:
    """The judge of texts that another module reads."""

    def judge(value: object, _limit: int, _terms: tuple[str, ...]) -> str | None:
        if type(value) is not str:
            return "wrong_type"
        return None if accepts(value) else code

    return judge


def _point(value: object, _limit: int, _terms: tuple[str, ...]) -> str | None:
    if type(value) is not list or len(value) != 2:
        return "wrong_type"
    return _coordinates(value)


def _coordinates(flat: list[object]) -> str | None:
    """Latitude, longitude, latitude, … each within the Earth."""
    each = iter(flat)
    for latitude, longitude in zip(each, each, strict=True):
        if type(latitude) is not int or type(longitude) is not int:
            return "wrong_type"
        if not (-LATITUDE_E7_MAX <= latitude <= LATITUDE_E7_MAX and -LONGITUDE_E7_MAX <= longitude <= LONGITUDE_E7_MAX):
            return "out_of_range"
    return None


def _outline(value: object, limit: int, _terms: tuple[str, ...]) -> str | None:
    if type(value) is not list or not value:
        return "wrong_type"
    points = 0
    for polygon in value:
        if type(polygon) is not list or not polygon:
            return "wrong_type"
        for ring in polygon:
            if type(ring) is not list or len(ring) % 2 or len(ring) < 2 * RING_POINTS_MIN:
                return "wrong_type"
            points += len(ring) // 2
            if code := _coordinates(ring):
                return code
    return None if points <= limit else "too_long"


def _media(value: object, _limit: int, _terms: tuple[str, ...]) -> str | None:
    return media_fault(value, lambda text, limit: _text(text, limit, ()))


JUDGES: Mapping[str, Judge] = MappingProxyType(
    {
        "text": _text,
        "markdown": _markdown,
        "term": _term,
        "integer": _integer,
        "boolean": _boolean,
        "date": _parsed(is_edtf, "bad_date"),
        "recurrence": _parsed(is_recurrence, "bad_recurrence"),
        "timezone": _shaped(_TIMEZONE, "bad_timezone"),
        "url": _shaped(_URL, "bad_url"),
        "email": _shaped(_EMAIL, "bad_email"),
        "phone": _shaped(_PHONE, "bad_phone"),
        "language": _shaped(_LANGUAGE, "bad_language"),
        "element": _parsed(is_element_text, "bad_element"),
        "territory": _parsed(is_territory, "bad_territory"),
        "point": _point,
        "outline": _outline,
        "digest": _shaped(_DIGEST, "bad_digest"),
        "colour": _shaped(_COLOUR, "bad_colour"),
        "media": _media,
    }
)
