# SPDX-License-Identifier: AGPL-3.0-or-later
"""Bodies that no reader reads, under sound headers, each for one reason."""

from __future__ import annotations

from collections.abc import Iterator

import cbor2
from convergences_protocol import cbor
from convergences_protocol.record import Record

from tests.vectors.record_parts import ELEMENT, SALT, THEME, statement, with_body


def unreadable_bodies() -> Iterator[tuple[str, str, Record]]:
    good = statement("actor", {"name": "Amicale", "type": "association"})
    assert good.body is not None
    base: dict[str, object] = {"name": "Amicale", "type": "association", "salt": SALT}

    def changed(**changes: object) -> Record:
        return with_body(cbor.encode(base | changes))

    def unencoded(body: object) -> Record:
        return with_body(cbor2.dumps(body))

    yield "other-body", "a body that the header does not name", Record(good.header, good.body[:-1] + b"\x00")
    yield "trailing", "a byte after the body that the header names", Record(good.header, good.body + b"\x00")
    yield "empty-map", "a map of nothing", unencoded({})
    yield "array", "not a map", unencoded([])
    yield "no-salt", "no salt", unencoded({"name": "Amicale", "type": "association"})
    yield "short-salt", "salt of 15 bytes", changed(salt=SALT[:15])
    yield "text-salt", "salt as text", changed(salt="0" * 16)
    yield "disorder", "keys out of order", unencoded({"type": "association", "name": "Amicale", "salt": SALT})
    yield "indefinite", "map of indefinite length", with_body(b"\xbf" + good.body[1:] + b"\xff")
    yield "float", "coordinates as floats", with_body(cbor2.dumps(base | {"location": [48.9, 2.3]}, canonical=True))
    yield "nfd", "a name in form NFD", unencoded({"name": "Cafe\u0301", "salt": SALT, "type": "association"})
    yield "no-name", "a required field is missing", unencoded({"salt": SALT, "type": "association"})
    yield "empty-name", "empty text", changed(name="")
    yield "blank-name", "text of spaces", changed(name=" \u00a0")
    yield "control-character", "a null character", changed(name="Ami\x00cale")
    yield "two-lines", "two lines where one is meant", changed(name="Ami\ncale")
    yield "name-bytes", "a name as bytes", changed(name=b"Amicale")
    yield "name-null", "null where a field should be absent", changed(name=None)
    yield "name-long", "a name of 301 characters", changed(name="a" * 301)
    yield "unknown-term", "a type that no list has", changed(type="guild")
    yield "capital-term", "an own term with a capital", changed(type="x-Guild")
    yield "empty-list", "a list of nothing", changed(themes=[])
    yield "list-alone", "a value where a list is meant", changed(themes=str(THEME))
    yield "long-list", "201 items", changed(other_names=["a"] * 201)
    yield "bad-element", "not an element id", changed(themes=["musique"])
    yield "upper-case-element", "an element id in upper case", changed(themes=[str(THEME).upper()])
    yield "bad-date", "the 30th of February", changed(founded="2026-02-30")
    yield "local-time", "a time of day without an offset", changed(founded="2026-05-14T10:00")
    yield "dates-disorder", "dissolved before founded", changed(founded="2020", dissolved="2019-12-31")
    yield "bad-territory", "not a territory code", changed(town="93066")
    yield "javascript", "an address that is a program", changed(website="javascript:alert(1)")
    yield "bad-email", "not an address", changed(email="amicale")
    yield "latitude", "beyond the pole", changed(location=[900_000_001, 0])
    yield "point-of-three", "a point with a height", changed(location=[0, 0, 0])
    yield (
        "bad-recurrence",
        "a rule by the hour",
        with_body(
            cbor.encode({"name": "a", "type": "event", "start": "2026", "recurrence": "FREQ=HOURLY", "salt": SALT}),
            "action",
        ),
    )
    yield (
        "relation-to-itself",
        "a relation with itself",
        with_body(
            cbor.encode({"subject": str(ELEMENT), "predicate": "about", "object": str(ELEMENT), "salt": SALT}),
            "relation",
        ),
    )
