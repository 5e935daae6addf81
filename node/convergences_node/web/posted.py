# SPDX-License-Identifier: AGPL-3.0-or-later
"""What was posted as text: in the encoding that its sender names, which may be none, or another one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from convergences_node.web.problems import Problem


@contextmanager
def readable() -> Iterator[None]:
    """Around the reading of a body as text or as a form: bytes that are not what they are said to be are the sender's
    mistake, and no error of ours."""
    try:
        yield
    except (LookupError, UnicodeError):
        raise Problem("malformed") from None
