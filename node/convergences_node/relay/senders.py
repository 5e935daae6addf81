# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who sent an activity: its actor is asked for, and with it the key that must have signed.

An actor is asked of the very address that the activity names, and says its key itself; that key, its inboxes and the
key's name must be of the same server, so that nobody is told what they did not ask for. What was learnt is kept an hour
in memory and nowhere else. How often one server, and all of them, are asked is bounded: anybody can claim to be one.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from convergences_node.relay.addresses import host_of
from convergences_node.relay.signing import PEM_CHARS_MAX
from convergences_node.relay.wire import Unreachable, Wire
from convergences_node.web.security import TokenBuckets

KEPT_SECONDS = 3_600.0
FRESH_SECONDS = 300.0
"""What was learnt so lately is not asked again because a signature is false."""
KEPT_MAX = 500
HOST_ASKED_PER_SECOND, HOST_ASKED_BURST = 0.1, 10
ALL_ASKED_PER_SECOND, ALL_ASKED_BURST = 1.0, 60
ASKED_AT_ONCE_MAX = 4
WAITING_MAX = 16


class TooMany(Exception):  # noqa: N818 - says what there is
    """More is asked of us than we ask of others."""


@dataclass(frozen=True, slots=True)
class Sender:
    """An actor elsewhere, as far as it matters here."""

    actor: str
    host: str
    key_id: str
    pem: str
    inbox: str
    """Its server's, if there is one for all."""
    own_inbox: str
    is_instance: bool
    """It stands for a whole server and not for a person."""


class Senders:
    """Those that were heard of lately."""

    def __init__(self, wire: Wire, private: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._wire = wire
        self._private = private
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, Sender]] = OrderedDict()
        self._of_host = TokenBuckets(HOST_ASKED_PER_SECOND, HOST_ASKED_BURST, clock)
        self._of_all = TokenBuckets(ALL_ASKED_PER_SECOND, ALL_ASKED_BURST, clock)
        self._at_once = asyncio.Semaphore(ASKED_AT_ONCE_MAX)
        self._waiting = 0

    async def find(self, actor: str, *, anew: bool = False) -> Sender:
        """The actor at an address, `anew` if what is known of it may be old. Raises `Unreachable`, `TooMany`."""
        known = self._kept.get(actor)
        if known is not None and self._clock() - known[0] < (FRESH_SECONDS if anew else KEPT_SECONDS):
            return known[1]
        host = host_of(actor, self._private)
        if host is None:
            raise Unreachable("no address that may be asked")
        if self._waiting >= WAITING_MAX or self._of_host.take(host) or self._of_all.take(""):
            raise TooMany
        self._waiting += 1
        try:
            async with self._at_once:
                found = self._read(actor, host, await self._wire.ask(actor.partition("#")[0]))
        finally:
            self._waiting -= 1
        self._keep(found)
        return found

    def _keep(self, found: Sender) -> None:
        self._kept[found.actor] = (self._clock(), found)
        self._kept.move_to_end(found.actor)
        if len(self._kept) > KEPT_MAX:
            self._kept.popitem(last=False)

    def _read(self, actor: str, host: str, document: Mapping[str, Any]) -> Sender:
        """Raises `Unreachable` for a document that is no actor's, or names other servers."""
        key = _key_of(document, actor)
        endpoints = document.get("endpoints")
        shared = endpoints.get("sharedInbox") if isinstance(endpoints, dict) else None
        own = document.get("inbox")
        inbox = shared if host_of(shared, self._private) == host else own
        if document.get("id") != actor or key is None or host_of(own, self._private) != host:
            raise Unreachable("it is no actor")
        if host_of(key["id"], self._private) != host:
            raise Unreachable("its key is another server's")
        is_instance = document.get("type") in ("Application", "Service")
        return Sender(actor, host, key["id"], key["publicKeyPem"], str(inbox), str(own), is_instance)


def _key_of(document: Mapping[str, Any], actor: str) -> Mapping[str, str] | None:
    """The actor's key, the first if it has several."""
    given = document.get("publicKey")
    for key in given if isinstance(given, list) else [given]:
        if isinstance(key, dict) and key.get("owner") == actor:
            pem = key.get("publicKeyPem")
            if isinstance(key.get("id"), str) and isinstance(pem, str) and len(pem) <= PEM_CHARS_MAX:
                return key
    return None
