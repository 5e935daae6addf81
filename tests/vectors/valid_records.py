# SPDX-License-Identifier: AGPL-3.0-or-later
"""Records that every reader reads."""

from __future__ import annotations

from collections.abc import Iterator

from convergences_protocol import cbor
from convergences_protocol.record import Record, author_control, author_withdrawal

from tests.vectors.record_fields import FULL_FIELDS
from tests.vectors.record_parts import (
    ELEMENT,
    KEY,
    PREVIOUS,
    SALT,
    THEME,
    TIME,
    body_vector,
    sealed,
    sized_payload,
    statement,
    with_body,
)
from tests.vectors.writing import Vector


def valid() -> Iterator[Vector]:
    for kind, fields in FULL_FIELDS.items():
        yield body_vector(f"{kind}", "a first statement", statement(kind, fields), fields)
    short: dict[str, object] = {"name": "Amicale", "type": "association"}
    yield body_vector(
        "edit", "a later statement names the header before it", statement("actor", short, PREVIOUS), short
    )
    own: dict[str, object] = {"name": "Repair café", "type": "x-repair-cafe"}
    yield body_vector("own-term", "a territory's own term", statement("action", own), own)
    named: dict[str, object] = {"name": "Repair café", "type": str(THEME)}
    yield body_vector("element-as-term", "an element as a term", statement("action", named), named)
    withdrawal = author_withdrawal(KEY, ELEMENT, "actor", previous=PREVIOUS, time=TIME)
    yield body_vector("withdrawal", "no body, and always a previous header", Record(withdrawal.header, None), None)
    control = author_control(KEY, "erasure", {"why": "droit à l’oubli", "of": [1, 2, None, True, b"\x00"]}, TIME)
    yield body_vector("control", "content in the header, no element", Record(control, None), None)
    yield body_vector("time-0", "the author's clock may be wrong", Record(author_control(KEY, "a", {}, 0), None), None)
    last = author_control(KEY, "a", {}, 253_402_300_799)
    yield body_vector("time-last", "the last second of 9999", Record(last, None), None)
    yield body_vector("largest-header", "4096 bytes", Record(sealed(sized_payload(4096)), None), None)
    newer = cbor.encode({"name": "Amicale", "type": "association", "salt": SALT, "seen_from_space": True})
    yield body_vector("unknown-field", "a field of a newer version is passed over", with_body(newer), short)
    unknown = cbor.encode({"name": "Pain", "salt": SALT})
    yield body_vector("unknown-kind", "kept, and read by a newer version", with_body(unknown, "offer"), None)
