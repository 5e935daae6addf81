# SPDX-License-Identifier: AGPL-3.0-or-later
"""Waiting, in trio's thread, for what the rest of the node answers from its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import trio


async def answer_of(ask: Callable[[Callable[[bytes], None]], None]) -> bytes:
    """What `answer` is called with, once, from whichever thread, after `ask(answer)`."""
    token = trio.lowlevel.current_trio_token()
    answers: list[bytes] = []
    answered = trio.Event()

    def answer(data: bytes) -> None:
        answers.append(data)
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(answered.set)

    ask(answer)
    await answered.wait()
    return answers[0]
