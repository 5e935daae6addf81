# SPDX-License-Identifier: AGPL-3.0-or-later
"""While the archive is read again: how far that is, for whoever waits for a page, and when a program may ask again."""

from __future__ import annotations

from dataclasses import dataclass

from convergences_node.index.course import Course
from convergences_node.web.messages import Messages
from convergences_node.web.problems import Problem
from convergences_node.web.town_door import Town

RETRY_SECONDS = 5
"""Where nothing is known of how long it takes."""
RETRY_SECONDS_LEAST, RETRY_SECONDS_MOST = 2, 300
"""An archive that is read is then put in order, so that soon is never at once; and what is told ahead is a guess."""


@dataclass(frozen=True, slots=True)
class Wait:
    """How far it is: for a `progress` element, and in words."""

    done: int | None
    """None: nothing has been read yet."""
    total: int
    said: tuple[str, ...]


def starting(town: Town) -> Problem:
    """The Problem of a node that cannot answer yet, with the seconds after which it probably can (RFC 9110 section
    10.2.3)."""
    course = town.index.course
    left = course.seconds_left if course is not None else None
    seconds = RETRY_SECONDS if left is None else min(max(left, RETRY_SECONDS_LEAST), RETRY_SECONDS_MOST)
    return Problem("starting", headers={"Retry-After": str(seconds)})


def wait_of(town: Town, messages: Messages) -> Wait | None:
    """How far the reading is; None where nothing is read again."""
    if town.status().state != "rebuilding":
        return None
    course = town.index.course
    if course is None or not course.total:
        return Wait(None, 1, (messages.text("wait.begins"),))
    if course.done >= course.total:
        return Wait(course.done, course.total, (messages.text("wait.in_order"),))
    said = messages.count("wait.read", course.done, total=messages.number(course.total))
    return Wait(course.done, course.total, (said, *_left(course, messages)))


def _left(course: Course, messages: Messages) -> tuple[str, ...]:
    left = course.seconds_left
    if left is None:
        return ()
    if left >= 3600:
        return (messages.text("wait.hours"),)
    return (messages.text("wait.seconds") if left < 60 else messages.count("wait.minutes", -(-left // 60)),)
