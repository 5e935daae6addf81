# SPDX-License-Identifier: AGPL-3.0-or-later
"""Long work beside a page: however it fails, the page that asked for it has something to say."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
from typing import Any
from unittest.mock import Mock

import pytest
from convergences_node.beside import Beside
from convergences_node.fault_sentences import said_in
from convergences_node.params import Tell
from convergences_node.web.operator import update_page
from convergences_protocol.errors import LocalError


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (LocalError("no stick"), "no stick"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "Ce travail n’a pas abouti : il n’y a plus de place"),
        (sqlite3.DatabaseError("malformed"), "Ce travail n’a pas abouti : malformed."),
        (AssertionError(), "Ce travail n’a pas abouti : AssertionError."),
    ],
)
async def test_a_failure_is_never_silent(error: Exception, words: str) -> None:
    """Also one that nobody thought of; the next work begins without it."""
    beside = Beside("work")

    async def fail(tell: Tell) -> None:
        raise error

    async def succeed(tell: Tell) -> None:
        tell({"done": 1, "total": 1})

    beside.begin(fail)
    assert beside._task is not None
    await beside._task
    assert beside.failed is not None and said_in(beside.failed, "fr").startswith(words)
    beside.begin(succeed)
    await beside._task
    assert beside.failed is None and beside.share == 100


async def test_an_update_that_was_prepared_while_one_is_looking_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page said neither that it was being prepared nor that it was there, and did not ask again."""
    preparing, staged = Beside("preparing an update"), asyncio.Event()
    preparing.begin(lambda tell: staged.wait())

    async def found(request: Any, where: str) -> Any:
        there = {"staged": staged.is_set()}
        staged.set()
        assert preparing._task is not None
        await preparing._task
        return there, {}

    monkeypatch.setattr(update_page, "_found", found)
    seen, _ = await update_page._found_meanwhile(Mock(), "", preparing)
    assert seen == {"staged": True}
