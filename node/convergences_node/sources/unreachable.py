# SPDX-License-Identifier: AGPL-3.0-or-later
"""Why a server could not be read, told so that whoever declared the source knows what to do: no library's words."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from convergences_protocol.errors import Fault

from convergences_node.faults import words_of

if TYPE_CHECKING:
    from collections.abc import Mapping

MEANINGS: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "status_closed",
    HTTPStatus.PAYMENT_REQUIRED: "status_closed",
    HTTPStatus.FORBIDDEN: "status_closed",
    HTTPStatus.NOT_FOUND: "status_absent",
    HTTPStatus.GONE: "status_absent",
    HTTPStatus.TOO_MANY_REQUESTS: "status_busy",
}
"""The statuses that say more than that something is wrong."""


def status_fault(status: int) -> Fault:
    """A server answered with that status (RFC 9110, section 15)."""
    meaning = MEANINGS.get(status, "status_busy" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else None)
    return Fault("source", "source_status", {"status": status, **({"code": meaning} if meaning else {})})


def unreachable(error: Exception) -> Fault:
    """No answer came, or none that could be read."""
    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Fault("source", "source_no_such_server", {"host": printable(error.host)})
    if isinstance(error, aiohttp.ClientSSLError):
        return Fault("source", "source_certificate", {"host": printable(error.host)})
    if isinstance(error, aiohttp.ClientConnectorError):
        return Fault("source", "source_no_connection", {"host": printable(error.host)})
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return Fault("source", "source_no_reply")
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientResponseError):
        return Fault("source", "source_not_http")
    return Fault("source", "source_unreachable", {"reason": printable(words_of(error))})


def printable(text: str) -> str:
    """What a stranger wrote, as far as it may be shown."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text[:200])
