# SPDX-License-Identifier: AGPL-3.0-or-later
"""Signatures that are checked in processes: the verdicts are those given here, whatever the bytes, whatever happens."""

import os
import signal

import pytest
from convergences_node import checkers
from convergences_node.checkers import PROCESSES, RECORDS_FOR_PROCESSES, checking
from convergences_protocol.keys import SigningKey
from convergences_protocol.record import author_control

KEY = SigningKey.from_seed(bytes(32))
SOUND = [author_control(KEY, "note", {"number": number}, 1_780_000_000) for number in range(20)]
FLIPPED = SOUND[0][:-1] + bytes([SOUND[0][-1] ^ 1])
HEADERS = [*SOUND, FLIPPED, b"", b"\xd2", SOUND[1][:-1], SOUND[2] + b"\x00", bytes(100_000)]
VERDICTS = [*[True] * len(SOUND), *[False] * 6]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[checkers.Checkers]:
    """Those whose processes were started."""
    all_started: list[checkers.Checkers] = []

    class Noted(checkers.Checkers):
        def __init__(self) -> None:
            super().__init__()
            all_started.append(self)

    monkeypatch.setattr(checkers, "Checkers", Noted)
    return all_started


@pytest.mark.parametrize("records", [0, RECORDS_FOR_PROCESSES])
def test_here_and_in_processes_the_same_is_said(records: int, started: list[checkers.Checkers]) -> None:
    with checking(records) as signatures:
        assert signatures(HEADERS) == VERDICTS
        assert signatures([]) == []
        assert signatures(HEADERS[-1:]) == [False]
    assert len(started) == (records > 0)


def test_where_the_processes_die_it_is_checked_here(started: list[checkers.Checkers]) -> None:
    with checking(RECORDS_FOR_PROCESSES) as signatures:
        signatures(HEADERS)
        assert len(started[0].processes) == PROCESSES
        for process in started[0].processes:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        assert signatures(HEADERS) == VERDICTS


def test_they_end_with_what_they_were_for(started: list[checkers.Checkers]) -> None:
    with checking(RECORDS_FOR_PROCESSES) as signatures:
        signatures(SOUND)
    assert [process.wait(timeout=30) for process in started[0].processes] == [0] * PROCESSES
