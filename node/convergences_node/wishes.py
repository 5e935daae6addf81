# SPDX-License-Identifier: AGPL-3.0-or-later
"""A wish to the system is a file in the service's runtime folder: that the device switches itself off, that a release
is installed. The folder is in memory, which may be full as a card may.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from convergences_protocol.errors import Fault, LocalError

from convergences_node.faults import why_of


@contextmanager
def wished() -> Iterator[None]:
    """Around what writes one: `LocalError` where it cannot be written."""
    try:
        yield
    except OSError as error:
        reason = why_of(error)
        raise LocalError(
            f"the system could not be told: {reason}", fault=Fault("", "wish_unwritten", {"reason": reason})
        ) from error
