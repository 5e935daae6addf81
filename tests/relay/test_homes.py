# SPDX-License-Identifier: AGPL-3.0-or-later
"""Two relays of one territory, the town's and its agglomeration's: who follows both has each event once."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import aiohttp
from convergences_node.archive.model import NewRecord
from convergences_node.relay.homes import say_where
from convergences_protocol.charter import Charter

from tests.archive.making import RemoteLog, Town
from tests.web.test_surfaces_of_a_cluster import Naming

from .conftest import TERRITORY, Place, node
from .neighbour import ACTIVITY, Neighbour
from .test_following import follow
from .test_sending import quiet

STAINS, CLUSTER = "FR-93072", "FR-200057867"
THERE = "http://stains.example"
FACTS = {"name": "Stains", "code": STAINS, "type": "commune"}


class Stains:
    """A town whose log the agglomeration keeps, record by record."""

    def __init__(self, here: Place) -> None:
        self.here, self.town = here, Town(STAINS)
        self.log = RemoteLog(self.town)
        self.kept = 0
        self.last: dict[str, Any] = {}

    async def say(self, name: str, kind: str, fields: dict[str, Any] | None) -> str:
        """A new record about something of that name; its element."""
        before = self.last.get(name)
        ends = (before.header.element, before.header.digest) if before is not None else (None, None)
        (made,) = self.town.make(NewRecord(kind, fields, *ends))
        self.last[name] = made
        self.log.add(made)
        await self.here.town.archive.keep_log(self.log.town.identity)
        await self.here.town.archive.keep_batch(*self.log.batch(self.kept))
        self.kept = len(self.log.headers)
        own = await self.here.town.archive.read(lambda reader: reader.own_log())
        await self.here.town.index.follow(cast(Charter, Naming({CLUSTER: own.origin, STAINS: self.town.origin})))
        await self.here.town.index.catch_up()  # a new node's first file may still be under way
        return str(made.header.element)


async def heard(here: Place, other: Neighbour) -> list[tuple[str, Any]]:
    """What is told now, and about what."""
    other.heard.clear()
    await here.relay.publish()
    await quiet(here, other.base.removeprefix("http://"))
    assert other.false == []
    return [(one["type"], _about(one["object"])) for one in other.heard]


def _about(thing: Any) -> Any:
    return thing if isinstance(thing, str) else thing.get("object", thing["id"])


async def test_what_a_town_tells_itself_its_agglomeration_only_announces(tmp_path: Path, other: Neighbour) -> None:
    """Told from here while the town is no relay; then taken back here and announced there; and the other way."""
    async with node(tmp_path / "cluster", territory=CLUSTER, kind="agglomeration") as here:
        await follow(here, other)
        await heard(here, other)
        stains = Stains(here)
        await stains.say("Stains", "territory", FACTS)
        concert = {"name": "Concert", "type": "event", "start": here.day(9)}
        event = await stains.say("Concert", "action", concert)
        mine, theirs = f"{here.base}/e/{event}", f"{THERE}/e/{event}"
        assert await heard(here, other) == [("Create", mine), ("Announce", mine)]
        await stains.say("Stains", "territory", FACTS | {"relay": f"{THERE}/relay"})
        assert await heard(here, other) == [("Delete", mine), ("Announce", theirs)]
        assert await heard(here, other) == []
        await stains.say("Concert", "action", concert | {"name": "Grand concert"})
        assert await heard(here, other) == [("Announce", theirs)]
        (item,) = (await here.document("/relay/outbox"))["orderedItems"]
        assert (item["type"], item["object"]) == ("Announce", theirs)
        headers = {"Accept": ACTIVITY}
        async with (
            aiohttp.ClientSession() as session,
            session.get(mine, headers=headers, allow_redirects=False) as answer,
        ):
            assert (answer.status, answer.headers["Location"]) == (302, theirs)
        await stains.say("Stains", "territory", FACTS)
        assert await heard(here, other) == [("Create", mine), ("Announce", mine)], "it tells no longer"
        await stains.say("Stains", "territory", FACTS | {"relay": f"{THERE}/relay"})
        await heard(here, other)
        await stains.say("Concert", "action", None)
        assert await heard(here, other) == [("Undo", theirs)]


async def test_what_a_stranger_says_of_a_town_s_relay_is_not_believed(tmp_path: Path, other: Neighbour) -> None:
    """Only the town's own record, and only of an actor that is a relay's, on the Internet."""
    async with node(tmp_path / "cluster", territory=CLUSTER, kind="agglomeration") as here:
        await here.add("territory", name="Stains", code=STAINS, type="commune", relay=f"{THERE}/relay")
        stains = Stains(here)
        event = await stains.say("Concert", "action", {"name": "Concert", "type": "event", "start": here.day(9)})
        assert (await here.document(f"/e/{event}"))["type"] == "Event"
        await stains.say("Stains", "territory", FACTS | {"relay": f"{THERE}/users/mayor"})
        assert (await here.document(f"/e/{event}"))["type"] == "Event"


async def test_a_relay_says_where_it_tells_in_its_own_log_and_no_longer_when_it_does_not(tmp_path: Path) -> None:
    """Once, whatever often it compares; the rest of the record stays as it was."""
    facts = {"name": "Saint-Denis", "code": TERRITORY, "type": "commune", "population": 150_000}
    async with node(tmp_path / "town", facts=facts) as here:

        async def said() -> tuple[int, dict[str, Any]]:
            await here.town.index.catch_up()
            view = next(each for each in await here.town.index.territories() if each.code == TERRITORY)
            shown = await here.do("show", element=view.element)
            return await here.town.archive.read(lambda reader: reader.own_log().size), shown["fields"]

        await here.relay.publish()
        size, fields = await said()
        assert fields == facts | {"relay": f"{here.base}/relay"}
        await here.relay.publish()
        assert (await said())[0] == size
        assert await say_where(here.town, None) and not await say_where(here.town, None)
        assert (await said())[1] == facts
