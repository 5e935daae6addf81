# SPDX-License-Identifier: AGPL-3.0-or-later
"""The one thread for quick questions: each is answered once, in order, and a failing one harms no other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
from convergences_node.index import lane
from convergences_node.index.lane import Lane


class Oracle:
    """Answers with the question's double, once it may; odd questions are refused."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()
        self.heard: list[int] = []

    def __call__(self, question: int) -> int:
        assert self.may_answer.wait(10)
        self.heard.append(question)
        if question % 2:
            raise ValueError(question)
        return question * 2


@pytest.fixture
async def oracle() -> Oracle:
    return Oracle()


@pytest.fixture
async def asked(oracle: Oracle) -> AsyncIterator[Lane[int, int]]:
    made = Lane(oracle, "test lane")
    yield made
    oracle.may_answer.set()
    await asyncio.to_thread(made.close)


async def test_each_question_has_its_own_answer(oracle: Oracle, asked: Lane[int, int]) -> None:
    many = range(lane.TOLD_AT_ONCE_MAX * 5 + 3)
    futures = [asked.ask(question) for question in many]
    oracle.may_answer.set()
    found = await asyncio.wait_for(asyncio.gather(*futures, return_exceptions=True), 10)
    assert oracle.heard == list(many)
    assert [each if isinstance(each, int) else str(each) for each in found] == [
        str(question) if question % 2 else question * 2 for question in many
    ]


async def test_a_question_nobody_waits_for_is_not_answered(oracle: Oracle, asked: Lane[int, int]) -> None:
    first, second, third = (asked.ask(question) for question in (2, 4, 6))
    second.cancel()
    oracle.may_answer.set()
    assert (await first, await third) == (4, 12)
    assert oracle.heard == [2, 6]


async def test_it_says_when_to_ask_elsewhere(oracle: Oracle, asked: Lane[int, int]) -> None:
    futures = [asked.ask(0) for _ in range(lane.WAITING_MAX + 1)]
    assert asked.is_full
    oracle.may_answer.set()
    await asyncio.gather(*futures)
    assert not asked.is_full


async def test_what_was_asked_before_it_closes_is_answered(oracle: Oracle) -> None:
    made = Lane(oracle, "test lane")
    futures = [made.ask(question) for question in (2, 4)]
    oracle.may_answer.set()
    await asyncio.to_thread(made.close)
    assert await asyncio.gather(*futures) == [4, 8]
