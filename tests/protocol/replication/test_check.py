# SPDX-License-Identifier: AGPL-3.0-or-later
"""The checks on a batch: the peer is refused for what it did; what the author did is stored with a flag."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest
from convergences_protocol.element import ElementId
from convergences_protocol.errors import RemoteError
from convergences_protocol.keys import SigningKey
from convergences_protocol.merkle import Frontier, leaf_hash
from convergences_protocol.record import author_control, author_record, author_withdrawal
from convergences_protocol.replication.check import BAD_SIGNATURE, TreeMismatch, check_batch, examine
from convergences_protocol.replication.messages import Batch
from convergences_protocol.replication.views import Held
from convergences_protocol.tiles import Slot

KEY = SigningKey.from_seed(bytes(32))
ELEMENT = ElementId.new("FR-93066", 1_750_000_000_000, bytes(10))
FIRST = author_record(KEY, ELEMENT, "theme", {"name": "Eau"}, salt=bytes(16), previous=None, time=1)
FIRST_DIGEST = sha256(FIRST.header).digest()
GONE = author_withdrawal(KEY, ELEMENT, "theme", previous=FIRST_DIGEST, time=2).header
CONTROL = author_control(KEY, "vote", {"for": 1}, 3)
FORGED = FIRST.header[:-1] + bytes([FIRST.header[-1] ^ 1])
HEADERS = (FIRST.header, GONE, CONTROL, FORGED, b"no record", b"")


def _head(headers: tuple[bytes, ...] = HEADERS) -> Held:
    frontier = Frontier()
    frontier.extend([leaf_hash(header) for header in headers])
    return Held(len(headers), frontier.root(), b"a note")


def _batch(headers: tuple[bytes, ...] = HEADERS) -> Batch:
    return Batch(1, 0, headers, (FIRST.body, None, False, FIRST.body, b"stray", False)[: len(headers)], ())


def test_an_authors_bad_leaf_never_refuses_a_batch() -> None:
    """A bad signature, an unknown kind, no record, nothing: all stored, the unreadable ones with the reason."""
    checked = check_batch(Frontier(), _batch(), _head())
    assert checked.headers == HEADERS and checked.frontier.size == 6
    flags = examine(checked)
    assert flags[:3] == (None, None, None) and flags[3] == BAD_SIGNATURE
    assert flags[4] and flags[5]


def test_slots_say_what_came() -> None:
    """A body is here, wanted because its header names one, or never was; stray bytes are not kept."""
    checked = check_batch(Frontier(), _batch(), _head())
    assert checked.slots == (Slot.HERE, Slot.NONE, Slot.NONE, Slot.HERE, Slot.NONE, Slot.NONE)
    assert checked.bodies == (FIRST.body, None, None, FIRST.body, None, None)
    without = check_batch(Frontier(), replace(_batch(), bodies=(None, None, None, False, None, None)), _head())
    assert without.slots[0] is without.slots[3] is Slot.WANTED


def test_a_body_that_does_not_match_is_the_peers_misdeed() -> None:
    """One changed byte in one body refuses the batch; so does a body where the header names none."""
    for at, body in ((0, b"other"), (1, FIRST.body)):
        bodies = list(_batch().bodies)
        bodies[at] = body
        with pytest.raises(RemoteError, match="does not match"):
            check_batch(Frontier(), replace(_batch(), bodies=tuple(bodies)), _head())


def test_records_that_do_not_lead_to_the_head_are_a_mismatch() -> None:
    """Changed, reordered, short or with a wrong proof: a `TreeMismatch`, for the machine to ask whose fault it is."""
    head = _head()
    for headers in (HEADERS[::-1], HEADERS[:-1], (*HEADERS[:-1], b"other")):
        with pytest.raises(TreeMismatch):
            check_batch(Frontier(), replace(_batch(), headers=headers, bodies=(None,) * len(headers)), head)
    with pytest.raises(TreeMismatch):
        check_batch(Frontier(), replace(_batch(), proof=(bytes(32),)), head)


def test_a_batch_continues_exactly_where_the_frontier_ends() -> None:
    """Neither a gap, nor an overlap, nor more than the head covers."""
    with pytest.raises(RemoteError):
        check_batch(Frontier(), replace(_batch(), start=1), _head())
    with pytest.raises(RemoteError):
        check_batch(Frontier(), _batch(), _head(HEADERS[:5]))


def test_the_frontier_given_is_left_as_it_was() -> None:
    """A refused batch can be asked for again: nothing was changed."""
    frontier = Frontier()
    check_batch(frontier, _batch(), _head())
    assert frontier.size == 0
