# SPDX-License-Identifier: AGPL-3.0-or-later
"""The relay of a running node: what its pages in the fediverse's words say, who follows, and what they are told.

`Relay` is all that the web knows of this room. It reads the index for every answer, and keeps nothing in memory but its
key and whom it has heard of lately.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from convergences_protocol.element import ElementId, is_element_text

from convergences_node.archive.model import BodiesErased, Event
from convergences_node.relay.addresses import NAME, Addresses
from convergences_node.relay.documents import Writer, username
from convergences_node.relay.homes import Homes, say_where
from convergences_node.relay.inbox import Inbox, Posted
from convergences_node.relay.publishing import EVENTS_MAX, Publisher
from convergences_node.relay.reading import Told, coming, is_actor, is_within, told
from convergences_node.relay.rows import RELAY, Delivery, Follower
from convergences_node.relay.senders import Sender as Other
from convergences_node.relay.senders import Senders
from convergences_node.relay.sending import Said, Sender
from convergences_node.relay.signing import SigningRsa, make_key
from convergences_node.relay.store import Store
from convergences_node.relay.wire import Wire
from convergences_node.relay.words import with_context
from convergences_node.web import dates, words
from convergences_node.web.messages import catalogue
from convergences_node.web.slugs import SLUG_CHARS_MAX, read_slug

if TYPE_CHECKING:
    from convergences_node.index.views import ElementView, Item
    from convergences_node.town import Town

log = logging.getLogger(__name__)

OUTBOX_WHOLE_MAX = 500
"""Events that an outbox says whole, the next ones first: about a megabyte and a half. The others, all that is told, are
there by their addresses, a hundred bytes each: whoever reads it fetches those that it does not know yet."""
LOOK_SECONDS = 5.0
REST_SECONDS = 30.0
"""Between two comparisons with the index."""
HOUR_SECONDS = 3_600.0
"""Occurrences go by though nobody writes."""

_encode = msgspec.json.Encoder().encode


class Relay:
    """Used from one event loop; `start` and `stop` it with the node."""

    def __init__(self, town: Town, key: SigningRsa) -> None:
        settings = town.web_settings
        private, is_agglomeration = town.config.relay.private, town.config.node.kind == "agglomeration"
        self._town = town
        self._key = key
        self._territory = None if is_agglomeration else settings.territory
        self._zone = dates.zone(None, settings.timezone)
        self.addresses = Addresses(settings.public_url)
        self.store = Store(town.folder)
        wire = Wire(self.addresses, key, private, town.now)
        self._homes = Homes(town.config.node.territory, private)
        self.publisher = Publisher(town.index, self.store, self._territory, self._homes)
        self._sender = Sender(self.store, wire, self._said, town.now)
        self._inbox = Inbox(self.addresses, self.store, Senders(wire, private), private, self._exists, self._welcome)
        self._news = asyncio.Event()
        self._turn = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(cls, town: Town) -> Relay:
        """The relay of a town, with its key, which is made at the first time."""
        return cls(town, SigningRsa(await asyncio.to_thread(town.archive.keys.other, NAME, make_key)))

    def start(self) -> None:
        """Compare, and tell, until `stop`."""
        self._unsubscribe = self._town.archive.subscribe(self._heard)
        self._tasks = [
            asyncio.create_task(self._follow_index(), name="relay"),
            asyncio.create_task(self._sender.run(), name="telling"),
        ]

    async def stop(self) -> None:
        """Stop what `start` started, and close the file."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._tasks:
            self._unsubscribe()
        self.store.close()

    def _heard(self, event: Event) -> None:
        if isinstance(event, BodiesErased):
            self._news.set()

    async def _follow_index(self) -> None:
        loop, done, at = asyncio.get_running_loop(), None, -HOUR_SECONDS
        while True:
            version, past = self._town.index.version, loop.time() - at
            is_moved = version is not None and version != done and past >= REST_SECONDS
            if (is_moved or past >= HOUR_SECONDS or self._news.is_set()) and not self._town.index.rebuilding:
                self._news.clear()
                at = loop.time()
                try:
                    await self.publish()
                    done = version
                except Exception:
                    log.exception("what is to be told could not be found; it will be in a while")
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                continue

    async def publish(self) -> int:
        """Queue what is new, changed or gone; how many elements that were."""
        async with self._turn:
            await self._town.index.catch_up()
            await say_where(self._town, self.addresses.actor(RELAY))
            found = await self.publisher.publish(self._town.now())
        self._sender.wake()
        return found

    # ------------------------------------------------------------------------------------- what is asked of us
    async def take(self, posted: Posted) -> bool:
        """Something was posted; whether it was acted upon. Raises `inbox.Declined`."""
        done = await self._inbox.take(posted, self._town.now())
        self._sender.wake()
        return done

    async def relay(self) -> dict[str, Any]:
        """The relay's own actor."""
        settings = self._town.web_settings
        summary = catalogue(settings.language).text("relay.summary", town=settings.name)
        return with_context((await self._writer([])).relay(settings.name, summary, self._key.public_pem()))

    async def element(self, element: str) -> dict[str, Any] | str | None:
        """An event or an actor; the address where it is told, if that is elsewhere; None for what is neither."""
        event = await self._event(element)
        if event is not None and event.home is not None:
            return event.home
        if event is not None:
            return with_context((await self._writer([event])).event(event))
        view = await self._actor(element)
        if view is None:
            return None
        return with_context((await self._writer([])).group(view.item, view.fields, self._key.public_pem()))

    async def outbox(self, owner: str, *, plain: bool = False) -> list[dict[str, Any] | str]:
        """What was published in somebody's name and is to come: as activities, or the events alone; the later ones by
        their addresses."""
        now, related = self._town.now(), owner or None
        found = await self._town.index.ask(
            lambda db: told(db, coming(db, now, EVENTS_MAX, related), now, self._territory, self._homes)
        )
        own = [one for one in found if owner in (RELAY, one.owner_id)]
        whole, named = own[:OUTBOX_WHOLE_MAX], own[OUTBOX_WHOLE_MAX:]
        writer = await self._writer(whole)
        written = await asyncio.to_thread(lambda: [_listed(writer, one, plain) for one in whole])
        return [*written, *(one.home or self.addresses.element(one.item.id) for one in named)]

    async def exists(self, owner: str) -> bool:
        """Whether this is an actor of ours that can be followed."""
        return owner == RELAY or await self._exists(owner)

    async def named(self, name: str) -> tuple[str, str] | None:
        """The actor of a name (`acct:name@…`), and that name as it is today."""
        if name == NAME:
            return NAME, RELAY
        slug = name.replace("_", "-")
        read = read_slug(slug) if len(slug) <= SLUG_CHARS_MAX else None
        if read is None or read.birth is None:
            return None
        found = await self._town.index.born(words.KINDS_ACTING, read.birth)
        fit = [item for item in found if self._is_actor(item)]
        fit.sort(key=lambda item: username(item) != name)
        return (username(fit[0]), fit[0].id) if fit else None

    async def name_of(self, owner: str) -> tuple[str, str] | None:
        """The name and the id of an actor of ours."""
        if owner == RELAY:
            return NAME, RELAY
        view = await self._actor(owner)
        return None if view is None else (username(view.item), owner)

    async def counted(self) -> tuple[int, int]:
        """How many actors can be followed, and how many events were told, about."""
        return 1 + await self._town.index.count(words.KINDS_ACTING), len(self.store.marks())

    # ------------------------------------------------------------------------------------- inside
    async def _exists(self, element: str) -> bool:
        return await self._actor(element) is not None

    async def _actor(self, element: str) -> ElementView | None:
        view = await self._town.index.element(element) if is_element_text(element) else None
        return view if view is not None and self._is_actor(view.item) else None

    def _is_actor(self, item: Item) -> bool:
        return is_actor(item) and is_within(item, self._territory)

    async def _event(self, element: str) -> Told | None:
        now = self._town.now()
        found = await self._town.index.ask(lambda db: told(db, [element], now, self._territory, self._homes))
        return found[0] if found else None

    async def _writer(self, events: Sequence[Told]) -> Writer:
        themes = sorted({str(theme) for one in events for theme in one.fields.get("themes", ())})
        names: Mapping[str, str] = await self._town.index.names(themes) if themes else {}
        return Writer(self.addresses, self._zone, names)

    async def _welcome(self, new: Follower, sender: Other) -> None:
        """Say yes; point whole servers that follow the relay to what happens next."""
        self.store.queue("Accept", new.actor, new.target, [(sender.host, sender.own_inbox)])
        if new.target == RELAY and sender.is_instance:
            await self.publisher.welcome((new.host, new.inbox), self._town.now())

    async def _said(self, delivery: Delivery) -> Said | None:
        """What a delivery says, written now: what was erased since is not said any more."""
        owner = delivery.owner
        if delivery.verb == "Accept":
            follower = self.store.follower(delivery.about, delivery.owner)
            if follower is None:
                return None
            writer = await self._writer([])
            made = writer.accept(owner, follower.actor, follower.follow, follower.since)
        elif delivery.verb == "Undo":
            home = await self._home(delivery.about)
            if home is None:
                return None  # there is nobody any more to point to
            made = (await self._writer([])).undo(delivery.about, home, self._town.now())
        elif delivery.verb == "Delete":
            owner = owner if await self.exists(owner) else RELAY  # whose key nobody could ask for any more
            made = (await self._writer([])).delete(delivery.about, owner, self._town.now())
        else:
            event = await self._event(delivery.about)
            if event is None:
                return None
            writer = await self._writer([event])
            if delivery.verb == "Announce":
                made = writer.announce(event, owner)
            elif event.home is not None:
                return None  # its own town tells it by now
            else:
                owner, made = event.owner_id, {"Create": writer.create, "Update": writer.update}[delivery.verb](event)
        return owner, _encode(with_context(made))

    async def _home(self, element: str) -> str | None:
        """The address that an element has at its own town's node, where that tells; also of one that is gone."""
        return await self._town.index.ask(lambda db: self._homes.of(db, ElementId.parse(element).territory, element))


def _listed(writer: Writer, one: Told, plain: bool) -> dict[str, Any] | str:
    """An event as an outbox lists it, or, plainly, a list of events."""
    if one.home is not None:
        return one.home if plain else writer.announce(one)
    return writer.event(one) if plain else writer.create(one)
