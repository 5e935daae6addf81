# SPDX-License-Identifier: AGPL-3.0-or-later
"""The rules of doubt: what makes a node begin a new epoch, and which records go along."""

from __future__ import annotations

from hashlib import sha256

import pytest
from convergences_protocol.checkpoint import Checkpoint
from convergences_protocol.doubt import (
    Doubt,
    Guarded,
    Reason,
    Sure,
    judge_head,
    judge_start,
    to_append_again,
)
from convergences_protocol.keys import SigningKey
from convergences_protocol.merkle import EMPTY_ROOT
from convergences_protocol.record import author_control

ORIGIN = "convergences/FR-93066/0011223344556677"
MACHINE = "serial 1"


def _root(size: int) -> bytes:
    return sha256(b"root %d" % size).digest()


def _judge(guarded: Guarded | None, *, size: int = 100, machine: str | None = MACHINE, torn: bool = False) -> object:
    verdict = judge_start(guarded, torn=torn, machine=machine, size=size, root_at=_root)
    return verdict.reason if isinstance(verdict, Doubt) else verdict


def _guard(size: int, root: bytes | None = None, machine: str | None = MACHINE) -> Guarded:
    return Guarded(Checkpoint(ORIGIN, size, root or _root(size)), machine)


def test_an_archive_that_extends_its_guard_is_sure() -> None:
    """Equal, or ahead: the plug was pulled between the commit and the guard."""
    assert _judge(_guard(100)) == Sure()
    assert _judge(_guard(97)) == Sure()
    assert _judge(Guarded(Checkpoint(ORIGIN, 0, EMPTY_ROOT), MACHINE), size=0) == Sure()


@pytest.mark.parametrize(
    ("guarded", "reason"),
    [
        (None, Reason.GUARD_MISSING),
        (_guard(101), Reason.ARCHIVE_BEHIND_GUARD),
        (_guard(50, bytes(32)), Reason.ARCHIVE_DIFFERS_FROM_GUARD),
        (_guard(100, machine="serial 2"), Reason.MACHINE_CHANGED),
        (_guard(100, machine=None), Reason.MACHINE_CHANGED),
        (Guarded(None, MACHINE), Reason.GUARD_OF_ANOTHER_LOG),
    ],
)
def test_a_restored_or_copied_card_is_in_doubt(guarded: Guarded | None, reason: Reason) -> None:
    """Each way in which guard, archive and machine can disagree has its own reason for the operator."""
    assert _judge(guarded) is reason


def test_a_torn_guard_is_a_doubt() -> None:
    """Rather a new epoch too many than a fork."""
    assert _judge(None, torn=True) is Reason.GUARD_TORN


def test_a_machine_that_lost_its_identity_is_another_machine() -> None:
    """A card moved from a board with a serial to one without."""
    assert _judge(_guard(100), machine=None) is Reason.MACHINE_CHANGED
    assert _judge(_guard(100, machine=None), machine=None) == Sure()


def test_a_peer_can_raise_doubt_by_our_own_signature_alone() -> None:
    """A head of ours that our tree extends changes nothing; a larger or another one does."""
    assert judge_head(Checkpoint(ORIGIN, 60, _root(60)), size=100, root_at=_root) == Sure()
    more = judge_head(Checkpoint(ORIGIN, 101, _root(101)), size=100, root_at=_root)
    other = judge_head(Checkpoint(ORIGIN, 60, bytes(32)), size=100, root_at=_root)
    assert isinstance(more, Doubt) and more.reason is Reason.PEER_SHOWS_MORE
    assert isinstance(other, Doubt) and other.reason is Reason.PEER_SHOWS_OTHER


def test_what_goes_along_to_the_new_epoch() -> None:
    """Readable records that count nowhere yet, once, in order; an opening never."""
    key = SigningKey.from_seed(bytes(32))
    opening = author_control(key, "log", {"territory": "FR-93066"}, 1)
    votes = [author_control(key, "vote", {"for": number}, 2) for number in range(4)]
    present = {sha256(votes[1]).digest()}
    mine = [opening, votes[0], votes[1], b"not a record", votes[2], votes[2], votes[3]]
    assert to_append_again(mine, present) == [1, 4, 6]
    assert to_append_again(mine, present, counts=lambda header: header.content != {"for": 3}) == [1, 4]
