# SPDX-License-Identifier: AGPL-3.0-or-later
"""What an operator is told of a card that refuses: a full one is not to be replaced."""

from __future__ import annotations

import sqlite3

import pytest
from convergences_node.accounts.unkept import writing
from convergences_node.faults import NotNow


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (sqlite3.SQLITE_FULL, "card_full"),
        (sqlite3.SQLITE_IOERR_SHMSIZE, "card_full"),
        (sqlite3.SQLITE_IOERR_WRITE, "card_full"),
        (sqlite3.SQLITE_IOERR_READ, "card_fails"),
    ],
)
def test_a_full_card_is_told_from_one_that_fails(code: int, fault: str) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = code
    with pytest.raises(NotNow) as refused, writing():
        raise error
    assert refused.value.fault is not None and refused.value.fault.code == fault
