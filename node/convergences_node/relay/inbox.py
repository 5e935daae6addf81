# SPDX-License-Identifier: AGPL-3.0-or-later
"""What is posted to a relay: whoever wants to be told, or no longer does. Everything else is let go unread.

Checked before anybody is asked for anything: the size, the shape, whether it concerns us, the server, the digest, the
date. Then the sender's key is fetched, and the signature must be its own; a signature is taken once. Nothing is kept of
what is refused or let go.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import msgspec

from convergences_node.relay.addresses import Addresses, host_of
from convergences_node.relay.rows import Follower
from convergences_node.relay.senders import Sender, Senders, TooMany
from convergences_node.relay.signing import (
    DATE_SECONDS_MAX,
    BadSignature,
    Signature,
    check_body,
    check_date,
    check_signature,
    read_signature,
)
from convergences_node.relay.store import Full, Store
from convergences_node.relay.wire import GONE, Unreachable

BODY_BYTES_MAX = 16 * 1024
"""Of an activity; a wish to follow has about two thousand, with its context and a second signature."""
FOLLOW, UNDO, DELETE = "Follow", "Undo", "Delete"
HEARD = (FOLLOW, UNDO, DELETE)
ID_CHARS_MAX = 1_000


class Declined(Exception):  # noqa: N818 - says what was done with it
    """An activity that is not taken: an HTTP status, and a word for the administrator of the other server."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Posted:
    """A request, as it came."""

    target: str
    """Path and question mark, as they were sent."""
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Wish:
    """What an activity wants of us."""

    verb: str
    id: str
    actor: str
    host: str
    target: str | None
    """Whom of ours it is about; None: everybody, or what `follow` names."""
    follow: str | None = None
    """The id of the wish that is taken back."""


class Inbox:
    """One relay's inbox. `welcome` is called for each new follower that was remembered."""

    def __init__(
        self,
        addresses: Addresses,
        store: Store,
        senders: Senders,
        private: bool,
        exists: Callable[[str], Awaitable[bool]],
        welcome: Callable[[Follower, Sender], Awaitable[None]],
    ) -> None:
        self._addresses = addresses
        self._store = store
        self._senders = senders
        self._private = private
        self._exists = exists
        self._welcome = welcome

    async def take(self, posted: Posted, now: int) -> bool:
        """Whether it was acted upon; False if it does not concern us. Raises `Declined`."""
        wish = self._wish(_decoded(posted.body))
        if wish is None:
            return False
        if self._store.is_blocked(wish.host):
            raise Declined(403, "blocked")
        sender = await self._proved(wish, posted, now)
        if sender is None:
            self._store.unfollow(wish.actor)
            return True
        if wish.verb == FOLLOW:
            await self._follow(wish, sender, now)
        else:
            self._store.unfollow(wish.actor, wish.target, wish.follow)
        return True

    # ------------------------------------------------------------------------------------- what it wants
    def _wish(self, activity: Mapping[str, Any]) -> Wish | None:
        """What it wants of us, if anything. Raises `Declined` for what has not the shape of an activity."""
        verb, thing = activity.get("type"), activity.get("object")
        if verb not in HEARD:
            return None
        actor, id_ = _id_of(activity.get("actor")), activity.get("id")
        host = host_of(actor, self._private)
        if actor is None or host is None or not isinstance(id_, str) or not 0 < len(id_) <= ID_CHARS_MAX:
            raise Declined(400, "activity-unfit")
        if verb == FOLLOW:
            target = self._addresses.owner_of(_id_of(thing))
            return None if target is None else Wish(verb, id_, actor, host, target)
        if not self._store.follows(actor):
            return None  # whole servers tell all others of every account that is gone
        if verb == DELETE:
            return Wish(verb, id_, actor, host, None) if _id_of(thing) == actor else None
        return self._undone(thing, id_, actor, host)

    def _undone(self, thing: Any, id_: str, actor: str, host: str) -> Wish | None:
        """To undo a wish to follow; told whole, or by its id."""
        if isinstance(thing, str):
            return Wish(UNDO, id_, actor, host, None, thing)
        if not isinstance(thing, dict) or thing.get("type") != FOLLOW:
            return None
        target = self._addresses.owner_of(_id_of(thing.get("object")))
        return None if target is None else Wish(UNDO, id_, actor, host, target)

    # ------------------------------------------------------------------------------------- whether it is theirs
    async def _proved(self, wish: Wish, posted: Posted, now: int) -> Sender | None:
        """Who sent it; None for an account that its own server says is gone. Raises `Declined`."""
        try:
            signature = read_signature(posted.headers.get("Signature"))
            check_body(posted.headers, posted.body)
            check_date(posted.headers, now)
            if host_of(signature.key_id, self._private) != wish.host:
                raise BadSignature("key-of-another")
            sender = await self._signer(wish, signature, posted)
        except BadSignature as bad:
            raise Declined(401, bad.code) from None
        except TooMany:
            raise Declined(503, "too-busy") from None
        except Unreachable as unreachable:
            if wish.verb == DELETE and unreachable.status in GONE:
                return None
            raise Declined(401, "actor-unreachable") from None
        seen = sha256(signature.value + posted.target.encode("utf-8", "replace")).digest()
        if not self._store.is_new(seen, now, 2 * DATE_SECONDS_MAX):
            raise Declined(401, "said-before")
        return sender

    async def _signer(self, wish: Wish, signature: Signature, posted: Posted) -> Sender:
        """The actor, whose key has signed; asked again if it may have a new key."""
        for anew in (False, True):
            sender = await self._senders.find(wish.actor, anew=anew)
            try:
                if signature.key_id != sender.key_id:
                    raise BadSignature("key-of-another")
                check_signature(signature, sender.pem, "post", posted.target, self._addresses.host, posted.headers)
                return sender
            except BadSignature:
                if anew:
                    raise
        raise AssertionError("asked twice")

    # ------------------------------------------------------------------------------------- what is done
    async def _follow(self, wish: Wish, sender: Sender, now: int) -> None:
        assert wish.target is not None, "a wish to follow names whom"
        if wish.target and not await self._exists(wish.target):
            raise Declined(404, "nobody-here")
        new = Follower(wish.actor, wish.target, sender.inbox, sender.host, wish.id, now)
        try:
            self._store.follow(new)
        except Full:
            raise Declined(503, "followers-full") from None
        await self._welcome(new, sender)


def _decoded(body: bytes) -> Mapping[str, Any]:
    if len(body) > BODY_BYTES_MAX:
        raise Declined(413, "activity-large")
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise Declined(400, "activity-unreadable") from None
    if not isinstance(found, dict):
        raise Declined(400, "activity-unfit")
    return found


def _id_of(thing: Any) -> str | None:
    """Things are told by their id, or whole."""
    found = thing.get("id") if isinstance(thing, dict) else thing
    return found if isinstance(found, str) and 0 < len(found) <= ID_CHARS_MAX else None
