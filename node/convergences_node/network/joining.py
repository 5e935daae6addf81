# SPDX-License-Identifier: AGPL-3.0-or-later
"""Joining over the wire: the town's signed answer goes to the agglomeration, and what it says comes back.

The answer can be sent again at any time: the agglomeration enrols a log once, and says so the second time. It goes by
whatever address of the invitation answers first, libp2p (`/convergences/join/1`) or HTTP (`POST /api/v1/join`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from convergences_protocol.errors import ConvergencesError, Fault, Refused, RemoteError
from convergences_protocol.invitation import Invitation

from convergences_node.faults import words_of
from convergences_node.network.addresses import is_http
from convergences_node.network.transport import JOIN_BYTES_MAX, Transport
from convergences_node.network.whole_answer import whole_answer

HTTP_SECONDS_MAX = 30.0
JOIN_PATH = "/api/v1/join"
LATER = frozenset({429, 500, 502, 503, 504})
"""Statuses of an agglomeration, or of a proxy before it, that has not judged the answer."""
REFUSAL_BYTES_MAX = 1_000
_JOINED, _REFUSED = b"\x01", b"\x00"
"""Over libp2p, the first byte of what comes back: an answer, or a refusal in words."""


class JoinRefused(RemoteError):  # noqa: N818 - the agglomeration refused, nothing failed
    """The agglomeration answered, and said no."""


@dataclass(frozen=True, slots=True)
class Joined:
    """What the agglomeration says of an answer that it took."""

    origin: str
    state: str
    """`enrolled`, or `already enrolled` when the same answer had come before."""

    def encode(self) -> bytes:
        """As it travels."""
        return json.dumps({"origin": self.origin, "state": self.state}).encode()


def read_joined(data: bytes) -> Joined:
    """What came back, which anyone could have sent: only the charter, once fetched, proves the enrolment."""
    try:
        value = json.loads(data[:JOIN_BYTES_MAX])
        return Joined(str(value["origin"]), str(value["state"]))
    except (ValueError, KeyError, TypeError):
        raise RemoteError("what came back from the agglomeration cannot be read") from None


async def send_answer(invitation: Invitation, answer: bytes, p2p: Transport | None) -> Joined:
    """Send the answer to each address of the invitation until one takes it. Raises the last reason if none does."""
    nowhere = RemoteError(
        f"the invitation of {invitation.name} gives no address that this node can reach",
        hint="ask for an invitation with an address: convergences invite --address",
        fault=Fault("", "invitation_without_address", {"name": invitation.name}),
    )
    return read_joined(await send_word(invitation.addresses, invitation.agglomeration.key, answer, p2p, nowhere))


async def send_word(
    addresses: Sequence[str], key: bytes, word: bytes, p2p: Transport | None, nowhere: ConvergencesError
) -> bytes:
    """What the node of that key answers to a word that needs no acquaintance, at the first address that answers.

    Raises `JoinRefused` if it says no, else the last reason; `nowhere` if no address can be tried.
    """
    last = nowhere
    for address in addresses:
        try:
            if is_http(address):
                return await _send_http(address, word)
            if p2p is not None:
                return _read_p2p(await p2p.join(address, key, word))
        except (JoinRefused, Refused):
            raise
        except ConvergencesError as error:
            last = error
    raise last


def joined_answer(data: bytes) -> bytes:
    """What is sent back over libp2p to who was taken in."""
    return _JOINED + data


def refused_answer(error: ConvergencesError) -> bytes:
    """What is sent back over libp2p to who was not."""
    return _REFUSED + str(error).encode()[:REFUSAL_BYTES_MAX]


def _read_p2p(data: bytes) -> bytes:
    if data[:1] == _JOINED:
        return data[1:]
    raise JoinRefused(
        f"the agglomeration refused: {data[1:].decode(errors='replace')}",
        fault=Fault("", "join_refused", {"reason": data[1:].decode(errors="replace")}),
    )


async def _send_http(address: str, answer: bytes) -> bytes:
    import aiohttp

    url = address.rstrip("/") + JOIN_PATH
    timeout = aiohttp.ClientTimeout(total=HTTP_SECONDS_MAX)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.post(url, data=answer) as response:
            data = await whole_answer(response, JOIN_BYTES_MAX)
            if response.status == 200:
                return data
            if response.status in LATER:
                raise RemoteError(
                    f"{url} cannot answer now: {_problem(data, response.status)}",
                    fault=Fault("", "join_later", {"url": url, "reason": _problem(data, response.status)}),
                )
            raise JoinRefused(
                f"the agglomeration refused: {_problem(data, response.status)}",
                fault=Fault("", "join_refused", {"reason": _problem(data, response.status)}),
            )
    except (TimeoutError, aiohttp.ClientError) as error:
        raise RemoteError(
            f"no answer from {url}: {words_of(error)}",
            fault=Fault("", "join_no_answer", {"url": url}),
        ) from error


def _problem(data: bytes, status: int) -> str:
    """The words of an RFC 9457 problem, if it is one."""
    try:
        problem = json.loads(data)
        return str(problem.get("detail") or problem.get("title") or status)
    except (ValueError, AttributeError):
        return str(status)
